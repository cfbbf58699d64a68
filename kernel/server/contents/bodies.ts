// What clients send to be saved, and what they are told on the way.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { isObject, type JsonObject } from "../../protocol/messages.ts";
import { HttpError } from "../errors.ts";
import { type ContentsModel, hashOf } from "./model.ts";
import { emptyNotebook } from "./notebooks.ts";

/** What a new file, notebook or folder begins with. */
export function startOf(kind: string): JsonObject {
  if (kind === "directory") return { type: kind };
  if (kind === "notebook") return { type: kind, format: "json", content: emptyNotebook() };
  return { type: "file", format: "text", content: "" };
}

/** The bytes of a model's content. Throws a 400 `HttpError` when it is not what its format says. */
export function fileBytes(content: unknown, format: unknown): Buffer {
  if (format !== "text" && format !== "base64")
    throw new HttpError(400, "Must specify format of file contents as 'text' or 'base64'");
  if (typeof content !== "string") throw new HttpError(400, "The content of a file has to be text");
  if (format === "text") return Buffer.from(content, "utf8");
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) throw new HttpError(400, "The content is not base64");
  return Buffer.from(content, "base64");
}

/** What the sender of a part is told while the file is not there yet. */
export function unfinished(apiPath: string, size: number): ContentsModel {
  const now = new Date().toISOString();
  return {
    name: path.posix.basename(apiPath),
    path: apiPath,
    type: "file",
    writable: true,
    created: now,
    last_modified: now,
    size,
    mimetype: null,
    content: null,
    format: null,
  };
}

/** Throws a 412 `HttpError` when a file's hash is another than `expected`. */
export async function assertUnchanged(file: string, apiPath: string, expected: string): Promise<void> {
  const bytes = await readFile(file).catch(() => undefined);
  const hash = bytes ? hashOf(bytes).hash : undefined;
  if (hash !== expected)
    throw new HttpError(
      412,
      `${apiPath} has changed on disk since it was opened: load it again, or save without If-Match to replace it`,
      "file changed on disk",
    );
}

/** Whether a body is a model to save. */
export function isModel(value: unknown): value is JsonObject {
  return isObject(value) && Object.keys(value).length > 0;
}
