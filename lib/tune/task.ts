/** The search for one function: rounds of candidates that are chosen, measured, recorded and learned from. */
import { type PrimFunc, structuralHash } from "../ir/index.ts";
import { Trace } from "../schedule/index.ts";
import { withoutSearch } from "./by-target.ts";
import type { Database } from "./database/database.ts";
import {
  bare,
  costOf,
  mergeRepeats,
  quickestYardsticks,
  type TuningRecord,
  WORKLOAD_FUNC,
  workloadOf,
} from "./database/record.ts";
import type { MeasureLimits, Measurer, Outcome } from "./measure.ts";
import { type Candidate, type Effort, type Known, SearchState } from "./search/candidates.ts";
import type { Strategy } from "./search/strategies.ts";
import type { Space } from "./space/space.ts";
import { similarity } from "./target.ts";

export interface TaskParts {
  readonly name: string;
  readonly func: PrimFunc;
  readonly weight: number;
  readonly space: Space;
  readonly strategy: Strategy;
  /** Whether the schedule without search is the first candidate. */
  readonly withDefault: boolean;
  readonly seed: number;
  readonly effort: Effort;
  readonly database: Database;
  readonly measurer: Measurer;
  readonly limits?: MeasureLimits;
}

/** A candidate that was tried, in milliseconds: as `costOf` has it, and what the cost model expected. */
export interface Tried {
  readonly candidate: Candidate;
  readonly outcome: Outcome;
  readonly cost: number;
  readonly predicted: number | undefined;
}

/** Candidates that take less than so many times as long as the best may be the best, of which so many are looked at again. */
const NEAR = 1.08;
const FINALISTS = 4;
/** Candidates, none of which could be measured: then the function is given up. */
const HOPELESS = 24;

/** What the work gives, or undefined when the signal comes first: whoever does it is told to stop by `dispose`. */
function unlessAborted<X>(work: Promise<X>, signal: AbortSignal | undefined): Promise<X | undefined> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

interface Entry {
  readonly candidate: Candidate;
  readonly record: TuningRecord;
}

export class TuningTask {
  readonly name: string;
  readonly weight: number;
  /** Candidates recorded for it, by earlier searches too. */
  trials = 0;
  /** No more candidates can be found, or none can be measured. */
  exhausted = false;
  readonly state: SearchState;
  private readonly parts: TaskParts;
  private readonly entries: Entry[] = [];
  private quickest = new Map<string, number>();
  /** The schedule without search, with which candidates are measured in turns. */
  private readonly yardstick: { readonly func: PrimFunc; readonly hash: string };

  constructor(parts: TaskParts) {
    this.parts = parts;
    this.name = parts.name;
    this.weight = parts.weight;
    this.state = new SearchState(
      bare(parts.func),
      parts.space,
      parts.measurer.target,
      parts.seed,
      parts.effort,
    );
    const { target } = parts.measurer;
    const func = bare(withoutSearch(this.state.func, target).func(WORKLOAD_FUNC));
    this.yardstick = { func, hash: structuralHash(func) };
    this.resume();
  }

  /** Milliseconds of the best candidate. */
  get best(): number | undefined {
    const costs = this.entries.map((e) => costOf(e.record, this.quickest));
    const best = Math.min(Number.POSITIVE_INFINITY, ...costs);
    return best < Number.POSITIVE_INFINITY ? best : undefined;
  }

  /** Milliseconds of the schedule without search. */
  get first(): number | undefined {
    return this.quickest.get(this.yardstick.hash);
  }

  /** Takes up what the database holds for this function and target. */
  private resume(): void {
    const { database, measurer } = this.parts;
    const same = similarity(measurer.target, measurer.target);
    const known = database.records(workloadOf(this.parts.func).hash);
    for (const record of mergeRepeats(known.filter((r) => similarity(r.target, measurer.target) === same))) {
      this.trials++;
      const candidate = this.state.replay(Trace.from(record.trace), "mutated");
      if (candidate) this.entries.push({ candidate, record });
    }
    this.learn();
  }

  /** Measures up to n new candidates. Ends early when `signal` says so. */
  async round(
    n: number,
    onTrial: (t: Tried) => void,
    pause: () => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { strategy, withDefault } = this.parts;
    const plain =
      withDefault && this.trials === 0
        ? this.state.made("default", () => withoutSearch(this.state.func, this.state.target))
        : undefined;
    const begin = plain ? [plain] : [];
    for (const c of begin) this.state.seen.add(c.hash);
    const more = begin.length < n ? await strategy(this.state, n - begin.length, pause) : [];
    const candidates = [...begin, ...more];
    if (candidates.length === 0) this.exhausted = true;
    for (const candidate of candidates) {
      if (signal?.aborted) break;
      const predicted = this.state.model.msOf(this.state.model.predict(candidate.func));
      const outcome = await unlessAborted(this.measure(candidate), signal);
      if (outcome === undefined) break;
      const record = this.recordOf(candidate, outcome);
      this.trials++;
      this.entries.push({ candidate, record });
      this.quickest = quickestYardsticks(this.entries.map((e) => e.record));
      this.parts.database.add(record);
      onTrial({ candidate, outcome, cost: costOf(record, this.quickest), predicted });
      await pause();
    }
    this.learn();
    if (this.best === undefined && this.entries.length >= HOPELESS) this.exhausted = true;
  }

  /**
   * Measures the best candidates again, one after another and so many times round: among many measurements the smallest is
   * one that chance has favoured. Those that turn out slower drop out, others come up in their place; ends early when one
   * is left that was measured again.
   */
  async confirm(rounds: number, signal?: AbortSignal): Promise<void> {
    const confirmed = new Set<Candidate>();
    for (let i = 0; i < rounds; i++) {
      const finalists = this.finalists();
      if (finalists.every((at) => finalists.length === 1 && confirmed.has(this.entries[at].candidate)))
        return;
      for (const at of finalists) {
        const { candidate, record: before } = this.entries[at];
        confirmed.add(candidate);
        const outcome = await unlessAborted(this.measure(candidate), signal);
        if (outcome?.status !== "measured") return;
        const record = this.recordOf(candidate, outcome);
        this.parts.database.add(record);
        this.entries[at] = { candidate, record: mergeRepeats([before, record])[0] };
        this.learn();
      }
    }
  }

  /** Where the entries are that may be the best, the best first. */
  private finalists(): number[] {
    const costs = this.entries.map((e) => costOf(e.record, this.quickest));
    const least = Math.min(Number.POSITIVE_INFINITY, ...costs);
    const near = [...costs.keys()].filter(
      (i) => costs[i] <= least * NEAR && costs[i] < Number.POSITIVE_INFINITY,
    );
    return near.sort((a, b) => costs[a] - costs[b]).slice(0, FINALISTS);
  }

  /** Times may look different than before: the yardstick was seen at a better speed. */
  private learn(): void {
    this.quickest = quickestYardsticks(this.entries.map((e) => e.record));
    this.state.learn(
      this.entries.map(
        ({ candidate, record }): Known => ({ candidate, cost: costOf(record, this.quickest) }),
      ),
    );
  }

  private measure(candidate: Candidate): Promise<Outcome> {
    const { best } = this;
    return this.parts.measurer.measure({
      workload: this.state.func,
      candidate: candidate.func,
      yardstick: this.yardstick.func,
      ...(best === undefined ? {} : { best }),
      ...(this.parts.limits ? { limits: this.parts.limits } : {}),
    });
  }

  private recordOf(candidate: Candidate, o: Outcome): TuningRecord {
    return {
      version: 1,
      workload: workloadOf(this.parts.func),
      trace: candidate.trace.toJSON(),
      status: o.status,
      runs: o.runs,
      ...(o.yardstick ? { yardstick: { hash: this.yardstick.hash, runs: o.yardstick } } : {}),
      ...(candidate.origin === "default" ? { origin: "default" } : {}),
      ...(o.message === undefined ? {} : { message: o.message }),
      target: this.parts.measurer.target,
      date: new Date().toISOString(),
    };
  }
}
