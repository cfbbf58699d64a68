// The websockets: kernels' channels, and the stream of events, on which nothing happens.
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Gate, queryOf } from "./access/gate.ts";
import { HttpError } from "./errors.ts";
import { v1Protocol } from "./kernels/framing.ts";
import type { Kernels } from "./kernels/manager.ts";
import type { Settings } from "./settings.ts";

/** How often a client is asked whether it is still there, in milliseconds. One that is silent twice is dropped. */
const pingTime = 30_000;

/** Takes the server's websocket requests. */
export class WebSockets {
  readonly #server: WebSocketServer;
  readonly #alive = new WeakSet<WebSocket>();
  readonly #pings: NodeJS.Timeout;

  constructor(http: Server, gate: Gate, kernels: Kernels, { base, maxBody }: Settings) {
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: maxBody,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(v1Protocol) ? v1Protocol : false),
    });
    http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on("error", () => socket.destroy());
      try {
        const serve = this.#route(request, gate, kernels, base);
        this.#server.handleUpgrade(request, socket, head, (websocket) => {
          this.#watch(websocket);
          serve(websocket);
        });
      } catch (error) {
        refuse(socket, error);
      }
    });
    this.#pings = setInterval(() => this.#ping(), pingTime).unref();
  }

  /** Closes all of them. */
  close(): void {
    clearInterval(this.#pings);
    for (const socket of this.#server.clients) socket.close(1001, "the server ends");
    this.#server.close();
  }

  /** What is to be done with a websocket; throws an `HttpError` when there is none at the path, or not for this client. */
  #route(request: IncomingMessage, gate: Gate, kernels: Kernels, base: string): (socket: WebSocket) => void {
    const url = request.url ?? "/";
    gate.admit({
      method: request.method ?? "GET",
      url,
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value.join(", ") : value;
      },
      isWebSocket: true,
    });
    const path = url.split("?", 1)[0]!;
    if (path === `${base}api/events/subscribe`) return () => undefined;
    const id = path.startsWith(base)
      ? /^api\/kernels\/([\w-]+)\/channels$/.exec(path.slice(base.length))?.[1]
      : undefined;
    if (id === undefined || !kernels.has(id)) throw new HttpError(404, `There is no websocket at ${path}`);
    const query = queryOf(url);
    const [session, heard] = [query.get("session_id"), query.get("heard")].map((value) => value ?? undefined);
    return (socket) => kernels.connect(id, session, heard, socket);
  }

  #watch(socket: WebSocket): void {
    this.#alive.add(socket);
    socket.on("pong", () => this.#alive.add(socket));
    // A message that is too large, or a broken frame: ws closes the connection itself.
    socket.on("error", () => undefined);
  }

  #ping(): void {
    for (const socket of this.#server.clients) {
      if (!this.#alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }
}

function refuse(socket: Duplex, error: unknown): void {
  const status = error instanceof HttpError ? error.status : 500;
  const message = error instanceof HttpError ? error.message : "Unhandled error";
  const body = JSON.stringify({ message, reason: null });
  socket.end(
    `HTTP/1.1 ${status} ${status === 404 ? "Not Found" : status === 403 ? "Forbidden" : "Error"}\r\n` +
      `Content-Type: application/json\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
