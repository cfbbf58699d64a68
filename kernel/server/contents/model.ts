// What Jupyter's clients are told of files and folders.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, lstat, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { fileError, HttpError } from "../errors.ts";
import type { Root } from "./confine.ts";
import { mimeType } from "./mime.ts";
import { notebookContent } from "./notebooks.ts";
import type { TrustStore } from "./trust.ts";

/** The kinds of things in a folder. */
export type ContentsType = "directory" | "file" | "notebook";

/** The formats in which a content travels. */
export type ContentsFormat = "json" | "text" | "base64";

/** A file, notebook or folder, with or without its content. Dates are ISO 8601, sizes bytes. */
export interface ContentsModel {
  name: string;
  path: string;
  type: ContentsType;
  writable: boolean;
  created: string;
  last_modified: string;
  size: number | null;
  mimetype: string | null;
  content: unknown;
  format: ContentsFormat | null;
  /** Of the file's bytes, when asked for. */
  hash?: string | null;
  hash_algorithm?: string | null;
  /** What a reader should know about the content. */
  message?: string;
}

/** What a client asks for. */
export interface Wanted {
  type?: ContentsType | undefined;
  format?: "text" | "base64" | undefined;
  content: boolean;
  hash: boolean;
}

/** The model of what stands at a path of the interface. Throws an `HttpError`. */
export async function contentsModel(
  root: Root,
  apiPath: string,
  wanted: Wanted,
  trust: TrustStore,
): Promise<ContentsModel> {
  const file = await root.resolve(apiPath);
  const clean = root.apiPath(file);
  try {
    const base = await baseModel(file, clean);
    if ((await stat(file)).isDirectory()) {
      if (wanted.type !== undefined && wanted.type !== "directory")
        throw new HttpError(400, `${clean} is a directory, not a ${wanted.type}`, "bad type");
      return await directoryModel(root, file, base, wanted, trust);
    }
    if (wanted.type === "directory") throw new HttpError(400, `${clean} is not a directory`, "bad type");
    if (!(await stat(file)).isFile()) throw new HttpError(400, `Cannot read non-file ${clean}`);
    const bytes = wanted.content || wanted.hash ? await readFile(file) : undefined;
    const hash = wanted.hash && bytes ? hashOf(bytes) : {};
    if (wanted.type === "notebook" || (wanted.type === undefined && clean.endsWith(".ipynb"))) {
      const filled = wanted.content ? notebookContent(bytes!, clean, trust) : undefined;
      return { ...base, ...hash, type: "notebook", ...(filled && { content: filled, format: "json" }) };
    }
    const filled = wanted.content ? fileContent(bytes!, clean, wanted.format) : undefined;
    const mimetype = mimeType(file) ?? filled?.fallback ?? null;
    const content = filled && { content: filled.content, format: filled.format };
    return { ...base, ...hash, type: "file", mimetype, ...content };
  } catch (error) {
    throw fileError(error, clean);
  }
}

/** The hash of a file's bytes, as a model carries it. */
export function hashOf(bytes: Uint8Array): { hash: string; hash_algorithm: string } {
  return { hash: createHash("sha256").update(bytes).digest("hex"), hash_algorithm: "sha256" };
}

async function baseModel(file: string, apiPath: string): Promise<ContentsModel> {
  const info = await lstat(file);
  const writable = await access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
  return {
    name: path.posix.basename(apiPath),
    path: apiPath,
    type: "file",
    writable,
    created: info.ctime.toISOString(),
    last_modified: info.mtime.toISOString(),
    size: info.size,
    mimetype: null,
    content: null,
    format: null,
  };
}

async function directoryModel(
  root: Root,
  folder: string,
  base: ContentsModel,
  { content, hash }: Wanted,
  trust: TrustStore,
): Promise<ContentsModel> {
  const model: ContentsModel = { ...base, type: "directory", size: null };
  // A folder has no hash, and says so where one was asked for.
  if (hash) Object.assign(model, { hash: null, hash_algorithm: null });
  if (!content) return model;
  const names = (await readdir(folder)).filter((name) => root.shows(name)).sort();
  const shallow: Wanted = { content: false, hash: false };
  const entries = await Promise.all(
    names.map(async (name) => {
      const info = await lstat(path.join(folder, name)).catch(() => undefined);
      if (!info || !(info.isFile() || info.isDirectory() || info.isSymbolicLink())) return [];
      // Links that lead out of the root or nowhere, and what was deleted meanwhile, are left out.
      return contentsModel(root, `${base.path}/${name}`, shallow, trust).catch(() => []);
    }),
  );
  return { ...model, content: entries.flat(), format: "json" };
}

/** A file's text or base64, and the MIME type to fall back to. */
function fileContent(bytes: Buffer, apiPath: string, format: "text" | "base64" | undefined) {
  if (format !== "base64") {
    try {
      const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      return { content, format: "text", fallback: "text/plain" } as const;
    } catch {
      if (format === "text") throw new HttpError(400, `${apiPath} is not UTF-8 encoded`, "bad format");
    }
  }
  // Lines of 76 characters and a newline at the end, as MIME has it.
  const content = bytes.toString("base64").replace(/.{1,76}/g, "$&\n");
  return { content, format: "base64", fallback: "application/octet-stream" } as const;
}
