/** Reductions. */
import { R } from "../../../graph/index.ts";
import { isFloat } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { cast } from "./elementwise.ts";

/** Axes are an attribute, and an input from opset `since` on. All axes where none is given, or none at all. */
function axes(cx: NodeContext, since: number): readonly number[] | null {
  const given = cx.opset < since ? cx.attr.ints("axes", []) : cx.has(1) ? cx.ints(1) : [];
  if (given.length > 0) return given;
  return cx.opset >= since && cx.attr.flag("noop_with_empty_axes") ? [] : null;
}

function reduction(op: string, since: number, only?: "float"): Converter {
  return (cx) => {
    const attrs = { axis: axes(cx, since), keepdims: cx.attr.flag("keepdims", true) };
    const x = cx.input(0);
    if (only && !isFloat(cx.dtype(0))) {
      // Integers by way of doubles.
      const wide = cx.emit(cast(x, "f64"));
      return cast(cx.emit(R.op(op, [wide], attrs)), cx.dtype(0));
    }
    return R.op(op, [x], attrs);
  };
}

const position =
  (op: string): Converter =>
  (cx) =>
    R.op(op, [cx.input(0)], {
      axis: cx.attr.int("axis", 0),
      keepdims: cx.attr.flag("keepdims", true),
      selectLastIndex: cx.attr.flag("select_last_index"),
    });

export const REDUCE: ConverterTable = {
  ArgMax: position("argmax"),
  ArgMin: position("argmin"),
  ReduceL1: reduction("l1", 18),
  ReduceL2: reduction("l2", 18),
  ReduceLogSum: reduction("logSum", 18),
  ReduceLogSumExp: reduction("logSumExp", 18, "float"),
  ReduceMax: reduction("max", 18),
  ReduceMean: reduction("mean", 18),
  ReduceMin: reduction("min", 18),
  ReduceProd: reduction("prod", 18),
  ReduceSum: reduction("sum", 13),
  ReduceSumSquare: reduction("sumSquare", 18),
};
