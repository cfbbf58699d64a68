/** Building, checking and timing candidates in this thread. */
import { type PrimFunc, structuralHash } from "../../ir/index.ts";
import { undisturbed } from "../../tune/database/record.ts";
import type { MeasureRequest, Outcome } from "../../tune/measure.ts";
import type { Prepared } from "../backend.ts";
import { measureTogether } from "../timing.ts";
import type { Machine } from "./machine.ts";
import { Workbench } from "./reference.ts";

export const LIMITS = { buildMs: 10_000, runMs: 15_000, codeBytes: 256 * 1024, measureMs: 500 } as const;

/** Measurements of every candidate, and how many more of one that may be the best. */
const FEW = 3;
const REPEATS = 8;
/** Less than so many times the time of the best may be the best after all. */
const PROMISING = 1.4;
/** Times the time that measuring takes otherwise. */
const BUSY = 3;
/** One whose first call, in code that is not optimised yet, takes so many times as long is measured once. */
const HOPELESS = 20;
const HOPELESS_MS = 200;
/** Milliseconds and calls after which the engine's optimised code is there, mostly. */
const WARM_MS = 12;
const WARM_CALLS = 40;

const failed = (status: Outcome["status"], message: string): Outcome => ({ status, runs: [], message });
const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** What makes a call of it, and the shortest it has ever taken, in milliseconds. */
interface Yardstick {
  readonly run: Prepared;
  quickest: number;
}

interface Bench {
  readonly hash: string;
  readonly workbench: Workbench;
  /** Undefined where there is none, or it cannot be run. */
  readonly yardstick: Yardstick | undefined;
}

/** Measures candidates of one program after another; operands are kept as long as the program stays the same. */
export class CandidateRunner {
  private readonly machine: Machine;
  private readonly now: () => number;
  private bench: Bench | undefined;

  /** `now`: milliseconds of the clock that runs are measured with. */
  constructor(machine: Machine, now: () => number = () => performance.now()) {
    this.machine = machine;
    this.now = now;
  }

  /** `built` is called between building and running. Only hangs and crashes of the engine keep it from giving an outcome. */
  async measure(request: MeasureRequest, built: () => void = () => {}): Promise<Outcome> {
    const { candidate, best = Number.POSITIVE_INFINITY } = request;
    const limits = { ...LIMITS, ...request.limits };
    let bench: Bench;
    try {
      bench = await this.benchFor(request);
    } catch (e) {
      return failed("failed", messageOf(e));
    }
    const { workbench, yardstick } = bench;
    const start = performance.now();
    try {
      const { codeBytes, make } = await this.machine.compile(candidate);
      if (codeBytes > limits.codeBytes)
        return failed("tooLarge", `${codeBytes} bytes of code, at most ${limits.codeBytes} are allowed`);
      const { lib, bind } = await make();
      const buildMs = performance.now() - start;
      if (buildMs > limits.buildMs) return failed("tooLarge", `it took ${Math.round(buildMs)} ms to compile`);
      built();
      workbench.reset();
      using operands = await bind(workbench.args);
      const began = performance.now();
      await lib.functions.main(...operands.args);
      const first = performance.now() - began;
      await operands.results();
      const difference = workbench.difference();
      if (difference !== undefined) return failed("wrong", difference);
      const run = lib.prepare("main", operands.args);
      const hopeless = first > HOPELESS_MS && first > HOPELESS * best;
      if (!hopeless) await warm(run, this.now);
      const { target } = this.machine;
      const things = [{ name: "candidate", target, run }];
      if (yardstick) things.push({ name: "yardstick", target, run: yardstick.run });
      const timed = async (repeats: number, maxMs: number): Promise<readonly number[][]> => {
        const timings = await measureTogether(things, {
          warmup: 0,
          minMs: 2,
          repeats,
          maxMs: maxMs / things.length,
          now: this.now,
        });
        return timings.map((t) => [...t.runs]);
      };
      const runs = await timed(hopeless ? 1 : FEW, limits.measureMs);
      // What may be the best is measured more often, also where the machine is busy.
      if (!hopeless && isPromising(runs, best, yardstick)) {
        const more = await timed(REPEATS, BUSY * limits.measureMs);
        more.forEach((list, i) => {
          runs[i].push(...list);
        });
      }
      if (yardstick) yardstick.quickest = Math.min(yardstick.quickest, ...runs[1]);
      lib.dispose();
      const measured = { status: "measured", runs: runs[0], codeBytes, buildMs } as const;
      return yardstick ? { ...measured, yardstick: runs[1] } : measured;
    } catch (e) {
      return failed("failed", messageOf(e));
    }
  }

  private async benchFor({ workload, yardstick }: MeasureRequest): Promise<Bench> {
    const hash = structuralHash(workload);
    if (this.bench?.hash !== hash) {
      this.dispose();
      const workbench = await Workbench.of(workload);
      this.bench = { hash, workbench, yardstick: await this.prepared(workbench, yardstick) };
    }
    return this.bench;
  }

  private async prepared(workbench: Workbench, func: PrimFunc | undefined): Promise<Yardstick | undefined> {
    if (!func) return undefined;
    try {
      const { lib, bind } = await (await this.machine.compile(func)).make();
      const { args } = await bind(workbench.args);
      await lib.functions.main(...args);
      const run = lib.prepare("main", args);
      return { run, quickest: await warm(run, this.now) };
    } catch {
      // The first candidate is this very program mostly, and will say what is wrong.
      return undefined;
    }
  }

  dispose(): void {
    this.bench?.workbench.dispose();
    this.bench = undefined;
  }
}

/** Whether the candidate may be the best: relative to the yardstick, where there is one. */
function isPromising(runs: readonly number[][], best: number, yardstick: Yardstick | undefined): boolean {
  const own = undisturbed(runs[0]);
  const ms = yardstick ? (own / undisturbed(runs[1])) * yardstick.quickest : own;
  return ms < PROMISING * best;
}

/** Calls until optimised code is there; milliseconds of the shortest call. */
async function warm(run: Prepared, now: () => number): Promise<number> {
  const begin = performance.now();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WARM_CALLS && (i < 2 || performance.now() - begin < WARM_MS); i++) {
    const start = now();
    await run();
    least = Math.min(least, now() - start);
  }
  return least;
}
