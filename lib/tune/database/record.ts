/**
 * A tuning record: one candidate that was measured, as plain data. A record carries its program, so that a file of
 * records needs nothing else, and can be replayed on a program that is equal up to names.
 */
import { LAYOUT_FREE } from "../../graph/layout-attrs.ts";
import {
  type IRModule,
  irModule,
  type PrimFunc,
  primFunc,
  structuralHash,
  updateFunc,
} from "../../ir/index.ts";
import { applyTrace, Schedule, Trace } from "../../schedule/index.ts";
import { parsePrimFunc, script } from "../../script/index.ts";
import type { Status } from "../measure.ts";
import type { TuningTarget } from "../target.ts";

/** A program that is tuned: its structural hash and its text. */
export interface Workload {
  readonly hash: string;
  readonly script: string;
}

export interface TuningRecord {
  /** Of this format. */
  readonly version: 1;
  readonly workload: Workload;
  /** The instructions of the schedule, with its decisions. */
  readonly trace: ReturnType<Trace["toJSON"]>;
  readonly status: Status;
  /** Milliseconds for one call, every measurement. Empty unless `status` is "measured". */
  readonly runs: readonly number[];
  /** A schedule of the program by its hash, and its milliseconds, measured in turns with `runs`. */
  readonly yardstick?: { readonly hash: string; readonly runs: readonly number[] };
  /** The schedule without search, as it was measured among the candidates. */
  readonly origin?: "default";
  /** What went wrong, in a sentence. */
  readonly message?: string;
  readonly target: TuningTarget;
  /** When it was measured, as ISO 8601. */
  readonly date: string;
}

/** The name of the function in the module that records are replayed on. */
export const WORKLOAD_FUNC = "main";

const workloads = new WeakMap<PrimFunc, Workload>();

/**
 * The program without what passes noted about it, which makes it no other program. Which of its operands are weights does:
 * their layout is free.
 */
export function bare(f: PrimFunc): PrimFunc {
  const kept = Object.entries(f.attrs).filter(([key]) => key === LAYOUT_FREE);
  return kept.length === Object.keys(f.attrs).length
    ? f
    : primFunc(f.params, f.body, { attrs: Object.fromEntries(kept) });
}

/** What a program is known by in databases. */
export function workloadOf(f: PrimFunc): Workload {
  let known = workloads.get(f);
  if (!known) {
    const plain = bare(f);
    known = { hash: structuralHash(plain), script: script(plain) };
    workloads.set(f, known);
  }
  return known;
}

/**
 * Milliseconds that a record stands for, infinite for one that was not measured. Where a yardstick was measured in turns
 * with it, its time relative to that, at the best speed the yardstick was ever seen to have (`quickest`, by hash): the
 * machine may have been slower then. Otherwise the shortest run.
 */
export function costOf(r: TuningRecord, quickest: ReadonlyMap<string, number> = new Map()): number {
  if (r.runs.length === 0) return Number.POSITIVE_INFINITY;
  const { yardstick } = r;
  const best = yardstick && quickest.get(yardstick.hash);
  return best === undefined
    ? Math.min(...r.runs)
    : (undisturbed(r.runs) / undisturbed(yardstick?.runs ?? [])) * best;
}

/**
 * Records of one program with those of the same trace as one: a candidate may have been measured again, and then what all
 * its runs say counts. Those of another yardstick than the first are left out.
 */
export function mergeRepeats(records: readonly TuningRecord[]): TuningRecord[] {
  const byTrace = new Map<string, TuningRecord>();
  for (const r of records) {
    const key = JSON.stringify(r.trace);
    const known = byTrace.get(key);
    if (!known || known.runs.length === 0) byTrace.set(key, r);
    else if (r.runs.length > 0 && known.yardstick?.hash === r.yardstick?.hash) {
      const { yardstick } = known;
      const yards = [...(yardstick?.runs ?? []), ...(r.yardstick?.runs ?? [])];
      byTrace.set(key, {
        ...known,
        runs: [...known.runs, ...r.runs],
        ...(yardstick ? { yardstick: { ...yardstick, runs: yards } } : {}),
      });
    }
  }
  return [...byTrace.values()];
}

/** The shortest times of the yardsticks among records, by hash. */
export function quickestYardsticks(records: Iterable<TuningRecord>): Map<string, number> {
  const out = new Map<string, number>();
  for (const { yardstick } of records) {
    if (yardstick) out.set(yardstick.hash, Math.min(out.get(yardstick.hash) ?? Infinity, ...yardstick.runs));
  }
  return out;
}

/**
 * What runs take when nothing comes between: the mean of the shortest quarter of them. Whatever else a machine does makes
 * runs longer, never shorter, so that the short ones tell most (on a machine that is eight times overcommitted their ratios
 * spread over a few hundredths where those of medians spread over half), and of several one may be exceptional.
 */
export function undisturbed(runs: readonly number[]): number {
  const few = Math.max(1, runs.length >> 2);
  const shortest = [...runs].sort((a, b) => a - b).slice(0, few);
  return shortest.reduce((a, b) => a + b, 0) / few;
}

/**
 * The schedule of a record, on its own program. Throws when a primitive refuses, which records of older versions may run
 * into.
 */
export function scheduleOfRecord(r: TuningRecord): Schedule {
  const mod = irModule({ [WORKLOAD_FUNC]: parsePrimFunc(r.workload.script) });
  return applyTrace(Trace.from(r.trace), new Schedule(mod));
}

/** The same, in a module in which the program is the function `name`, in the place of one that is equal up to names. */
export function scheduleInModule(r: TuningRecord, mod: IRModule, name: string): Schedule {
  const sch = new Schedule(updateFunc(mod, name, parsePrimFunc(r.workload.script)));
  if (Object.keys(mod.funcs).length > 1) sch.workOn(name);
  const instructions = r.trace.instructions.map((i) =>
    i.attrs.func === WORKLOAD_FUNC ? { ...i, attrs: { ...i.attrs, func: name } } : i,
  );
  return applyTrace(Trace.from({ instructions }), sch);
}

/** The record, or what is wrong with data that should be one. */
export function checkRecord(x: unknown): TuningRecord | string {
  if (typeof x !== "object" || x === null) return "it is no object";
  const r = x as Partial<TuningRecord>;
  if (r.version !== 1) return `its version is ${JSON.stringify(r.version)}, this program reads 1`;
  const { workload, trace, target, yardstick } = r;
  if (typeof workload?.hash !== "string" || typeof workload.script !== "string") return "it has no workload";
  if (!Array.isArray(trace?.instructions)) return "it has no trace";
  if (!Array.isArray(r.runs) || !r.runs.every((n) => typeof n === "number" && n >= 0))
    return "it has no runs";
  const isPair = yardstick === undefined || yardstick.runs?.length === r.runs.length;
  if (!isPair) return "its yardstick was not measured as often as it was";
  if (typeof target?.kind !== "string" || typeof r.status !== "string") return "it has no target or status";
  return x as TuningRecord;
}
