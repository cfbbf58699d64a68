/**
 * The simplest converters; see how they look before you write others. A converter reads inputs and attributes from its
 * context and returns a call of a graph-level operator.
 */

import { product, quotient, R } from "../../../graph/index.ts";
import { type Expr, type GraphExpr, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

/** 0 keeps a size (unless allowzero), -1 is what is left. */
const reshape: Converter = (cx) =>
  reshapeTo(cx, cx.input(0), cx.has(1) ? cx.sizes(1) : [...cx.attr.ints("shape")]);

function reshapeTo(cx: NodeContext, x: GraphExpr, to: readonly (Expr | number)[]): GraphExpr {
  const own = cx.shape(0);
  const computed = cx.computed(1);
  const keeps = cx.opset < 14 || !cx.attr.flag("allowzero");
  const sizes = to.map((s, d): Expr => {
    const e = ops.toExpr(s);
    const was = own[d];
    if (!keeps || !was) return e;
    if (isConst(e, 0)) return was;
    return computed ? ops.select(ops.eq(e, ops.toExpr(0)), was, e) : e;
  });
  if (computed) return R.op("reshape", [x, withOpen(own, sizes)]);
  if (sizes.filter((s) => isConst(s, -1)).length > 1) cx.refuse("only one size of the shape may be -1");
  const open = sizes.findIndex((s) => isConst(s, -1));
  const others = sizes.filter((_, d) => d !== open);
  if (open >= 0) sizes[open] = isConst(product(others), 0) ? ops.toExpr(0) : quotient(own, others);
  return R.op("reshape", [x, sizes]);
}

/** Sizes of which the program finds out whether one is -1. */
function withOpen(own: readonly Expr[], sizes: readonly Expr[]): Expr[] {
  const isOpen = (s: Expr): Expr => ops.lt(s, ops.toExpr(0));
  const others = product(
    sizes.map((s) => (s.kind === "const" ? s : ops.select(isOpen(s), ops.toExpr(1), s))),
  );
  const rest = ops.floordiv(product(own), ops.max(others, ops.toExpr(1)));
  return sizes.map((s) => (s.kind === "const" ? s : ops.select(isOpen(s), rest, s)));
}

const isConst = (e: Expr, value: number): boolean => e.kind === "const" && e.value === value;

export const BASIC: ConverterTable = {
  Reshape: reshape,
};
