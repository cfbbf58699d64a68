import { Worker } from "node:worker_threads";
import type {
  CellLanguage,
  CompiledCell,
  Completeness,
  Completions,
  Inspection,
  RejectedCell,
} from "../types.ts";

/** A call to the language thread. */
export interface LanguageRequest {
  id: number;
  method: keyof CellLanguage;
  args: unknown[];
}

/** Its answer. */
export type LanguageReply = { id: number; value: unknown } | { id: number; error: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The language side of a session in a thread of its own. */
export class LanguageThread implements CellLanguage {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;

  /** `folder` is the notebook's. The thread starts loading at once. */
  constructor(folder: string) {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: { folder } });
    this.#worker.on("message", (reply: LanguageReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ("error" in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.value);
    });
    this.#worker.on("error", (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  compile(code: string, cell: number): Promise<CompiledCell | RejectedCell> {
    return this.#call("compile", code, cell);
  }

  settle(cell: number, unassigned: string[]): Promise<void> {
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
    return this.#call("reset");
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #call<R>(method: keyof CellLanguage, ...args: unknown[]): Promise<R> {
    this.#count += 1;
    const id = this.#count;
    return new Promise<R>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, method, args } satisfies LanguageRequest);
    });
  }
}
