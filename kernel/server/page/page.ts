// The built page: files read once, given out as the build compressed them, and cached by the browser for ever where their
// name has a hash.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { pagePolicy } from "../access/headers.ts";
import { contentType } from "../contents/mime.ts";
import type { Ctx } from "../http.ts";

interface PageFile {
  bytes: Buffer<ArrayBuffer>;
  modified: number;
  etag: string;
  /** The same with gzip, where the build put it beside the file. */
  compressed: Buffer<ArrayBuffer> | undefined;
}

/** A folder of files that a build made. */
export class Page {
  readonly #folder: string;
  readonly #files = new Map<string, PageFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The answer for a path below the page, "" for the page itself; undefined when there is no such file. */
  answer(c: Ctx, name: string): Response | Promise<Response> | undefined {
    const wanted = name === "" ? "index.html" : name;
    const file = this.#file(wanted);
    if (!file) return name === "" ? unbuilt(c, this.#folder) : undefined;
    const headers: { [name: string]: string } = {
      "Content-Type": contentType(wanted),
      "Content-Security-Policy": pagePolicy,
      "Cache-Control": hasHash(wanted) ? "public, max-age=31536000, immutable" : "no-cache",
      ETag: file.etag,
      Vary: "Accept-Encoding",
    };
    if (c.req.header("if-none-match") === file.etag) return c.body(null, 304, headers);
    const compressed = takesGzip(c.req.header("accept-encoding")) ? file.compressed : undefined;
    if (compressed) headers["Content-Encoding"] = "gzip";
    const body = compressed ?? file.bytes;
    headers["Content-Length"] = String(body.length);
    return c.req.method === "HEAD" ? c.body(null, 200, headers) : c.body(body, 200, headers);
  }

  #file(name: string): PageFile | undefined {
    const parts = name.split("/");
    if (parts.some((part) => part === "" || part.startsWith(".") || /[\\\0]/.test(part))) return undefined;
    const file = path.join(this.#folder, ...parts);
    const info = statSync(file, { throwIfNoEntry: false });
    if (!info?.isFile()) return undefined;
    const known = this.#files.get(name);
    // A build that runs beside the server changes files.
    if (known?.modified === info.mtimeMs) return known;
    const bytes = readFileSync(file);
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const twin = statSync(`${file}.gz`, { throwIfNoEntry: false });
    const compressed = twin && twin.mtimeMs >= info.mtimeMs ? readFileSync(`${file}.gz`) : undefined;
    const read = { bytes, modified: info.mtimeMs, etag, compressed };
    this.#files.set(name, read);
    return read;
  }
}

/** Whether a client takes gzip; what is refused has the weight 0. */
function takesGzip(header = ""): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(header);
}

/** Whether a build put the hash of the content into the file's name. */
function hasHash(name: string): boolean {
  return /^assets\/.*[-.][\w-]{8,}\.\w+$/.test(name);
}

function unbuilt(c: Ctx, folder: string): Response {
  return c.html(
    `<!doctype html><meta charset="utf-8"><title>Tilewright</title><h1>The page is not built yet</h1>
<p>There is nothing in <code>${folder.replace(/&/g, "&amp;").replace(/</g, "&lt;")}</code>. Run <code>npm run build</code> in the
folder of the package, then load this page again.</p>
<p>The server itself works: JupyterLab, VS Code and other clients of Jupyter can use it at this address.</p>`,
    200,
    { "Content-Security-Policy": pagePolicy, "Cache-Control": "no-cache" },
  );
}
