/** Proofs by trying: every combination of the values of a few variables, as long as there are few. */
import type { Var } from "../../ir/index.ts";

/** Combinations that are tried for one proof. */
const MOST = 1 << 12;

/** A variable with its values: min … min + n - 1. */
export interface Values {
  readonly v: Var;
  readonly min: number;
  readonly n: number;
}

export class Trials {
  private left = MOST;

  /** Whether `holds` for every combination, which it is given by the ids of the variables; false where they are too many. */
  every(all: readonly Values[], holds: (at: ReadonlyMap<number, number>) => boolean): boolean {
    const total = all.reduce((product, { n }) => product * n, 1);
    if (!(total <= this.left)) return false;
    this.left -= total;
    for (let k = 0; k < total; k++) {
      const at = new Map<number, number>();
      let rest = k;
      for (const { v, min, n } of all) {
        at.set(v.id, min + (rest % n));
        rest = Math.floor(rest / n);
      }
      if (!holds(at)) return false;
    }
    return true;
  }
}
