/** How well cost models order candidates that they have not seen. */
import type { PrimFunc } from "../../lib/ir/index.ts";
import { Random } from "../../lib/schedule/random.ts";
import { CostModel } from "../../lib/tune/model/cost-model.ts";

export interface Measured {
  readonly func: PrimFunc;
  readonly ms: number;
}

const HALVINGS = 10;

/** Spearman's rank correlation; equal values share their rank. */
export function spearman(xs: readonly number[], ys: readonly number[]): number {
  const ranks = (v: readonly number[]): number[] =>
    v.map((x) => v.filter((y) => y < x).length + (v.filter((y) => y === x).length - 1) / 2);
  const [a, b] = [ranks(xs), ranks(ys)];
  const mean = (xs.length - 1) / 2;
  let [top, left, right] = [0, 0, 0];
  a.forEach((x, i) => {
    top += (x - mean) * (b[i] - mean);
    left += (x - mean) ** 2;
    right += (b[i] - mean) ** 2;
  });
  return left === 0 || right === 0 ? 0 : top / Math.sqrt(left * right);
}

/** The mean correlation of predicted with measured speed of the half that the model has not seen, for each kind of model. */
export function rankings(
  all: readonly Measured[],
  seed = 1,
): Record<"as for a CPU" | "with features of GPUs", number> {
  const mean = (kind: "wasm" | "webgpu"): number => {
    let sum = 0;
    for (let n = 0; n < HALVINGS; n++) {
      const random = new Random(seed + n);
      const order = all.map((m) => [random.real(), m] as const).sort(([a], [b]) => a - b);
      const half = order.length >> 1;
      const [seen, unseen] = [order.slice(0, half), order.slice(half)].map((part) => part.map(([, m]) => m));
      const model = new CostModel(seed, kind);
      model.fit(seen.map(({ func, ms }) => ({ func, cost: ms })));
      sum += spearman(
        unseen.map(({ func }) => model.predict(func) ?? 0),
        unseen.map(({ ms }) => -ms),
      );
    }
    return sum / HALVINGS;
  };
  return { "as for a CPU": mean("wasm"), "with features of GPUs": mean("webgpu") };
}
