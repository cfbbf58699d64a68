/**
 * Measuring in a process of its own, which has threads of its own: whatever a candidate does there, crash or hang, costs
 * that one candidate. The process is begun again for the next.
 */
import { type ChildProcess, fork } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { irModule, type PrimFunc } from "../../ir/index.ts";
import type { MeasureRequest, Measurer, MeasurerOptions, Outcome } from "../../tune/measure.ts";
import type { TuningTarget } from "../../tune/target.ts";
import { LIMITS } from "./candidate.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** Milliseconds for a process to begin: it loads the compiler. */
const BEGIN_MS = 60_000;

export async function processMeasurer(options: MeasurerOptions = {}): Promise<Measurer> {
  const measurer = new ProcessMeasurer(options);
  await measurer.begin();
  return measurer;
}

class ProcessMeasurer implements Measurer {
  private child: ChildProcess | undefined;
  private known: TuningTarget | undefined;
  /** The program whose operands the process has. */
  private workload: PrimFunc | undefined;
  private readonly options: MeasurerOptions;

  constructor(options: MeasurerOptions) {
    this.options = options;
  }

  get target(): TuningTarget {
    if (!this.known) throw new Error("measuring has not begun");
    return this.known;
  }

  async begin(): Promise<void> {
    const child = start();
    this.child = child;
    this.workload = undefined;
    const m = await this.ask(child, { kind: "begin", options: this.options }, () => BEGIN_MS);
    if (m.kind !== "ready") {
      this.end();
      throw new Error(`the process that measures did not begin: ${m.kind === "failed" ? m.message : m.kind}`);
    }
    this.known ??= m.target;
  }

  async measure(request: MeasureRequest): Promise<Outcome> {
    if (!this.child) await this.begin();
    const child = this.child as ChildProcess;
    const { workload, candidate, yardstick, best, limits } = request;
    const isNew = workload !== this.workload;
    this.workload = workload;
    const module = irModule({
      ...(isNew ? { workload, ...(yardstick ? { yardstick } : {}) } : {}),
      candidate,
    });
    const { buildMs, runMs } = { ...LIMITS, ...limits };
    // The reference is computed before the first candidate is built.
    const m = await this.ask(child, { kind: "measure", module, best, limits }, (built) =>
      built ? runMs : isNew ? buildMs + runMs : buildMs,
    );
    if (m.kind === "outcome") return m.outcome;
    // Whatever else it says, nobody knows what state it is in.
    this.end();
    const message =
      m.kind === "failed" ? m.message : m.kind === "late" ? `it took longer than ${m.ms} ms` : m.kind;
    return { status: m.kind === "late" ? "timedOut" : "failed", runs: [], message };
  }

  async dispose(): Promise<void> {
    this.end();
  }

  private end(): void {
    this.child?.kill("SIGKILL");
    this.child = undefined;
  }

  /** The answer, or what came in its place. `limit`: milliseconds until the next message, before and after "built". */
  private ask(
    child: ChildProcess,
    m: ToWorker,
    limit: (built: boolean) => number,
  ): Promise<Exclude<FromWorker, { kind: "built" }> | { readonly kind: "late"; readonly ms: number }> {
    return new Promise((resolve) => {
      const wait = (ms: number): NodeJS.Timeout => setTimeout(() => finish({ kind: "late", ms }), ms);
      let timer = wait(limit(false));
      const finish = (answer: Parameters<typeof resolve>[0]): void => {
        clearTimeout(timer);
        child.off("message", heard).off("exit", ended).off("error", broken);
        resolve(answer);
      };
      const heard = (answer: unknown): void => {
        const said = answer as FromWorker;
        if (said.kind !== "built") return finish(said);
        clearTimeout(timer);
        timer = wait(limit(true));
      };
      const ended = (code: number | null, signal: string | null): void =>
        finish({
          kind: "failed",
          message: `the process that measures ended with ${signal ?? `exit code ${code}`}`,
        });
      const broken = (e: Error): void => finish({ kind: "failed", message: e.message });
      child.on("message", heard).on("exit", ended).on("error", broken);
      child.send(m, (e) => e && broken(e));
    });
  }
}

/** Run from its TypeScript source, as the tests do, the process needs the loader that this one got. */
function start(): ChildProcess {
  const source = import.meta.url.endsWith(".ts");
  const file = fileURLToPath(new URL(source ? "./worker.node.ts" : "./worker.node.js", import.meta.url));
  const execArgv = source ? ["--import", "tsx"] : [];
  // The loader is looked for from there.
  const cwd = dirname(file);
  const child = fork(file, [], { cwd, execArgv, stdio: ["ignore", "ignore", "ignore", "ipc"] });
  // Work in progress keeps the search alive, a process that waits does not.
  child.unref();
  child.channel?.unref();
  return child;
}
