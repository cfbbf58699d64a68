/** The search for one function: rounds of candidates that are chosen, measured, recorded and learned from. */
import type { PrimFunc } from "../ir/index.ts";
import { Trace } from "../schedule/index.ts";
import type { Database } from "./database/database.ts";
import { bare, costOf, type TuningRecord, workloadOf } from "./database/record.ts";
import { scheduleOf } from "./default/index.ts";
import type { MeasureLimits, Measurer, Outcome } from "./measure.ts";
import { type Candidate, type Known, SearchState } from "./search/candidates.ts";
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
  readonly database: Database;
  readonly measurer: Measurer;
  readonly limits?: MeasureLimits;
}

/** Called for each candidate with its outcome and what the cost model expected, in milliseconds. */
export type OnTrial = (candidate: Candidate, outcome: Outcome, predicted: number | undefined) => void;

/** Candidates in a row that could not be measured, with none that could: then the function is given up. */
const HOPELESS = 24;

export class TuningTask {
  readonly name: string;
  readonly weight: number;
  /** Candidates recorded for it, by earlier searches too. */
  trials = 0;
  /** No more candidates can be found, or none can be measured. */
  exhausted = false;
  /** Milliseconds of the schedule without search. */
  first: number | undefined;
  readonly state: SearchState;
  private readonly parts: TaskParts;

  constructor(parts: TaskParts) {
    this.parts = parts;
    this.name = parts.name;
    this.weight = parts.weight;
    this.state = new SearchState(bare(parts.func), parts.space, parts.measurer.target, parts.seed);
    this.resume();
  }

  /** Milliseconds of the best candidate. */
  get best(): number | undefined {
    return this.state.best?.cost;
  }

  /** Takes up what the database holds for this function and target. */
  private resume(): void {
    const { database, measurer } = this.parts;
    const { hash } = workloadOf(this.parts.func);
    const known: Known[] = [];
    for (const r of database.records(hash)) {
      if (similarity(r.target, measurer.target) < similarity(measurer.target, measurer.target)) continue;
      this.trials++;
      const candidate = this.state.replay(Trace.from(r.trace), "mutated");
      if (candidate) known.push({ candidate, cost: costOf(r) });
    }
    this.state.learn(known);
    if (this.parts.withDefault && known.length > 0) {
      const plain = this.state.made("default", () => scheduleOf(this.state.func));
      this.first = known.find((k) => k.candidate.hash === plain?.hash)?.cost;
    }
  }

  /** Measures up to n new candidates. Ends early when `signal` says so. */
  async round(n: number, onTrial: OnTrial, pause: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const { strategy, withDefault } = this.parts;
    const begin: Candidate[] = [];
    if (withDefault && this.trials === 0) {
      const plain = this.state.made("default", () => scheduleOf(this.state.func));
      if (plain) begin.push(plain);
    }
    for (const c of begin) this.state.seen.add(c.hash);
    const more = begin.length < n ? await strategy(this.state, n - begin.length, pause) : [];
    const candidates = [...begin, ...more];
    if (candidates.length === 0) this.exhausted = true;
    const results: Known[] = [];
    for (const candidate of candidates) {
      if (signal?.aborted) break;
      const predicted = this.state.model.msOf(this.state.model.predict(candidate.func));
      const outcome = await this.measure(candidate, results);
      if (outcome === undefined) break;
      const cost = outcome.runs.length > 0 ? Math.min(...outcome.runs) : Number.POSITIVE_INFINITY;
      if (candidate.origin === "default" && outcome.runs.length > 0) this.first = cost;
      results.push({ candidate, cost });
      this.record(candidate, outcome);
      onTrial(candidate, outcome, predicted);
      await pause();
    }
    this.state.learn(results);
    if (!this.state.best && this.state.known.length >= HOPELESS) this.exhausted = true;
  }

  private measure(candidate: Candidate, results: readonly Known[]): Promise<Outcome> {
    const best = Math.min(this.best ?? Number.POSITIVE_INFINITY, ...results.map((r) => r.cost));
    return this.parts.measurer.measure({
      workload: this.state.func,
      candidate: candidate.func,
      ...(best < Number.POSITIVE_INFINITY ? { best } : {}),
      ...(this.parts.limits ? { limits: this.parts.limits } : {}),
    });
  }

  private record(candidate: Candidate, o: Outcome): void {
    this.trials++;
    const record: TuningRecord = {
      version: 1,
      workload: workloadOf(this.parts.func),
      trace: candidate.trace.toJSON(),
      status: o.status,
      runs: o.runs,
      ...(o.message === undefined ? {} : { message: o.message }),
      target: this.parts.measurer.target,
      date: new Date().toISOString(),
    };
    this.parts.database.add(record);
  }
}
