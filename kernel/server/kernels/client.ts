import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { ClientSockets } from "../../client/sockets.ts";
import type { Channel } from "../../protocol/messages.ts";
import { makeHeader } from "../../protocol/messages.ts";
import {
  decodeRaw,
  encodeRaw,
  jsonParts,
  parsePart,
  type RawMessage,
  WireError,
} from "../../protocol/wire.ts";
import type { Framing } from "./framing.ts";
import type { Listener, ManagedKernel } from "./kernel.ts";
import type { KernelProcess } from "./process.ts";

/** Bytes kept for a client that is not connected, or sent to one that does not read; beyond it the client is given up. */
const bufferLimit = 64 * 1024 * 1024;

/** Bytes kept of what was sent: a client that is gone is noticed only after something was sent to it. */
const saidLimit = 4 * 1024 * 1024;

/** How long a websocket stays open after its kernel was shut down, in milliseconds. */
const farewell = 1000;

/** What a client may ask on; iopub is only heard. */
const askable = ["shell", "control", "stdin"] as const;

interface Said {
  channel: Channel;
  message: RawMessage;
}

/** One session of one client with one kernel: it lives over lost websockets and over restarts of the kernel. */
export class KernelChannels implements Listener {
  readonly sessionId: string;
  readonly #kernel: ManagedKernel;
  #socket: WebSocket | undefined;
  #framing: Framing | undefined;
  #line: ClientSockets | undefined;
  #process: KernelProcess | undefined;
  /** What the client asked before the kernel could answer. */
  #asked: { channel: (typeof askable)[number]; message: RawMessage }[] = [];
  /** What the client has not heard, because it was not connected. */
  #unheard: Said[] = [];
  #unheardBytes = 0;
  /** The last of what was sent, which the client need not have heard. */
  #said: Said[] = [];
  #saidBytes = 0;
  #closed = false;

  constructor(kernel: ManagedKernel, sessionId: string) {
    this.#kernel = kernel;
    this.sessionId = sessionId;
    kernel.listen(this);
  }

  get isAttached(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * Speaks through this websocket from now on, and says first what was not heard: what came while there was none, and
   * what was sent after the message with the id `heard`, if that is known. Another websocket is closed.
   */
  attach(socket: WebSocket, framing: Framing, heard: string | undefined, detached: () => void): void {
    this.#socket?.close(1001, "replaced by a newer connection of the same session");
    this.#socket = socket;
    this.#framing = framing;
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#ask(data, isBinary));
    socket.once("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      detached();
    });
    const unheard = [...this.#saidAfter(heard), ...this.#unheard];
    this.#forget();
    for (const { channel, message } of unheard) this.receive(channel, message);
    if (this.#kernel.state === "dead") this.#sayDead();
  }

  receive(channel: Channel, message: RawMessage): void {
    if (this.#closed) return;
    const size = bytesOf(message);
    if (!this.#socket) {
      this.#unheard.push({ channel, message });
      this.#unheardBytes += size;
      if (this.#unheardBytes > bufferLimit) this.close();
      return;
    }
    if (this.#socket.bufferedAmount + size > 4 * bufferLimit) {
      // It does not read. After a reconnection it starts afresh.
      this.#socket.terminate();
      this.close();
      return;
    }
    this.#socket.send(this.#framing!.encode(channel, message));
    this.#said.push({ channel, message });
    this.#saidBytes += size;
    while (this.#saidBytes > saidLimit) this.#saidBytes -= bytesOf(this.#said.shift()!.message);
  }

  connect(process: KernelProcess): void {
    this.#line?.close();
    const { connection } = process;
    this.#process = process;
    this.#line = new ClientSockets(connection, this.sessionId, askable, (channel, frames) => {
      try {
        this.receive(channel, decodeRaw(frames, connection.key, connection.signature_scheme));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    });
    const asked = this.#asked;
    this.#asked = [];
    for (const { channel, message } of asked) this.#send(channel, message);
  }

  disconnect(): void {
    this.#line?.close();
    this.#line = undefined;
    this.#process = undefined;
    this.#asked = [];
    this.#forget();
  }

  /** Ends the session; `reason` is told to a client that is still connected. */
  close(reason?: string): void {
    if (this.#closed) return;
    const socket = this.#socket;
    if (reason !== undefined && socket) this.#sayDead();
    this.#closed = true;
    this.#kernel.listeners.delete(this);
    this.disconnect();
    // A client that hears of the end first does not try to connect again.
    setTimeout(() => socket?.close(1000, reason), farewell).unref();
  }

  #forget(): void {
    this.#unheard = [];
    this.#said = [];
    this.#unheardBytes = this.#saidBytes = 0;
  }

  /** What was sent after a message; nothing when it is not among what is kept. */
  #saidAfter(id: string | undefined): Said[] {
    if (id === undefined) return [];
    const at = this.#said.findLastIndex(({ message }) => parsePart(message.parts[0], 0).msg_id === id);
    return at < 0 ? [] : this.#said.slice(at + 1);
  }

  #ask(data: Buffer, isBinary: boolean): void {
    const socket = this.#socket;
    try {
      const { channel, message } = this.#framing!.decode(data, isBinary);
      const known = askable.find((name) => name === channel);
      if (!known) return;
      this.#kernel.touch();
      if (this.#line) this.#send(known, message);
      else if (this.#kernel.state !== "dead") this.#asked.push({ channel: known, message });
    } catch (error) {
      socket?.close(1007, `not a message: ${error instanceof Error ? error.message : error}`.slice(0, 120));
    }
  }

  #send(channel: (typeof askable)[number], message: RawMessage): void {
    const { key, signature_scheme } = this.#process!.connection;
    this.#line!.send(channel, encodeRaw(message, key, signature_scheme));
  }

  #sayDead(): void {
    const header = makeHeader("status", this.#kernel.id, randomUUID());
    const content = { execution_state: "dead" };
    const message = { identities: [], header, parent: {}, metadata: {}, content, buffers: [] };
    this.receive("iopub", { parts: jsonParts(message), buffers: [] });
  }
}

function bytesOf({ parts, buffers }: RawMessage): number {
  return [...parts, ...buffers].reduce((sum, { length }) => sum + length, 0);
}
