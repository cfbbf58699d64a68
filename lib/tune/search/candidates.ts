/** Candidates of one search: points of the space that passed the postprocessors and were not seen before. */
import { type PrimFunc, structuralHash } from "../../ir/index.ts";
import { applyTrace, Schedule, ScheduleError, type Trace } from "../../schedule/index.ts";
import { Random } from "../../schedule/random.ts";
import { WORKLOAD_FUNC } from "../database/record.ts";
import type { Dropped } from "../measure.ts";
import { CostModel } from "../model/cost-model.ts";
import { POSTPROCS, type Postproc, rejected } from "../postprocs.ts";
import { type Space, workloadModule } from "../space/space.ts";
import type { TuningTarget } from "../target.ts";

/** Where a candidate came from: the schedule without search, a fresh point of the space, or a changed one. */
export type Origin = "default" | "random" | "mutated";

export interface Candidate {
  readonly trace: Trace;
  /** The scheduled program. */
  readonly func: PrimFunc;
  readonly hash: string;
  readonly origin: Origin;
}

/** A candidate and its milliseconds; infinite when it could not be measured. */
export interface Known {
  readonly candidate: Candidate;
  readonly cost: number;
}

/** How many candidates a round of evolution looks at: so many, for so many generations. */
export interface Effort {
  readonly population: number;
  readonly generations: number;
}

/** What a search knows of its program. */
export class SearchState {
  readonly func: PrimFunc;
  readonly space: Space;
  readonly target: TuningTarget;
  readonly random: Random;
  readonly model: CostModel;
  /** Hashes of programs that were measured or are about to be. */
  readonly seen = new Set<string>();
  /** The fastest first. */
  known: readonly Known[] = [];
  /** Points that a primitive or a postprocessor refused, by what they count as. */
  readonly dropped: Record<Dropped, number> = { illegal: 0, overLimits: 0 };
  /** What the last of them said. */
  refusal = "";
  readonly effort: Effort;
  private readonly postprocs: readonly Postproc[];

  constructor(
    func: PrimFunc,
    space: Space,
    target: TuningTarget,
    seed: number,
    effort: Effort,
    postprocs: readonly Postproc[] = POSTPROCS,
  ) {
    this.func = func;
    this.space = space;
    this.target = target;
    this.random = new Random(seed);
    this.model = new CostModel(this.random.fork(), this.target.kind);
    this.effort = effort;
    this.postprocs = postprocs;
  }

  /** A fresh point of the space; undefined when it is refused. */
  sample(): Candidate | undefined {
    const seed = this.random.fork();
    return this.made("random", () => this.space.sample(this.func, seed, this.target));
  }

  /** The candidate of a trace, with decisions fitted; undefined when it is refused. */
  replay(trace: Trace, origin: Origin): Candidate | undefined {
    const seed = this.random.fork();
    // Other decisions may change how many loops there are, which `applyTrace` reports as an ordinary error.
    return this.made(
      origin,
      () => applyTrace(trace, new Schedule(workloadModule(this.func), { seed })),
      true,
    );
  }

  /** A candidate from a schedule of the program. */
  made(origin: Origin, make: () => Schedule, isReplay = false): Candidate | undefined {
    try {
      const sch = make();
      const func = sch.func(WORKLOAD_FUNC);
      const bad = rejected(func, this.target, this.postprocs);
      if (!bad) return { trace: sch.trace.simplified(), func, hash: structuralHash(func), origin };
      this.refusal = bad.why;
      this.dropped[bad.status]++;
    } catch (e) {
      if (!(e instanceof ScheduleError) && !isReplay) throw e;
      this.refusal = (e as Error).message;
      this.dropped.illegal++;
    }
    return undefined;
  }

  /** Takes all that was measured into account. */
  learn(results: readonly Known[]): void {
    for (const r of results) this.seen.add(r.candidate.hash);
    this.known = [...results].sort((a, b) => a.cost - b.cost);
    this.model.fit(results.map(({ candidate, cost }) => ({ func: candidate.func, cost })));
  }
}
