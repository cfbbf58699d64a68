// The built page: files read once, kept compressed, and cached by the browser for ever where their name has a hash.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { pagePolicy } from "../access/headers.ts";
import { contentType } from "../contents/mime.ts";
import type { Ctx } from "../http.ts";

type Encoding = "br" | "gzip" | "identity";

interface PageFile {
  bytes: Buffer<ArrayBuffer>;
  modified: number;
  etag: string;
  encoded: Map<Encoding, Promise<Buffer<ArrayBuffer>>>;
}

const compressors: { [encoding in "br" | "gzip"]: (bytes: Buffer) => Promise<Buffer> } = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }) as Promise<Buffer>,
  gzip: (bytes) => promisify(gzip)(bytes, { level: 6 }),
};

/** A folder of files that a build made. */
export class Page {
  readonly #folder: string;
  readonly #files = new Map<string, PageFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Compresses all files, so that the first reader need not wait for that. */
  async warm(): Promise<void> {
    const names = listed(this.#folder);
    for (const name of names) {
      const file = this.#file(name);
      if (file && isCompressible(name)) await encodedAs(file, "gzip");
    }
  }

  /** The answer for a path below the page, "" for the page itself; undefined when there is no such file. */
  async answer(c: Ctx, name: string): Promise<Response | undefined> {
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
    const encoding = isCompressible(wanted) ? acceptedEncoding(c.req.header("accept-encoding")) : "identity";
    if (encoding !== "identity") headers["Content-Encoding"] = encoding;
    const body = encoding === "identity" ? file.bytes : await encodedAs(file, encoding);
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
    const read = { bytes, modified: info.mtimeMs, etag, encoded: new Map() };
    this.#files.set(name, read);
    return read;
  }
}

function encodedAs(file: PageFile, encoding: "br" | "gzip"): Promise<Buffer<ArrayBuffer>> {
  const made =
    file.encoded.get(encoding) ?? compressors[encoding](file.bytes).then((bytes) => Buffer.from(bytes));
  file.encoded.set(encoding, made);
  return made;
}

/** What is best of what the browser takes; gzip is ready from the start. */
function acceptedEncoding(header = ""): Encoding {
  if (/\bgzip\b/.test(header)) return "gzip";
  return /\bbr\b/.test(header) ? "br" : "identity";
}

function isCompressible(name: string): boolean {
  return !/\.(png|jpe?g|gif|webp|avif|woff2?|zip|gz|br)$/i.test(name);
}

/** Whether a build put the hash of the content into the file's name. */
function hasHash(name: string): boolean {
  return /^assets\/.*[-.][\w-]{8,}\.\w+$/.test(name);
}

function listed(folder: string, prefix = ""): string[] {
  const entries = statSync(folder, { throwIfNoEntry: false })
    ? readdirSync(folder, { withFileTypes: true })
    : [];
  return entries.flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    return entry.isDirectory() ? listed(path.join(folder, entry.name), `${name}/`) : [name];
  });
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
