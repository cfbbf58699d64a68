/** Databases of tuning records: in memory, and several as one. The file is in `file.node.ts`. */
import { mapStmt, type PrimFunc, type Stmt, structuralEqual, withAttrs, withBody } from "../../ir/index.ts";
import type { Schedule } from "../../schedule/index.ts";
import { parsePrimFunc } from "../../script/index.ts";
import { overLimit } from "../gpu-limits.ts";
import { similarity, type TuningTarget } from "../target.ts";
import {
  bare,
  costOf,
  mergeRepeats,
  quickestYardsticks,
  scheduleOfRecord,
  type TuningRecord,
  WORKLOAD_FUNC,
  workloadOf,
} from "./record.ts";

export interface Database {
  /** Keeps a record. */
  add(record: TuningRecord): void;
  /** Records of a workload, in the order in which they were added; of all without a hash. */
  records(hash?: string): readonly TuningRecord[];
  /**
   * The fastest record of a program: among those of the targets most like the given one, if one is given. Undefined when
   * none was measured.
   */
  queryRecord(func: PrimFunc, target?: TuningTarget): TuningRecord | undefined;
  /** The fastest schedule of a program, on the program it was found for (equal up to names). */
  querySchedule(func: PrimFunc, target?: TuningTarget): Schedule | undefined;
  /**
   * The scheduled program, with the attributes of the one that was asked for. Where the record is for several threads, but
   * not as many as the target has, its parallel loops are serial: they were cut for those, and analysis marks others.
   */
  queryFunc(func: PrimFunc, target?: TuningTarget): PrimFunc | undefined;
}

/** What takes more than this part of the time without search may be faster by chance, or only where its operands lie in caches. */
const CLEARLY = 0.97;

interface Found {
  readonly schedule: Schedule;
  /** What it was measured on. */
  readonly target: TuningTarget;
}

/** Whether jobs were cut for another number of threads: two jobs would leave two of four threads idle. */
const ofOtherThreads = (a: TuningTarget, b: TuningTarget): boolean =>
  a.kind === "wasm" && b.kind === "wasm" && a.threads > 1 && a.threads !== b.threads;

/** Its loops are those of one thread: which ones are shared is left to analysis. */
function withoutParallel(f: PrimFunc): PrimFunc {
  const serial = (s: Stmt): Stmt =>
    mapStmt(s.kind === "for" && s.loopKind === "parallel" ? { ...s, loopKind: "serial" } : s, {
      stmt: serial,
    });
  return withBody(f, serial(f.body) as PrimFunc["body"]);
}

/** What all databases share: queries over their records. */
abstract class Queries implements Database {
  abstract add(record: TuningRecord): void;
  abstract records(hash?: string): readonly TuningRecord[];

  queryRecord(func: PrimFunc, target?: TuningTarget): TuningRecord | undefined {
    return this.ranked(func, target)[0];
  }

  querySchedule(func: PrimFunc, target?: TuningTarget): Schedule | undefined {
    return this.find(func, target)?.schedule;
  }

  private find(func: PrimFunc, target?: TuningTarget): Found | undefined {
    for (const r of this.ranked(func, target)) {
      try {
        const found = scheduleOfRecord(r);
        // What was found on a larger GPU may be too much for this one.
        const gpu = target?.kind === "webgpu" ? target : undefined;
        if (!gpu || overLimit(found.func(WORKLOAD_FUNC), gpu.limits) === undefined)
          return { schedule: found, target: r.target };
      } catch {
        // A record of another version: its trace no longer fits, and the next best has to do.
      }
    }
    return undefined;
  }

  /**
   * Measured records of a program, those of the targets most like the given one alone, the fastest first; what was found is
   * before the schedule without search where it is clearly faster.
   */
  private ranked(func: PrimFunc, target?: TuningTarget): readonly TuningRecord[] {
    // A hash is no proof.
    const measured = this.records(workloadOf(func).hash).filter((r) => r.runs.length > 0 && isFor(r, func));
    const near = target ? Math.max(0, ...measured.map((r) => similarity(r.target, target))) : 0;
    const quickest = quickestYardsticks(measured);
    const place = (r: TuningRecord): number => costOf(r, quickest) * (r.origin === "default" ? CLEARLY : 1);
    return mergeRepeats(measured.filter((r) => !target || similarity(r.target, target) === near)).sort(
      (a, b) => place(a) - place(b),
    );
  }

  queryFunc(func: PrimFunc, target?: TuningTarget): PrimFunc | undefined {
    const found = this.find(func, target);
    if (!found) return undefined;
    const program = found.schedule.func(WORKLOAD_FUNC);
    const f = target && ofOtherThreads(found.target, target) ? withoutParallel(program) : program;
    return withAttrs(f, { ...func.attrs, scheduled: "tuned" });
  }
}

const isFor = (r: TuningRecord, func: PrimFunc): boolean =>
  r.workload.script === workloadOf(func).script ||
  structuralEqual(parsePrimFunc(r.workload.script), bare(func));

/** Records in memory. */
export class MemoryDatabase extends Queries {
  private readonly all: TuningRecord[] = [];
  private readonly byHash = new Map<string, TuningRecord[]>();

  constructor(records: Iterable<TuningRecord> = []) {
    super();
    for (const r of records) this.add(r);
  }

  add(record: TuningRecord): void {
    this.all.push(record);
    const list = this.byHash.get(record.workload.hash);
    if (list) list.push(record);
    else this.byHash.set(record.workload.hash, [record]);
  }

  records(hash?: string): readonly TuningRecord[] {
    return hash === undefined ? this.all : (this.byHash.get(hash) ?? []);
  }
}

/** Several databases as one; the first takes what is added. */
export class UnionDatabase extends Queries {
  private readonly parts: readonly Database[];

  constructor(...parts: readonly [Database, ...Database[]]) {
    super();
    this.parts = parts;
  }

  add(record: TuningRecord): void {
    this.parts[0].add(record);
  }

  records(hash?: string): readonly TuningRecord[] {
    return this.parts.flatMap((p) => p.records(hash));
  }
}
