/** The learned cost model: which of several candidates for one program will be fast, from those that were measured. */
import type { PrimFunc } from "../../ir/index.ts";
import { featuresOf } from "../features/stores.ts";
import { BoostedTrees, type Rows } from "./boosting.ts";

/** Candidates that must have been measured before predictions are worth anything. */
const LEAST = 8;

interface Sample {
  readonly rows: Rows;
  /** Milliseconds; infinite for a candidate that failed. */
  readonly cost: number;
}

export class CostModel {
  private readonly samples: Sample[] = [];
  private readonly seed: number;
  private trees: BoostedTrees | undefined;
  private best = Number.POSITIVE_INFINITY;

  constructor(seed = 0) {
    this.seed = seed;
  }

  /** Learns from candidates of the program and their milliseconds; infinite for those that failed. */
  update(measured: readonly { readonly func: PrimFunc; readonly cost: number }[]): void {
    for (const { func, cost } of measured) {
      this.samples.push({ rows: featuresOf(func), cost });
      this.best = Math.min(this.best, cost);
    }
    if (this.samples.length < LEAST || this.best === Number.POSITIVE_INFINITY) return;
    // Speed relative to the best: what is slow matters little, however slow.
    const labels = this.samples.map((s) => this.best / s.cost);
    this.trees = BoostedTrees.fit(
      this.samples.map((s) => s.rows),
      labels,
      { seed: this.seed },
    );
  }

  /** Speed relative to the best measured so far (1: as fast), or undefined while too little is known. */
  predict(func: PrimFunc): number | undefined {
    return this.trees?.predict(featuresOf(func));
  }

  /** Milliseconds that a speed stands for. */
  msOf(speed: number | undefined): number | undefined {
    return speed === undefined ? undefined : this.best / Math.max(speed, 1e-3);
  }
}
