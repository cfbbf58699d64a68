/**
 * Gradient-boosted regression trees (J. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", 2001;
 * second-order gain and shrinkage as in T. Chen and C. Guestrin, "XGBoost", 2016), with the objective of Ansor: the
 * prediction for a program is the sum of the predictions for its rows, and is compared with one label.
 */
import { Random } from "../../schedule/random.ts";

/** Rows of numbers, one list for each program. */
export type Rows = readonly (readonly number[])[];

export interface BoostingOptions {
  readonly trees?: number;
  readonly depth?: number;
  /** Shrinkage of each tree's leaves. */
  readonly rate?: number;
  /** Regularisation: leaves are drawn towards 0 as if they held so many rows more that ask for 0. */
  readonly lambda?: number;
  /** The part of the programs that each tree is grown on. */
  readonly subsample?: number;
  readonly seed?: number;
}

type Tree =
  | { readonly leaf: number }
  | { readonly feature: number; readonly below: number; readonly yes: Tree; readonly no: Tree };

/** Values of a feature are sorted into at most so many bins. */
const BINS = 48;
const LEAST_GAIN = 1e-9;

export class BoostedTrees {
  private readonly trees: readonly Tree[];

  constructor(trees: readonly Tree[]) {
    this.trees = trees;
  }

  /** The sum over the rows of a program. */
  predict(program: Rows): number {
    let sum = 0;
    for (const row of program) for (const t of this.trees) sum += leafOf(t, row);
    return sum;
  }

  /** Fits labels, one for each program. The same data and seed give the same trees. */
  static fit(
    programs: readonly Rows[],
    labels: readonly number[],
    options: BoostingOptions = {},
  ): BoostedTrees {
    const { trees = 60, depth = 5, rate = 0.2, lambda = 1, subsample = 0.85, seed = 0 } = options;
    const random = new Random(seed);
    const rows = programs.flat();
    const of = programs.flatMap((p, i) => p.map(() => i));
    const bins = binned(rows);
    const predictions = new Float64Array(programs.length);
    const grown: Tree[] = [];
    for (let t = 0; t < trees; t++) {
      const taken = programs.map(() => random.real() < subsample);
      const members: number[] = [];
      const gradient = new Float64Array(rows.length);
      const hessian = new Float64Array(rows.length);
      of.forEach((program, r) => {
        gradient[r] = predictions[program] - labels[program];
        // All rows of a program move together: each takes its share of the step.
        hessian[r] = programs[program].length;
        if (taken[program]) members.push(r);
      });
      const tree = new Grower(bins, gradient, hessian, lambda, rate).grow(members, depth);
      grown.push(tree);
      rows.forEach((row, r) => {
        predictions[of[r]] += leafOf(tree, row);
      });
    }
    return new BoostedTrees(grown);
  }
}

function leafOf(tree: Tree, row: readonly number[]): number {
  let t = tree;
  while ("feature" in t) t = row[t.feature] < t.below ? t.yes : t.no;
  return t.leaf;
}

interface Binned {
  /** For each feature, the bin of each row, and the values at which a new bin begins. */
  readonly of: readonly Uint8Array[];
  readonly edges: readonly (readonly number[])[];
}

function binned(rows: Rows): Binned {
  const features = rows[0]?.length ?? 0;
  const of: Uint8Array[] = [];
  const edges: number[][] = [];
  for (let f = 0; f < features; f++) {
    const values = [...new Set(rows.map((r) => r[f]))].sort((a, b) => a - b);
    const step = Math.max(1, values.length / BINS);
    const cuts: number[] = [];
    for (let i = step; i < values.length; i += step) {
      const at = Math.floor(i);
      cuts.push((values[at - 1] + values[at]) / 2);
    }
    edges.push(cuts);
    of.push(Uint8Array.from(rows, (r) => cuts.findLastIndex((c) => c <= r[f]) + 1));
  }
  return { of, edges };
}

class Grower {
  private readonly bins: Binned;
  private readonly gradient: Float64Array;
  private readonly hessian: Float64Array;
  private readonly lambda: number;
  private readonly rate: number;

  constructor(bins: Binned, gradient: Float64Array, hessian: Float64Array, lambda: number, rate: number) {
    this.bins = bins;
    this.gradient = gradient;
    this.hessian = hessian;
    this.lambda = lambda;
    this.rate = rate;
  }

  grow(members: readonly number[], depth: number): Tree {
    let [g, h] = [0, 0];
    for (const r of members) {
      g += this.gradient[r];
      h += this.hessian[r];
    }
    const best = depth > 0 && members.length > 1 ? this.bestSplit(members, g, h) : undefined;
    if (!best) return { leaf: (-g / (h + this.lambda)) * this.rate };
    const { feature, bin } = best;
    const of = this.bins.of[feature];
    const yes = members.filter((r) => of[r] <= bin);
    const no = members.filter((r) => of[r] > bin);
    return {
      feature,
      below: this.bins.edges[feature][bin],
      yes: this.grow(yes, depth - 1),
      no: this.grow(no, depth - 1),
    };
  }

  private bestSplit(
    members: readonly number[],
    g: number,
    h: number,
  ): { feature: number; bin: number } | undefined {
    const score = (a: number, b: number): number => (a * a) / (b + this.lambda);
    const whole = score(g, h);
    let best: { feature: number; bin: number } | undefined;
    let most = LEAST_GAIN;
    this.bins.edges.forEach((edges, feature) => {
      if (edges.length === 0) return;
      const of = this.bins.of[feature];
      const [gs, hs] = [new Float64Array(edges.length + 1), new Float64Array(edges.length + 1)];
      for (const r of members) {
        gs[of[r]] += this.gradient[r];
        hs[of[r]] += this.hessian[r];
      }
      let [gl, hl] = [0, 0];
      for (let bin = 0; bin < edges.length; bin++) {
        gl += gs[bin];
        hl += hs[bin];
        if (hl === 0 || hl === h) continue;
        const gain = score(gl, hl) + score(g - gl, h - hl) - whole;
        if (gain > most) {
          most = gain;
          best = { feature, bin };
        }
      }
    });
    return best;
  }
}
