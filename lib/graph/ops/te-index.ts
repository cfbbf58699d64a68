/** Index arithmetic that the te legalizations share. */
import { constInt, type Expr, ops, type Var } from "../../ir/index.ts";
import type { te } from "../../te/index.ts";
import { type Size, sameSize } from "../shape.ts";

/**
 * The indices at which a tensor that broadcasts is read, for the indices of the result (whose shape is `into`, where the
 * tensor's sizes are symbolic): aligned at the end, 0 where the size is 1.
 */
export function broadcastIndex(t: te.Tensor, i: readonly Expr[], into?: readonly Size[]): Expr[] {
  const lead = i.length - t.shape.length;
  return t.shape.map((s, d): Expr => {
    const at = i[lead + d];
    if (constInt(s) !== undefined || !into || sameSize(s, into[lead + d]))
      return constInt(s) === 1 ? ops.toExpr(0) : at;
    return ops.select(ops.eq(s, ops.toExpr(1)), ops.toExpr(0), at);
  });
}

/** The row-major position of indices in a shape. */
export function flatIndex(i: readonly Expr[], shape: readonly Size[]): Expr {
  return i.reduce<Expr>((at, x, d) => ops.add(ops.mul(at, shape[d]), x), ops.toExpr(0));
}

/** The indices in a shape of a row-major position; zeros where the shape is empty, as there is no position then. */
export function unflatten(at: Expr, shape: readonly Size[]): Expr[] {
  if (shape.some((s) => constInt(s) === 0)) return shape.map(() => ops.toExpr(0));
  const out: Expr[] = [];
  let rest = at;
  for (let d = shape.length - 1; d > 0; d--) {
    out.unshift(ops.floormod(rest, shape[d]));
    rest = ops.floordiv(rest, shape[d]);
  }
  return shape.length > 0 ? [rest, ...out] : [];
}

export type Indices = readonly Var[];
