/**
 * Bindings of a block seen as an iterator map of the loops around it (lib/arith/iter-map.ts): whether there is one,
 * and which loops repeat instances.
 */
import { detectIterMap, type IterMap } from "../arith/index.ts";
import type { Expr, For, Ranges } from "../ir/index.ts";

function mapOf(
  bindings: readonly Expr[],
  loops: readonly For[],
  ranges: Ranges,
  predicate?: Expr,
): IterMap | string {
  return detectIterMap(bindings, loops, { ranges, predicate });
}

/**
 * True when the bindings are quasi-affine in `loops`. Variables of other loops and sizes count as constants. A
 * predicate may bound sums: uneven tiles of uneven tiles overlap without it.
 */
export function areAffine(
  bindings: readonly Expr[],
  loops: readonly For[],
  ranges: Ranges,
  predicate?: Expr,
): boolean {
  return typeof mapOf(bindings, loops, ranges, predicate) !== "string";
}

/**
 * The loops whose iterations repeat the same instances, wholly or in part: a digit of theirs is in no binding.
 * Undefined when the bindings are not quasi-affine.
 */
export function repeatingLoops(
  bindings: readonly Expr[],
  loops: readonly For[],
  ranges: Ranges,
  predicate?: Expr,
): For[] | undefined {
  const map = mapOf(bindings, loops, ranges, predicate);
  if (typeof map === "string") return undefined;
  const ids = new Set(map.repeated.map((d) => d.v.id));
  return loops.filter((l) => ids.has(l.v.id));
}
