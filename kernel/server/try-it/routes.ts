// /api/tilewright/try-it: a model comes in, is worked on, and goes out as a bundle or a notebook.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream as WebStream } from "node:stream/web";
import type { Contents } from "../contents/contents.ts";
import { HttpError } from "../errors.ts";
import { type Ctx, newRoutes, objectBody, type Routes } from "../http.ts";
import type { TryEvent } from "./events.ts";
import { files, notebooks } from "./files.ts";
import { notebookOf } from "./notebook.ts";
import { parseOptions } from "./options.ts";
import type { Tries } from "./tries.ts";

/** The largest body with options. */
const mostOptions = 2 ** 20;

/** The routes; a model is as large as any body may be. */
export function tryRoutes(
  tries: Tries,
  contents: Contents,
  limits: { maxBody: number; seconds: number },
): Routes {
  const routes = newRoutes();
  const all = "/api/tilewright/try-it";
  const one = `${all}/:id{[0-9a-f]{32}}`;

  routes.get(all, async (c) => c.json({ ...limits, machine: await tries.machine() }));

  routes.post(all, async (c) => {
    const name = fileName(c.req.query("name"));
    const made = await tries.add(name, c.req.raw.body as WebStream | null);
    return c.json({ id: made.id, name: made.name }, 201);
  });

  routes.put(`${one}/data/:name`, async (c) => {
    await tries.addData(c.req.param("id"), fileName(c.req.param("name")), c.req.raw.body as WebStream | null);
    return c.body(null, 204);
  });

  routes.post(`${one}/work`, async (c) => {
    const options = parseOptions(await smallBody(c));
    const id = c.req.param("id");
    const lines = new Lines();
    const work = await tries.work(id, options, (event) => lines.add(event));
    // Whoever goes away, or cancels, wants nothing more of it.
    lines.onCancel = () => void work.stop("It was cancelled.");
    c.header("Content-Type", "application/x-ndjson; charset=utf-8");
    return c.body(lines.stream);
  });

  routes.get(`${one}/bundle.zip`, async (c) => {
    const { folder, name } = tries.get(c.req.param("id"));
    const file = path.join(folder, files.bundle);
    const info = await stat(file).catch(() => undefined);
    if (!info) throw new HttpError(404, "There is no bundle of this model yet");
    c.header("Content-Type", "application/zip");
    c.header("Content-Length", String(info.size));
    c.header("Content-Disposition", `attachment; filename="${stemOf(name)}-bundle.zip"`);
    return c.body(Readable.toWeb(createReadStream(file)) as ReadableStream);
  });

  routes.post(`${one}/notebook`, async (c) => {
    const options = parseOptions(await smallBody(c));
    const { folder, name, data } = tries.get(c.req.param("id"));
    const stem = stemOf(name);
    await contents.ensureFolder(notebooks);
    for (const each of data)
      await contents.addFile(notebooks, each, path.join(folder, files.data, each), true);
    const model = await contents.addFile(notebooks, `${stem}.onnx`, path.join(folder, files.model), false);
    const content = notebookOf({ model, data, options });
    const { path: notebook } = await contents.addNotebook(notebooks, stem, content);
    return c.json({ notebook, model: path.posix.join(notebooks, model) }, 201);
  });

  routes.delete(one, async (c) => {
    await tries.remove(c.req.param("id"));
    return c.body(null, 204);
  });
  return routes;
}

async function smallBody(c: Ctx): Promise<unknown> {
  if (Number(c.req.header("content-length") ?? 0) > mostOptions)
    throw new HttpError(413, "The options are too long");
  return objectBody(c);
}

/** A file's name as the reader has it, without any folder. */
function fileName(given: string | undefined): string {
  const name = (given ?? "")
    .split(/[\\/]/)
    .pop()!
    .replace(/[\p{Cc}\p{Cf}]/gu, "");
  if (name === "" || name === "." || name === ".." || Buffer.byteLength(name) > 200)
    throw new HttpError(400, "The file needs a name of at most 200 bytes");
  return name;
}

/** What files that are made of a model are called: letters, digits and a few signs that no system minds. */
function stemOf(name: string): string {
  const stem = name.replace(/\.onnx$/i, "").replace(/[^A-Za-z0-9_.-]+/g, "-");
  return stem.replace(/^[-.]+|[-.]+$/g, "").slice(0, 80) || "model";
}

/** Events as a stream of lines. */
class Lines {
  onCancel: (() => void) | undefined;
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #over = false;

  constructor() {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#over = true;
        this.onCancel?.();
      },
    });
  }

  add(event: TryEvent): void {
    if (this.#over) return;
    this.#controller.enqueue(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
    if (event.event !== "end") return;
    this.#over = true;
    this.#controller.close();
  }
}
