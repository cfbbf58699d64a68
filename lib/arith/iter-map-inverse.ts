/** From the values of an iterator map back to its iterators. */
import { constant, constInt, type Expr, ops, type Ranges } from "../ir/index.ts";
import type { IterDigit, IterMap, IterMark, IterSum } from "./iter-map.ts";
import { isInjective, lowestOf, toDType } from "./iter-map.ts";
import { simplify } from "./simplify.ts";

/**
 * Each iterator, by the id of its variable, in terms of the values of the sums (`values[k]` stands for sum k).
 * Undefined unless the map is injective. For values that the map does not take, the result is some number, inside the
 * iterator's domain or not. `ranges`: of the variables in `values`.
 */
export function inverseIterMap(
  map: IterMap,
  values: readonly Expr[],
  ranges: Ranges = new Map(),
): ReadonlyMap<number, Expr> | undefined {
  if (!isInjective(map)) return undefined;
  /** What is known of each number so far: the sum of its digits, each in its place. */
  const parts = new Map<IterMark, Expr>();
  const borders = new Map<IterMark, Partial<Record<"floordiv" | "floormod", Expr>>>();

  const give = (d: IterDigit, value: Expr): void => {
    const { mark } = d;
    if (mark.source.kind === "border") {
      const { of, op } = mark.source;
      borders.set(of, { ...borders.get(of), [op]: value });
      return;
    }
    const before = parts.get(mark) ?? constant(0, value.dtype);
    parts.set(mark, ops.add(before, ops.mul(value, d.lower)));
  };

  const takeApart = (s: IterSum, value: Expr): void => {
    let rest: Expr = simplify(ops.sub(value, lowestOf(s)), ranges);
    for (const t of [...s.terms].reverse()) {
      const scale = Math.abs(t.scale);
      const up = simplify(ops.floordiv(rest, scale), ranges);
      rest = simplify(ops.floormod(rest, scale), ranges);
      const down = t.scale < 0 ? ops.sub(ops.sub(toDType(t.digit.size, up.dtype), 1), up) : up;
      give(t.digit, down);
    }
  };

  map.sums.forEach((s, k) => {
    takeApart(s, values[k]);
  });
  // Sums within sums: a number is complete when everything that uses its digits has been taken apart.
  for (const m of marksInOrder(map)) {
    const border = borders.get(m);
    const by = border && borderOf(map, m);
    if (border?.floordiv && border.floormod && by) {
      parts.set(m, ops.add(ops.mul(border.floordiv, by), border.floormod));
    }
    if (m.source.kind === "sum") takeApart(m.source.sum, parts.get(m) ?? constant(0, m.source.sum.dtype));
  }
  const out = new Map<number, Expr>();
  for (const d of map.iters) {
    const mark = [...parts.keys()].find((m) => m.source.kind === "iter" && m.source.domain === d);
    const steps = mark && toDType(parts.get(mark) as Expr, d.v.dtype);
    out.set(d.v.id, simplify(steps ? ops.add(d.min, steps) : d.min, ranges));
  }
  return out;
}

/** Numbers, users before what they are made of. */
function marksInOrder(map: IterMap): IterMark[] {
  const seen = new Set<IterMark>();
  const order: IterMark[] = [];
  const visit = (m: IterMark): void => {
    if (seen.has(m)) return;
    seen.add(m);
    if (m.source.kind === "sum") for (const t of m.source.sum.terms) visit(t.digit.mark);
    if (m.source.kind === "border") visit(m.source.of);
    order.push(m);
  };
  for (const s of map.sums) for (const t of s.terms) visit(t.digit.mark);
  return order.reverse();
}

function borderOf(map: IterMap, of: IterMark): Expr | undefined {
  const part = marksInOrder(map).find((m) => m.source.kind === "border" && m.source.of === of);
  return part?.source.kind === "border" ? part.source.by : undefined;
}

/**
 * Where the inverse is inside the domains of the iterators, in terms of the values; undefined when that is everywhere.
 * For a dense map this says which values the map takes: those of a padded layout that hold data, for example.
 */
export function insideDomains(
  inverse: ReadonlyMap<number, Expr>,
  map: IterMap,
  ranges: Ranges,
): Expr | undefined {
  const conds = map.iters.flatMap((d) => {
    const e = inverse.get(d.v.id) as Expr;
    const end = ops.add(d.min, d.extent);
    return [ops.ge(e, d.min), ops.lt(e, end)].map((c) => simplify(c, ranges));
  });
  return ops.allOf(conds.filter((c) => constInt(c) !== 1));
}
