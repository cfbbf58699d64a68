/**
 * The simplest converters; see how they look before you write others. A converter reads inputs and attributes from its
 * context and returns a call of a graph-level operator.
 */

import { simplify } from "../../../arith/index.ts";
import { product, R } from "../../../graph/index.ts";
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
  const open = sizes.findIndex((s) => isConst(s, -1));
  if (open >= 0) {
    const rest = product(sizes.filter((_, d) => d !== open));
    sizes[open] = isConst(rest, 0) ? ops.toExpr(0) : simplify(ops.floordiv(product(own), rest));
  }
  return R.op("reshape", [x, sizes]);
}

const isConst = (e: Expr, value: number): boolean => e.kind === "const" && e.value === value;

export const BASIC: ConverterTable = {
  Reshape: reshape,
};
