// /files: the bytes of a file, for pictures of a notebook, links and downloads.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { filePolicy } from "../access/headers.ts";
import { fileError, HttpError } from "../errors.ts";
import type { Ctx } from "../http.ts";
import type { Root } from "./confine.ts";
import { contentType } from "./mime.ts";

/** Answers a request for a file's bytes; part of them when the request asks for a range. */
export async function fileAnswer(c: Ctx, root: Root, apiPath: string): Promise<Response> {
  const file = await root.resolve(apiPath);
  const info = await stat(file).catch((error: unknown) => {
    throw fileError(error, apiPath);
  });
  if (info.isDirectory()) throw new HttpError(400, `${apiPath} is not a file`, "bad type");
  if (!info.isFile()) throw new HttpError(400, `Cannot read non-file ${apiPath}`);
  const etag = `"${info.size.toString(36)}-${Math.trunc(info.mtimeMs * 1000).toString(36)}"`;
  const headers: { [name: string]: string } = {
    "Content-Type": contentType(file),
    "Content-Security-Policy": filePolicy,
    "Cache-Control": "no-cache",
    "Last-Modified": info.mtime.toUTCString(),
    ETag: etag,
    "Accept-Ranges": "bytes",
  };
  if (c.req.query("download"))
    headers["Content-Disposition"] =
      `attachment; filename*=UTF-8''${encodeURIComponent(path.basename(file))}`;
  if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
  const range = rangeOf(c.req.header("range"), info.size);
  if (range === "none") return c.body(null, 416, { "Content-Range": `bytes */${info.size}` });
  const [from, to] = range ?? [0, info.size - 1];
  headers["Content-Length"] = String(to - from + 1);
  if (range) headers["Content-Range"] = `bytes ${from}-${to}/${info.size}`;
  if (c.req.method === "HEAD" || to < from) return c.body(null, 200, headers);
  const stream = Readable.toWeb(createReadStream(file, { start: from, end: to })) as ReadableStream;
  return c.body(stream, range ? 206 : 200, headers);
}

/** First and last byte of a range; "none" for one that the file does not have, undefined for a whole file. */
function rangeOf(header: string | undefined, size: number): [number, number] | "none" | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!found || (found[1] === "" && found[2] === "")) return undefined;
  const from = found[1] === "" ? Math.max(0, size - Number(found[2])) : Number(found[1]);
  const to = found[1] === "" || found[2] === "" ? size - 1 : Math.min(size - 1, Number(found[2]));
  return from > to ? "none" : [from, to];
}
