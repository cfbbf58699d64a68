/**
 * A tuning record: one candidate that was measured, as plain data. A record carries its program, so that a file of
 * records needs nothing else, and can be replayed on a program that is equal up to names.
 */
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
  /** What went wrong, in a sentence. */
  readonly message?: string;
  readonly target: TuningTarget;
  /** When it was measured, as ISO 8601. */
  readonly date: string;
}

/** The name of the function in the module that records are replayed on. */
export const WORKLOAD_FUNC = "main";

const workloads = new WeakMap<PrimFunc, Workload>();

/** The program without attributes: what passes noted about it makes it no other program. */
export const bare = (f: PrimFunc): PrimFunc =>
  Object.keys(f.attrs).length === 0 ? f : primFunc(f.params, f.body);

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

/** Milliseconds that a record stands for: the shortest run, which other work on the machine disturbed least. */
export const costOf = (r: TuningRecord): number =>
  r.runs.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...r.runs);

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
  const { workload, trace, target } = r;
  if (typeof workload?.hash !== "string" || typeof workload.script !== "string") return "it has no workload";
  if (!Array.isArray(trace?.instructions)) return "it has no trace";
  if (!Array.isArray(r.runs) || !r.runs.every((n) => typeof n === "number" && n >= 0))
    return "it has no runs";
  if (typeof target?.kind !== "string" || typeof r.status !== "string") return "it has no target or status";
  return x as TuningRecord;
}
