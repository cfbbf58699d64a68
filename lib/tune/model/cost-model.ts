/** The learned cost model: which of several candidates for one program will be fast, from those that were measured. */
import type { PrimFunc } from "../../ir/index.ts";
import { gpuFeaturesOf } from "../features/gpu.ts";
import { featuresOf } from "../features/stores.ts";
import type { TuningTarget } from "../target.ts";
import { BoostedTrees, type Rows } from "./boosting.ts";

/** Candidates that must have been measured before predictions are worth anything. */
const LEAST = 8;

export class CostModel {
  private readonly rows = new WeakMap<PrimFunc, Rows>();
  private readonly seed: number;
  private readonly features: (func: PrimFunc) => Rows;
  private trees: BoostedTrees | undefined;
  private best = Number.POSITIVE_INFINITY;

  constructor(seed = 0, kind: TuningTarget["kind"] = "wasm") {
    this.seed = seed;
    this.features = kind === "webgpu" ? gpuFeaturesOf : featuresOf;
  }

  /** Learns from candidates of the program and their milliseconds; infinite for those that failed. */
  fit(measured: readonly { readonly func: PrimFunc; readonly cost: number }[]): void {
    this.best = Math.min(Number.POSITIVE_INFINITY, ...measured.map((m) => m.cost));
    if (measured.length < LEAST || this.best === Number.POSITIVE_INFINITY) return;
    // Speed relative to the best: what is slow matters little, however slow.
    this.trees = BoostedTrees.fit(
      measured.map((m) => this.rowsOf(m.func)),
      measured.map((m) => this.best / m.cost),
      { seed: this.seed },
    );
  }

  /** Speed relative to the best measured so far (1: as fast), or undefined while too little is known. */
  predict(func: PrimFunc): number | undefined {
    return this.trees?.predict(this.rowsOf(func));
  }

  private rowsOf(func: PrimFunc): Rows {
    let rows = this.rows.get(func);
    if (!rows) {
      rows = this.features(func);
      this.rows.set(func, rows);
    }
    return rows;
  }

  /** Milliseconds that a speed stands for. */
  msOf(speed: number | undefined): number | undefined {
    return speed === undefined ? undefined : this.best / Math.max(speed, 1e-3);
  }
}
