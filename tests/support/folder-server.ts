/** Serves a folder's files over loopback, and an empty page. */
import { existsSync, readFileSync } from "node:fs";
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

/** Serves what `find` gives for the path behind the address, and an empty page. `headers` are sent with every answer. */
export function serve(
  find: (name: string) => { type: string; body: string | Uint8Array } | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<FolderServer> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const name = new URL(request.url ?? "/", "http://localhost").pathname.slice(1);
    const empty = `<!doctype html><link rel="icon" href="data:,"><title>a page</title>`;
    const found = name === "" ? { type: "text/html", body: empty } : find(name);
    response.writeHead(found ? 200 : 404, found ? { "Content-Type": found.type } : {});
    response.end(found?.body);
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

/** Serves the files that lie in a folder; `headers` are sent with every answer. */
export function serveFolder(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<FolderServer> {
  return serve((name) => {
    const file = path.join(folder, path.basename(name));
    if (!existsSync(file)) return undefined;
    return { type: TYPES[path.extname(name)] ?? "application/octet-stream", body: readFileSync(file) };
  }, headers);
}
