import type { JsonObject } from "../../protocol/messages.ts";
import type { CellEvent, CommMessage } from "../types.ts";

/** Data and buffers of one message. */
export interface CommData {
  data: JsonObject;
  metadata: JsonObject;
  buffers: Uint8Array[];
}

/** Takes a message; a promise is waited for before the front end is told that the message was handled. */
export type CommHandler = (message: CommData) => unknown;

/** One end of a two-way channel between a cell and the front end. */
export class Comm {
  readonly id: string;
  readonly target: string;
  /** Hears messages from the front end. */
  onMessage: CommHandler | undefined;
  /** Hears that the front end closed the channel. */
  onClose: CommHandler | undefined;
  readonly #comms: Comms;

  constructor(comms: Comms, id: string, target: string) {
    this.#comms = comms;
    this.id = id;
    this.target = target;
  }

  /** Sends a message, with binary buffers beside its JSON. */
  send(data: JsonObject, { metadata = {}, buffers = [] }: Partial<Omit<CommData, "data">> = {}): void {
    this.#comms.send({ kind: "msg", id: this.id, data, metadata, buffers });
  }

  /** Closes both ends. */
  close(data: JsonObject = {}): void {
    this.#comms.close(this, data);
  }
}

/** The open comms of a session and the targets that the front end may open. */
export class Comms {
  readonly #emit: (event: CellEvent) => void;
  readonly #open = new Map<string, Comm>();
  readonly #targets = new Map<string, (comm: Comm, message: CommData) => unknown>();
  readonly #prefix = Math.random().toString(16).slice(2, 10);
  #count = 0;

  constructor(emit: (event: CellEvent) => void) {
    this.#emit = emit;
  }

  /** Opens a comm to a target of the front end. */
  open(target: string, data: JsonObject = {}, { metadata = {}, buffers = [] }: Partial<CommData> = {}): Comm {
    this.#count += 1;
    const comm = new Comm(this, `${this.#prefix}-${this.#count}`, target);
    this.#open.set(comm.id, comm);
    this.send({ kind: "open", id: comm.id, target, data, metadata, buffers });
    return comm;
  }

  /** Says what happens when the front end opens a comm to `target`. */
  accept(target: string, opened: (comm: Comm, message: CommData) => unknown): void {
    this.#targets.set(target, opened);
  }

  /** A message from the front end. Resolves when its handlers are through, and rejects as they do. */
  async receive(message: CommMessage): Promise<void> {
    const { kind, id, target = "" } = message;
    const parts: CommData = { data: message.data, metadata: message.metadata, buffers: message.buffers };
    if (kind === "open") {
      const opened = this.#targets.get(target);
      // The specification asks for this: an open that nobody takes is closed at once.
      if (!opened) return this.send({ kind: "close", id, data: {}, metadata: {}, buffers: [] });
      const comm = new Comm(this, id, target);
      this.#open.set(id, comm);
      await opened(comm, parts);
    } else if (kind === "msg") await this.#open.get(id)?.onMessage?.(parts);
    else {
      const comm = this.#open.get(id);
      this.#open.delete(id);
      await comm?.onClose?.(parts);
    }
  }

  close(comm: Comm, data: JsonObject): void {
    if (!this.#open.delete(comm.id)) return;
    this.send({ kind: "close", id: comm.id, data, metadata: {}, buffers: [] });
  }

  send(message: CommMessage): void {
    if (message.kind === "msg" && !this.#open.has(message.id))
      throw new Error(`the comm ${message.id} is closed`);
    this.#emit({ type: "comm", message });
  }
}
