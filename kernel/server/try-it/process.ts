// A process that works on a model: its start, what it tells, its end.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { memoryLimit, totalMemory } from "../../session/user/memory.ts";
import type { TryEvent } from "./events.ts";

/** Characters of one line: displays are bounded far below. */
const longestLine = 64 * 2 ** 20;

/** A process of `worker.ts`. */
export class WorkProcess {
  /** Resolves when the process and all that it started are gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #reason: string | undefined;
  #over = false;

  /**
   * Starts it with these arguments. `hear` gets each value that it tells; after `seconds` it is ended. At the end `hear`
   * gets an error event when the process ended otherwise than by itself.
   */
  constructor(args: readonly string[], seconds: number, hear: (line: TryEvent) => void) {
    const source = import.meta.url.endsWith(".ts");
    const file = fileURLToPath(new URL(source ? "./worker.ts" : "./worker.js", import.meta.url));
    const heap = memoryLimit(process.env.TILEWRIGHT_MEMORY_LIMIT, totalMemory());
    // JavaScript's own heap has a limit that depends on the machine: it may take what the whole process may.
    const limits = Number.isFinite(heap) ? [`--max-old-space-size=${Math.ceil(heap / 2 ** 20)}`] : [];
    const loader = source ? ["--import", "tsx"] : [];
    this.#child = spawn(process.execPath, [...limits, ...loader, file, ...args], {
      cwd: path.dirname(file),
      // A group of its own: what it starts ends with it.
      detached: true,
      // Its standard input stays open as long as this process lives.
      stdio: ["pipe", "pipe", "pipe"],
    });
    const timer = setTimeout(
      () => this.stop(`It took longer than ${seconds} s, which is the limit here.`),
      seconds * 1000,
    );
    const errors = lastWords(this.#child);
    const told = readLines(this.#child, hear);
    this.ended = new Promise((resolve) => {
      const end = async (why: string | undefined) => {
        if (this.#over) return;
        this.#over = true;
        clearTimeout(timer);
        this.#kill();
        const { said } = await told;
        if (why !== undefined && !said) hear({ event: "error", name: "Ended", message: this.#reason ?? why });
        resolve();
      };
      this.#child.once("error", (error) => end(`The process could not be started: ${error.message}`));
      this.#child.once("exit", (code, signal) =>
        end(code === 0 ? undefined : explained(code, signal, errors())),
      );
    });
  }

  /** Ends it; `reason` is what is told then. */
  stop(reason: string): Promise<void> {
    this.#reason ??= reason;
    this.#kill();
    return this.ended;
  }

  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child.kill("SIGKILL");
      else process.kill(-pid, "SIGKILL");
    } catch {
      // All of it has ended already.
    }
  }
}

/** Hands each line of JSON on; resolves at the end of the stream, with whether the process said itself what went wrong. */
function readLines(child: ChildProcess, hear: (line: TryEvent) => void): Promise<{ said: boolean }> {
  let rest = "";
  let said = false;
  const line = (text: string) => {
    if (!text.startsWith("{")) return;
    let value: TryEvent;
    try {
      value = JSON.parse(text);
    } catch {
      // A line that was cut short when the process ended.
      return;
    }
    said ||= value.event === "error";
    hear(value);
  };
  child.stdout!.setEncoding("utf8");
  child.stdout!.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    if (rest.length > longestLine) rest = "";
    for (const text of lines) line(text);
  });
  return new Promise((resolve) => {
    const end = () => resolve({ said });
    child.stdout!.once("close", end).once("error", end);
  });
}

/** The end of what a process wrote to its standard error. */
function lastWords(child: ChildProcess): () => string {
  let text = "";
  child.stderr!.setEncoding("utf8");
  child.stderr!.on("data", (chunk: string) => {
    text = (text + chunk).slice(-4000);
  });
  child.stderr!.on("error", () => undefined);
  // Nothing is ever written to it.
  child.stdin!.on("error", () => undefined);
  return () => text;
}

function explained(code: number | null, signal: NodeJS.Signals | null, errors: string): string {
  if (/heap out of memory|Array buffer allocation failed/.test(errors))
    return "The work on this model ran out of memory.";
  const last = /^(?:\w*Error|fatal).*$/im.exec(errors)?.[0];
  const how = signal === null ? `with exit code ${code}` : `of ${signal}`;
  return `The process that worked on this model ended ${how}${last ? `: ${last.slice(0, 300)}` : ""}.`;
}
