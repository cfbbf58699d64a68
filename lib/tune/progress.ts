/** What a search tells while it runs, as plain data: enough to draw its curve, and predicted against measured. */
import type { Decision } from "../schedule/index.ts";
import { STATUSES, type Status } from "./measure.ts";
import type { Origin } from "./search/candidates.ts";

/** A candidate that was tried. */
export interface Trial {
  /** Counts from 0 over the whole search. */
  readonly index: number;
  /** The function it is for. */
  readonly task: string;
  readonly origin: Origin;
  /** What was drawn. */
  readonly decisions: readonly Decision[];
  /** Milliseconds that the cost model expected, once it knew enough. */
  readonly predicted?: number;
  readonly status: Status;
  /** Every measurement, in milliseconds for one call. */
  readonly runs: readonly number[];
  /**
   * Milliseconds that these stand for: relative to the schedule without search, which is measured in turns with every
   * candidate, and at the best speed that one was seen to have.
   */
  readonly measured?: number;
  /** What went wrong. */
  readonly message?: string;
  /** The shortest time for this function so far. */
  readonly best?: number;
  /** Milliseconds since the search began. */
  readonly at: number;
}

/** Where a whole model's search stands with one function. */
export interface TaskProgress {
  readonly name: string;
  /** How often the model calls it. */
  readonly weight: number;
  /** Candidates measured for it, those of earlier searches included. */
  readonly trials: number;
  /** Milliseconds without search, and the shortest so far. */
  readonly first?: number;
  readonly best?: number;
}

export interface Progress {
  /** Candidates so far, those that the database held already included, and how many there will be. */
  readonly trials: number;
  readonly total: number;
  /** Milliseconds: of the best candidate; for a model, of all its functions, each as often as it is called. */
  readonly best?: number;
  /** Candidates that were measured, by this search. */
  readonly measured: number;
  /** Those that were not, by what became of them. Illegal ones and those over limits were dropped before they counted as trials. */
  readonly failed: Readonly<Record<Exclude<Status, "measured">, number>>;
  /** What the cost model expected of the last candidate. */
  readonly predicted?: number;
  /** All trials of this search; the same array each time, which grows. */
  readonly history: readonly Trial[];
  readonly tasks: readonly TaskProgress[];
  readonly done: boolean;
}

export const noFailures = (): Record<Exclude<Status, "measured">, number> =>
  Object.fromEntries(STATUSES.filter((s) => s !== "measured").map((s) => [s, 0])) as ReturnType<
    typeof noFailures
  >;
