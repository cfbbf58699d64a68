// A kernel as clients know it: it keeps its id and its clients over restarts, when its process dies and comes again.
import { randomUUID } from "node:crypto";
import { type Channel, type JsonObject, makeHeader, stringField } from "../../protocol/messages.ts";
import { decodeRaw, jsonParts, parsePart, type RawMessage, WireError } from "../../protocol/wire.ts";
import { HttpError } from "../errors.ts";
import { KernelProcess, type Place } from "./process.ts";
import type { Spec } from "./specs.ts";

/** A kernel that dies so often in a row, without having run for `stableTime`, is not started again. */
const restartLimit = 5;
/** How long a kernel has to live to count as started well, in milliseconds. */
const stableTime = 10_000;
/** How long a kernel may take to answer for the first time, in milliseconds. */
const startTime = 60_000;

/** What a kernel does, in Jupyter's words. */
export type ExecutionState = "starting" | "idle" | "busy" | "restarting" | "dead";

/** Somebody who hears what the kernel says and is told when its process is another one. */
export interface Listener {
  receive(channel: Channel, message: RawMessage): void;
  /** There is a new process, which answers; older replies will never come. */
  connect(process: KernelProcess): void;
  /** The process is gone: what was on its way is lost. */
  disconnect(): void;
}

/** A kernel: its processes, one after the other, and those who listen. */
export class ManagedKernel {
  readonly id: string;
  readonly spec: Spec;
  readonly listeners = new Set<Listener>();
  #place: Place;
  #process: KernelProcess | undefined;
  #state: ExecutionState = "starting";
  /** The id of the request whose cell runs. */
  #running: string | undefined;
  #activity = new Date();
  #stopping = false;
  /** Deaths in a row, and when the current process was started. */
  #deaths = 0;
  #startedAt = 0;
  /** What changes the process is done one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(spec: Spec, place: Place) {
    this.id = place.id;
    this.spec = spec;
    this.#place = place;
  }

  /** Starts the first process. Resolves when it runs, not when it answers. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#begin());
  }

  /** Makes a kernel that was started ahead that of a notebook. Resolves when its cells find that in JPY_SESSION_NAME. */
  async adopt(notebook: string | undefined): Promise<void> {
    this.#place = { ...this.#place, notebook };
    this.touch();
    // One that does not answer yet is told before anybody else can ask it something.
    if (this.isConnected) await this.#introduce(this.#process!);
  }

  /** What clients are told of the kernel. */
  model(connections: number): JsonObject {
    return {
      id: this.id,
      name: this.spec.name,
      last_activity: this.#activity.toISOString(),
      execution_state: this.#state,
      connections,
    };
  }

  get state(): ExecutionState {
    return this.#state;
  }

  get lastActivity(): Date {
    return this.#activity;
  }

  /** Whether there is a process that answers. */
  get isConnected(): boolean {
    return this.#process !== undefined && this.#answering === this.#process;
  }
  #answering: KernelProcess | undefined;

  /** Adds somebody who listens; connects them at once when the kernel answers. */
  listen(listener: Listener): void {
    this.listeners.add(listener);
    if (this.isConnected) listener.connect(this.#process!);
  }

  /** Stops what runs. Throws a 500 `HttpError` for a dead kernel. */
  async interrupt(): Promise<void> {
    const process = this.#process;
    if (!process || process.isOver) throw new HttpError(500, `The kernel ${this.id} is dead: restart it`);
    if (this.spec.interruptMode === "signal") process.interrupt();
    else process.client.request("interrupt_request", {}, { channel: "control" });
  }

  /** Ends the process and starts another; resolves when that one answers. A dead kernel comes back. */
  restart(): Promise<void> {
    this.#deaths = 0;
    return this.#inTurn(async () => {
      await this.#end(true);
      this.#state = "restarting";
      await this.#begin();
      await this.#ready;
    });
  }
  #ready: Promise<void> = Promise.resolve();

  /** Ends the kernel for good. */
  async shutdown(): Promise<void> {
    this.#stopping = true;
    await this.#inTurn(() => this.#end(false));
    this.#state = "dead";
  }

  /** Ends the process without asking; for the end of the server. */
  kill(): void {
    this.#stopping = true;
    this.#process?.kill();
  }

  /** Notes that somebody did something with the kernel. */
  touch(): void {
    this.#activity = new Date();
  }

  async #begin(): Promise<void> {
    const process = await KernelProcess.start(this.spec, this.#place);
    this.#process = process;
    this.#startedAt = performance.now();
    if (this.#state !== "restarting") this.#state = "starting";
    this.touch();
    process.client.onFrames = (channel, frames) => {
      if (channel === "iopub" && this.#process === process) this.#publish(frames, process);
    };
    void process.ended.then(() => this.#died(process));
    const answered = process.client
      .ready(startTime)
      .then(() => this.#introduce(process))
      .then(
        () => this.#connect(process),
        () => {
          if (!process.isOver) process.kill();
        },
      );
    this.#ready = Promise.race([answered, process.ended]);
  }

  /** Tells a process that was started before it was known for which notebook. */
  async #introduce(process: KernelProcess): Promise<void> {
    const { notebook } = this.#place;
    if (notebook === process.notebook || notebook === undefined) return;
    process.notebook = notebook;
    const content = { JPY_SESSION_NAME: notebook };
    const { reply } = process.client.request("tilewright_environment_request", content, {
      channel: "control",
    });
    await Promise.race([reply, process.ended]);
  }

  #connect(process: KernelProcess): void {
    if (this.#process !== process || process.isOver) return;
    this.#answering = process;
    if (this.#state === "starting" || this.#state === "restarting") this.#state = "idle";
    for (const listener of this.listeners) listener.connect(process);
  }

  async #end(restart: boolean): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.stop(restart);
    this.#disconnect();
  }

  #disconnect(): void {
    this.#answering = undefined;
    this.#running = undefined;
    for (const listener of this.listeners) listener.disconnect();
  }

  /** The process ended without having been asked to: another takes its place, unless that happens again and again. */
  #died(process: KernelProcess): void {
    if (this.#process !== process || this.#stopping) return;
    this.#process = undefined;
    process.client.close();
    this.#disconnect();
    this.#deaths = performance.now() - this.#startedAt > stableTime ? 1 : this.#deaths + 1;
    if (this.#deaths > restartLimit) return this.#announce("dead");
    this.#announce("restarting");
    void this.#inTurn(async () => {
      if (!this.#process && !this.#stopping) await this.#begin();
    }).catch(() => this.#announce("dead"));
  }

  /** Tells all listeners of a state that no kernel can tell any more. */
  #announce(state: "restarting" | "dead"): void {
    this.#state = state;
    this.touch();
    const header = makeHeader("status", this.id, randomUUID());
    const message = { identities: [], header, parent: {}, metadata: {}, buffers: [] };
    const parts = jsonParts({ ...message, content: { execution_state: state } });
    for (const listener of this.listeners) listener.receive("iopub", { parts, buffers: [] });
  }

  #publish(frames: Uint8Array[], { connection, client }: KernelProcess): void {
    let message: RawMessage;
    try {
      message = decodeRaw(frames, connection.key, connection.signature_scheme);
      if (stringField(parsePart(message.parts[0], 0), "msg_type") === "status") {
        // That the kernel is busy with what the server itself asks is nobody's business.
        if (stringField(parsePart(message.parts[1], 1), "session") === client.session) return;
        this.#noteState(message);
      }
    } catch (error) {
      if (error instanceof WireError) return;
      throw error;
    }
    this.touch();
    for (const listener of this.listeners) listener.receive("iopub", message);
  }

  /** What a kernel answers while a cell runs, it says "busy" and "idle" for, too; it is busy until the cell is through. */
  #noteState({ parts }: RawMessage): void {
    const state = stringField(parsePart(parts[3], 3), "execution_state");
    if (state !== "busy" && state !== "idle") return;
    const parent = parsePart(parts[1], 1);
    if (parent.msg_type === "execute_request")
      this.#running = state === "busy" ? stringField(parent, "msg_id") : undefined;
    this.#state = this.#running === undefined ? state : "busy";
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
