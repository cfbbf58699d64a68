import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CellEvent, CellOutcome, CommMessage, Question, RunnableCell } from "../types.ts";
import { FrameReader, frame } from "./frames.ts";
import { killed } from "./kill.ts";
import { descriptors, type FromUser, type ToUser, type ToWatchdog } from "./link.ts";
import { Streams } from "./streams.ts";

/** Time after which an interrupt is repeated while its cell still runs, in milliseconds. */
const interruptRetry = 300;

/** Listeners of a `UserProcess`. */
export interface UserProcessEvents {
  event(event: CellEvent): void;
  /** A cell is blocked until `answer` is called. */
  question(origin: string, question: Question): void;
  /** The process ended on its own; `reason` says how, as the start of a sentence. */
  ended(reason: string): void;
}

/** The kernel's handle of the process that runs cells. */
export class UserProcess {
  readonly #child: ChildProcess;
  readonly #events: UserProcessEvents;
  readonly #ready: Promise<void>;
  /** What native code and processes that a cell starts write to the descriptors themselves. */
  readonly #raw: Streams;
  #running: { origin: string; resolve: (outcome: CellOutcome) => void } | undefined;
  /** Comm messages whose handlers are not through, by origin. */
  readonly #handling = new Map<string, () => void>();
  #stopped = false;
  #interrupted: string | undefined;
  /** The code a cell gave to `process.exit`. */
  #exitCode: number | undefined;
  /** The end of what the process wrote past our streams, where the platform explains a crash. */
  #lastWords = "";

  constructor(folder: string, events: UserProcessEvents) {
    this.#events = events;
    this.#raw = new Streams((event) => this.#stopped || events.event(event));
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
      this.#running = { origin: cell.origin, resolve };
      this.#raw.allow(cell.origin);
      this.#write(descriptors.commands, { type: "run", cell } satisfies ToUser);
      if (this.#interrupted === cell.origin) this.interrupt(cell.origin);
    });
  }

  /** Sets a variable of the process's environment, before the next cell. */
  setVariable(name: string, value: string): void {
    this.#write(descriptors.commands, { type: "variable", name, value } satisfies ToUser);
  }

  /** Hands a comm message to the cells' handlers; resolves when they are through or the process has ended. */
  async receive(origin: string, message: CommMessage): Promise<void> {
    await this.#ready;
    return new Promise((resolve) => {
      if (this.#stopped) return resolve();
      this.#handling.set(origin, resolve);
      this.#write(descriptors.commands, { type: "comm", origin, message } satisfies ToUser);
    });
  }

  /** The text that the person at the front end gave. */
  answer(text: string): void {
    this.#write(descriptors.control, { type: "answer", text } satisfies ToWatchdog);
  }

  /** Stops this work, whatever it does, also when it is only about to run; variables stay. */
  interrupt(origin: string): void {
    this.#interrupted = origin;
    if (this.#running?.origin !== origin && !this.#handling.has(origin)) return;
    this.#write(descriptors.control, { type: "interrupt", origin } satisfies ToWatchdog);
    // A termination may hit the very code that would have ended the cell, so ask until it has ended.
    setTimeout(() => this.interrupt(origin), interruptRetry).unref();
  }

  /** Stops the comm handlers that run. */
  interruptHandlers(): void {
    for (const origin of this.#handling.keys()) this.interrupt(origin);
  }

  /** Ends the process without a word to the listeners; resolves once it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#release();
    await killed(this.#child);
  }

  #listen(ready: () => void): void {
    const child = this.#child;
    const reader = new FrameReader<FromUser>();
    child.stdio[descriptors.events]!.on("data", (chunk: Buffer) => {
      for (const message of reader.push(chunk)) this.#receive(message, ready);
    });
    for (const name of ["stdout", "stderr"] as const) {
      child[name]!.setEncoding("utf8").on("data", (written: string) => {
        // Said at some ends on account of the watchdog, and of no use to the reader.
        const text = written.replace("Waiting for the debugger to disconnect...\n", "");
        if (text === "") return;
        this.#lastWords = (this.#lastWords + text).slice(-4000);
        const origin = this.#running?.origin;
        if (!this.#stopped) this.#raw.write({ type: "stream", name, text, origin });
      });
    }
    for (const stream of child.stdio) stream?.on("error", () => undefined);
    child.on("error", (error) => this.#end(`The process for cells cannot start: ${error.message}`));
    child.on("close", (code, signal) => this.#end(this.#reason(code, signal)));
  }

  #receive(message: FromUser, ready: () => void): void {
    switch (message.type) {
      case "ready":
        return ready();
      case "exit":
        this.#exitCode = message.code;
        return;
      case "event":
        return this.#events.event(message.event);
      case "question":
        return this.#events.question(message.origin, message.question);
      case "handled": {
        const handled = this.#handling.get(message.origin);
        this.#handling.delete(message.origin);
        return handled?.();
      }
      case "done": {
        if (this.#running?.origin !== message.origin) return;
        const { resolve } = this.#running;
        this.#raw.finish(message.origin);
        this.#running = undefined;
        return resolve(message.outcome);
      }
    }
  }

  #end(reason: string): void {
    if (this.#stopped) return;
    this.#raw.finish(this.#running?.origin);
    this.#stopped = true;
    this.#release();
    this.#events.ended(reason);
  }

  #release(): void {
    for (const handled of this.#handling.values()) handled();
    this.#handling.clear();
  }

  #reason(code: number | null, signal: NodeJS.Signals | null): string {
    if (/heap out of memory|heap limit|OOM|out of memory/i.test(this.#lastWords))
      return "The cell ran out of memory";
    if (this.#exitCode !== undefined)
      return `The cell ended the session's process with exit code ${this.#exitCode}`;
    // Linux ends a process so when memory runs out.
    const why = signal === "SIGKILL" ? ", perhaps for want of memory" : "";
    if (signal) return `The session's process was ended by ${signal}${why}`;
    return `The session's process ended with exit code ${code}`;
  }

  #write(descriptor: number, message: unknown): void {
    (this.#child.stdio[descriptor] as Writable).write(frame(message));
  }
}
