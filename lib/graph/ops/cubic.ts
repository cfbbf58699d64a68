/** Cubic convolution, R. Keys, 1981: "Cubic convolution interpolation for digital image processing". */
import { type Expr, ops } from "../../ir/index.ts";

/** The weight of an element at a distance (≥ 0, in elements); `a` is the slope at distance 1. */
export function cubicWeight(distance: Expr, a: number): Expr {
  const num = (v: number): Expr => ops.toExpr(v, distance.dtype);
  const horner = (...k: number[]): Expr =>
    k.slice(1).reduce<Expr>((s, v) => ops.add(ops.mul(s, distance), num(v)), num(k[0]));
  const near = horner(a + 2, -(a + 3), 0, 1);
  const far = horner(a, -5 * a, 8 * a, -4 * a);
  return ops.select(ops.lt(distance, num(1)), near, ops.select(ops.lt(distance, num(2)), far, num(0)));
}
