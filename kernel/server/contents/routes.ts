import { isObject } from "../../protocol/messages.ts";
import { HttpError } from "../errors.ts";
import { type Ctx, jsonBody, newRoutes, objectBody, pathAfter, type Routes } from "../http.ts";
import { isModel } from "./bodies.ts";
import type { Contents } from "./contents.ts";
import type { ContentsModel, Wanted } from "./model.ts";

/** /api/contents of a server whose paths begin with `base`. */
export function contentsRoutes(contents: Contents, base: string): Routes {
  const routes = newRoutes();
  const prefix = `${base}api/contents`;
  const at = (c: Ctx) => pathAfter(c, prefix);
  const { checkpoints } = contents;

  /** The path, and the checkpoint when the request is about one ("" for all of a file's). */
  const split = (c: Ctx): { file: string; checkpoint: string | undefined } => {
    const found = /^(.*)\/checkpoints(?:\/([^/]+))?$/.exec(at(c));
    return found ? { file: found[1]!, checkpoint: found[2] ?? "" } : { file: at(c), checkpoint: undefined };
  };
  const finish = (c: Ctx, model: ContentsModel, status: 200 | 201 = 200) => {
    c.header("Location", `${prefix}/${encoded(model.path)}`);
    return answer(c, model, status);
  };

  const get = async (c: Ctx) => {
    const { file, checkpoint } = split(c);
    if (checkpoint !== undefined) return c.json(await checkpoints.list(file));
    return answer(c, await contents.get(file, wanted(c)), 200);
  };

  const post = async (c: Ctx) => {
    const { file, checkpoint } = split(c);
    if (checkpoint === "") {
      const model = await checkpoints.create(file);
      c.header("Location", `${prefix}/${encoded(file)}/checkpoints/${model.id}`);
      return c.json(model, 201);
    }
    if (checkpoint !== undefined) {
      await checkpoints.restore(file, checkpoint);
      return c.body(null, 204);
    }
    if ((await contents.kindOf(file)) === "file")
      throw new HttpError(400, "Cannot POST to files, use PUT instead.");
    const body = await jsonBody(c);
    const { copy_from, type, ext } = isObject(body) ? body : {};
    if (typeof copy_from === "string" && copy_from !== "")
      return finish(c, await contents.copy(copy_from, file), 201);
    return finish(c, await contents.newUntitled(file, type, ext), 201);
  };

  const put = async (c: Ctx) => {
    const file = at(c);
    const body = await jsonBody(c);
    if (!isModel(body)) return finish(c, await contents.newUntitled(file, undefined, undefined), 201);
    if (body.copy_from) throw new HttpError(400, "Cannot copy with PUT, only POST");
    const isNew = (await contents.kindOf(file, 400)) !== "file";
    const expected = c.req.header("if-match")?.replace(/^"|"$/g, "");
    return finish(c, await contents.save(file, completed(body, file), expected), isNew ? 201 : 200);
  };

  const patch = async (c: Ctx) => {
    const body = await objectBody(c);
    const file = at(c);
    const to = typeof body.path === "string" ? body.path.replace(/^\/+|\/+$/g, "") : file;
    return finish(c, await contents.rename(file, to));
  };

  const remove = async (c: Ctx) => {
    const { file, checkpoint } = split(c);
    if (checkpoint) await checkpoints.delete(file, checkpoint);
    else await contents.delete(file);
    return c.body(null, 204);
  };

  for (const pattern of ["/api/contents", "/api/contents/*"]) {
    routes.get(pattern, get);
    routes.post(pattern, post);
    routes.put(pattern, put);
    routes.patch(pattern, patch);
    routes.delete(pattern, remove);
  }
  return routes;
}

function answer(c: Ctx, model: ContentsModel, status: 200 | 201): Response {
  c.header("Last-Modified", new Date(model.last_modified).toUTCString());
  return c.json(model, status);
}

function wanted(c: Ctx): Wanted {
  const one = <T extends string>(name: string, values: readonly T[]): T | undefined => {
    const value = c.req.query(name);
    if (value === undefined || value === "" || value === "null") return undefined;
    if (!(values as readonly string[]).includes(value))
      throw new HttpError(400, `${name} ${JSON.stringify(value)} is invalid`);
    return value as T;
  };
  return {
    type: one("type", ["directory", "file", "notebook"]),
    format: one("format", ["text", "base64"]),
    content: one("content", ["0", "1"]) !== "0",
    hash: one("hash", ["0", "1"]) === "1",
  };
}

/** A model for a new file may leave out what its name tells, and its content. */
function completed(body: { [name: string]: unknown }, file: string): { [name: string]: unknown } {
  const type = body.type ?? (file.endsWith(".ipynb") ? "notebook" : "file");
  return { ...body, type };
}

function encoded(apiPath: string): string {
  return apiPath.split("/").map(encodeURIComponent).join("/");
}
