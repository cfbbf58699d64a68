import { type ChildProcess, spawn } from "node:child_process";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type {
  CellLanguage,
  CompiledCell,
  Completeness,
  Completions,
  Inspection,
  RejectedCell,
} from "../types.ts";
import { FrameReader, frame } from "../user/frames.ts";
import { killed } from "../user/kill.ts";
import { languageConfig } from "./config.ts";
import { findSnapshot } from "./snapshots.ts";

/** A call to the language side. */
export interface LanguageRequest {
  id: number;
  method: keyof CellLanguage;
  args: unknown[];
}

/** Its answer. */
export type LanguageReply = { id: number; value: unknown } | { id: number; error: string };

interface Waiting {
  request: LanguageRequest;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What runs the language side: a process from a snapshot, or a thread that loads everything itself. */
interface Runner {
  send(request: LanguageRequest): void;
  stop(): Promise<unknown>;
}

/** Time after the first call before a missing snapshot is made, in milliseconds. */
const snapshotDelay = 4000;

/**
 * The language side of a session, beside the kernel. Should it end, another takes its place and is told the session's
 * cells again.
 */
export class LanguageClient implements CellLanguage {
  readonly #folder: string;
  readonly #waiting = new Map<number, Waiting>();
  /** The calls that made the session's scope what it is. */
  #log: Pick<LanguageRequest, "method" | "args">[] = [];
  #runner: Runner;
  #count = 0;
  #stopped = false;

  /** `folder` is the notebook's. The language side starts loading at once. */
  constructor(folder: string) {
    this.#folder = folder;
    const snapshot = findSnapshot();
    this.#runner = snapshot === undefined ? this.#thread() : this.#process(snapshot);
    if (snapshot === undefined && process.env.TILEWRIGHT_SNAPSHOT !== "off") {
      setTimeout(makeSnapshot, snapshotDelay).unref();
    }
  }

  async compile(code: string, cell: number): Promise<CompiledCell | RejectedCell> {
    const compiled = await this.#call<CompiledCell | RejectedCell>("compile", code, cell);
    if (compiled.ok) this.#log.push({ method: "compile", args: [code, cell] });
    return compiled;
  }

  settle(cell: number, unassigned: string[]): Promise<void> {
    this.#log.push({ method: "settle", args: [cell, unassigned] });
    return this.#call("settle", cell, unassigned);
  }

  complete(code: string, offset: number): Promise<Completions> {
    return this.#call("complete", code, offset);
  }

  inspect(code: string, offset: number, detail: number): Promise<Inspection> {
    return this.#call("inspect", code, offset, detail);
  }

  isComplete(code: string): Promise<Completeness> {
    return this.#call("isComplete", code);
  }

  reset(): Promise<void> {
    this.#log = [];
    return this.#call("reset");
  }

  /** Gives up what is being computed: those calls fail, and the scope is built again. */
  restart(): void {
    if (this.#stopped) return;
    void this.#runner.stop();
    this.#again("stopped");
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#runner.stop();
  }

  #call<R>(method: keyof CellLanguage, ...args: unknown[]): Promise<R> {
    this.#count += 1;
    const request: LanguageRequest = { id: this.#count, method, args };
    return new Promise<R>((resolve, reject) => {
      this.#waiting.set(request.id, { request, resolve: resolve as (value: unknown) => void, reject });
      this.#runner.send(request);
    });
  }

  #reply(reply: LanguageReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.value);
  }

  /** Another runner in the place of one that ended. */
  #again(reason: string): void {
    if (this.#stopped) return;
    // Calls are answered in order, so the oldest is the one that it ended over; the others are asked again.
    const [culprit] = this.#waiting.values();
    if (culprit) this.#waiting.delete(culprit.request.id);
    culprit?.reject(new Error(`the TypeScript service ended: ${reason}`));
    const snapshot = findSnapshot();
    this.#runner = snapshot === undefined ? this.#thread() : this.#process(snapshot);
    for (const call of this.#log) {
      this.#count += 1;
      this.#runner.send({ id: this.#count, ...call });
    }
    for (const { request } of this.#waiting.values()) this.#runner.send(request);
  }

  #thread(): Runner {
    const workerData = languageConfig(this.#folder);
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData });
    worker.on("message", (reply: LanguageReply) => this.#reply(reply));
    let ended = false;
    const end = (reason: string) => {
      if (!ended) this.#again(reason);
      ended = true;
    };
    worker.on("error", (error) => end(error.message));
    return {
      send: (request) => worker.postMessage(request),
      stop: () => {
        ended = true;
        return worker.terminate();
      },
    };
  }

  #process(snapshot: string): Runner {
    const child = spawn(process.execPath, ["--no-warnings", "--snapshot-blob", snapshot, "language"], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    const write = (message: unknown) => child.stdin.write(frame(message));
    const reader = new FrameReader<LanguageReply>();
    let ready = false;
    let ended = false;
    child.stdout.on("data", (chunk: Buffer) => {
      for (const reply of reader.push(chunk)) {
        ready = true;
        this.#reply(reply);
      }
    });
    child.stdin.on("error", () => undefined);
    const end = (reason: string) => {
      if (ended || this.#stopped) return;
      ended = true;
      if (ready) return this.#again(reason);
      // A snapshot that does not fit after all: the thread takes over what was asked.
      this.#runner = this.#thread();
      for (const { request } of this.#waiting.values()) this.#runner.send(request);
    };
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(signal ?? `exit code ${code}`));
    write(languageConfig(this.#folder));
    return {
      send: write,
      stop: () => {
        ended = true;
        return killed(child);
      },
    };
  }
}

/** Makes the snapshot for the next start, with the lowest priority. */
function makeSnapshot(): void {
  const script = fileURLToPath(new URL("./prepare.js", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  try {
    if (child.pid !== undefined) os.setPriority(child.pid, 19);
  } catch {
    // It may have ended already, or the system may have no priorities.
  }
  child.unref();
}
