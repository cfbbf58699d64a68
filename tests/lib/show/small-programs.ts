/** Programs small enough to be run for a display. */
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";

/** A product of two square matrices, its loops in the given order. */
export function product(n: number, order: "ijk" | "ikj" = "ijk"): PrimFunc {
  const [A, B] = [te.placeholder([n, n], "A"), te.placeholder([n, n], "B")];
  const k = te.reduceAxis(n, "k");
  const C = te.compute([n, n], (i, j) => te.sum(te.mul(A.at(i, k.v), B.at(k.v, j)), k), "C");
  const sch = new Schedule(te.createPrimFunc([A, B, C]));
  const [, lj, lk] = sch.getLoops(sch.getBlock("C"));
  if (order === "ikj") sch.reorder(lk, lj);
  return sch.func();
}

/** A product of two 128 × 128 matrices in square tiles. Refused for what is no factor. */
export function tiled(factor: number): Schedule {
  const sch = new Schedule(product(128));
  const [i, j, k] = sch.getLoops(sch.getBlock("C"));
  const [i0, i1] = sch.split(i, [null, factor]);
  const [j0, j1] = sch.split(j, [null, factor]);
  const [k0, k1] = sch.split(k, [null, 16]);
  sch.reorder(i0, j0, k0, i1, k1, j1);
  return sch;
}
