// MIME types by the names of files.
import { getMimeType } from "hono/utils/mime";

/** What people keep beside notebooks, and the general table lacks or has otherwise. */
const more: { [extension: string]: string } = {
  bib: "text/x-bibtex",
  css: "text/css",
  ipynb: "application/x-ipynb+json",
  jsx: "text/javascript",
  log: "text/plain",
  md: "text/markdown",
  mts: "text/x-typescript",
  npy: "application/octet-stream",
  onnx: "application/octet-stream",
  parquet: "application/vnd.apache.parquet",
  py: "text/x-python",
  rst: "text/x-rst",
  sh: "application/x-sh",
  tex: "text/x-tex",
  tgz: "application/x-tar",
  toml: "application/toml",
  ts: "text/x-typescript",
  tsx: "text/x-typescript",
  wgsl: "text/wgsl",
  yaml: "application/yaml",
  yml: "application/yaml",
};

/** The type of what a file holds, without parameters; of what is inside when it is compressed. Undefined when not known. */
export function mimeType(file: string): string | undefined {
  const name = file.toLowerCase().replace(/\.(gz|bz2|xz)$/, "");
  if (name !== file.toLowerCase()) return name.endsWith(".tar") ? "application/x-tar" : mimeType(name);
  const extension = /\.(\w+)$/.exec(name)?.[1];
  if (extension === undefined) return undefined;
  return more[extension] ?? getMimeType(name)?.replace(/;.*/, "");
}

/** The Content-Type of a file's bytes. */
export function contentType(file: string): string {
  const packed = /\.(?:(t?gz)|bz2|xz)$/i.exec(file);
  if (packed) return packed[1] ? "application/gzip" : "application/octet-stream";
  const type = mimeType(file) ?? "application/octet-stream";
  return /^text\/|javascript/.test(type) ? `${type}; charset=UTF-8` : type;
}
