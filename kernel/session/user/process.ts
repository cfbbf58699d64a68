import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CellEvent, CellOutcome, RunnableCell } from "../types.ts";
import { FrameReader, frame } from "./frames.ts";
import { descriptors, type FromUser, type ToUser, type ToWatchdog } from "./link.ts";

/** Time after which an interrupt is repeated while its cell still runs, in milliseconds. */
const interruptRetry = 300;

/** Listeners of a `UserProcess`. */
export interface UserProcessEvents {
  event(event: CellEvent): void;
  /** The process ended on its own; `reason` says how, as the start of a sentence. */
  ended(reason: string): void;
}

/** The kernel's handle of the process that runs cells. */
export class UserProcess {
  readonly #child: ChildProcess;
  readonly #events: UserProcessEvents;
  readonly #ready: Promise<void>;
  #running: { cell: number; resolve: (outcome: CellOutcome) => void } | undefined;
  #stopped = false;
  #interrupted: number | undefined;
  /** The code a cell gave to `process.exit`. */
  #exitCode: number | undefined;
  /** The end of what the process wrote past our streams, where the platform explains a crash. */
  #lastWords = "";

  constructor(folder: string, events: UserProcessEvents) {
    this.#events = events;
    const script = fileURLToPath(new URL("./main.js", import.meta.url));
    this.#child = spawn(process.execPath, ["--no-warnings", script], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: process.env.NODE_OPTIONS ?? "" },
    });
    this.#ready = new Promise((resolve) => this.#listen(resolve));
  }

  /** Runs a cell. Does not settle when the process ends; `ended` is called instead. */
  async run(cell: RunnableCell): Promise<CellOutcome> {
    await this.#ready;
    return new Promise((resolve) => {
      this.#running = { cell: cell.number, resolve };
      this.#write(descriptors.commands, { type: "run", cell } satisfies ToUser);
      if (this.#interrupted === cell.number) this.interrupt(cell.number);
    });
  }

  /** Stops this cell, whatever it does, also when it is only about to run; variables stay. */
  interrupt(cell: number): void {
    this.#interrupted = cell;
    if (this.#running?.cell !== cell) return;
    this.#write(descriptors.control, { type: "interrupt", cell } satisfies ToWatchdog);
    // A termination may hit the very code that would have ended the cell, so ask until it has ended.
    setTimeout(() => this.interrupt(cell), interruptRetry).unref();
  }

  /** Ends the process without a word to the listeners. */
  stop(): void {
    this.#stopped = true;
    this.#child.kill("SIGKILL");
  }

  #listen(ready: () => void): void {
    const child = this.#child;
    const reader = new FrameReader<FromUser>();
    child.stdio[descriptors.events]!.on("data", (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        if (message.type === "ready") ready();
        else if (message.type === "exit") this.#exitCode = message.code;
        else if (message.type === "event") this.#events.event(message.event);
        else if (this.#running?.cell === message.cell) {
          const { resolve } = this.#running;
          this.#running = undefined;
          resolve(message.outcome);
        }
      }
    });
    // Native code and processes that a cell starts write to the descriptors themselves.
    for (const name of ["stdout", "stderr"] as const) {
      child[name]!.setEncoding("utf8").on("data", (text: string) => {
        this.#lastWords = (this.#lastWords + text).slice(-4000);
        if (!this.#stopped) this.#events.event({ type: "stream", name, text });
      });
    }
    for (const stream of child.stdio) stream?.on("error", () => undefined);
    child.on("error", (error) => this.#end(`The process for cells cannot start: ${error.message}`));
    child.on("close", (code, signal) => this.#end(this.#reason(code, signal)));
  }

  #end(reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#events.ended(reason);
  }

  #reason(code: number | null, signal: NodeJS.Signals | null): string {
    if (/heap out of memory|heap limit|OOM|out of memory/i.test(this.#lastWords))
      return "The cell ran out of memory";
    if (this.#exitCode !== undefined)
      return `The cell ended the session's process with exit code ${this.#exitCode}`;
    if (signal) return `The session's process was ended by ${signal}`;
    return `The session's process ended with exit code ${code}`;
  }

  #write(descriptor: number, message: unknown): void {
    (this.#child.stdio[descriptor] as Writable).write(frame(message));
  }
}
