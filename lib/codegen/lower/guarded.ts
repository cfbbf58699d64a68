/** What conditions around an access say of its indices: the last tile of a copy that does not come out even is cut off. */
import { differenceOf } from "../../arith/index.ts";
import { constant, constInt, type Expr, type Interval, ops, type Range } from "../../ir/index.ts";

/** The conditions that all hold where `cond` does. */
export function conjuncts(cond: Expr): readonly Expr[] {
  return cond.kind === "binary" && cond.op === "and" ? [...conjuncts(cond.a), ...conjuncts(cond.b)] : [cond];
}

/**
 * The values of an index without those at the end that a condition of the form `e < n` rules out, where `e` and the index
 * differ by what does not change (or by what `range.min` has too). `range`: its values without the condition.
 */
export function cutOff(
  index: Expr,
  range: Range,
  tests: readonly Expr[],
  ranges: ReadonlyMap<number, Interval>,
): Range {
  let extent = constInt(range.extent);
  for (const t of tests) {
    const end = endOf(t);
    // A condition on another dtype, data perhaps, says nothing of the index.
    if (end?.e.dtype !== index.dtype || extent === undefined) continue;
    // index - range.min < n + (index - e - range.min)
    const lead = differenceOf(ops.sub(index, range.min), end.e, ranges);
    if (lead !== undefined) extent = Math.min(extent, Math.max(0, end.n + lead));
  }
  return extent === undefined || extent === constInt(range.extent)
    ? range
    : { min: range.min, extent: constant(extent, range.extent.dtype) };
}

/** `e < n` with a number n. */
function endOf(t: Expr): { readonly e: Expr; readonly n: number } | undefined {
  if (t.kind !== "binary" || (t.op !== "lt" && t.op !== "le")) return undefined;
  const n = constInt(t.b);
  return n === undefined ? undefined : { e: t.a, n: t.op === "lt" ? n : n + 1 };
}
