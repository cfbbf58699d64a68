/** Serves a folder's files over loopback, and an empty page. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

export interface FolderServer {
  /** Of the empty page; the files are beside it. */
  readonly url: string;
  close(): void;
}

/** `headers` are sent with every answer. */
export function serveFolder(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<FolderServer> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const name = path.basename(new URL(request.url ?? "/", "http://localhost").pathname);
    if (name === "") {
      response.setHeader("Content-Type", "text/html");
      response.end(`<!doctype html><link rel="icon" href="data:,"><title>a page</title>`);
      return;
    }
    try {
      const bytes = readFileSync(path.join(folder, name));
      response.setHeader("Content-Type", TYPES[path.extname(name)] ?? "application/octet-stream");
      response.end(bytes);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `http://127.0.0.1:${port}/`,
        close() {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}
