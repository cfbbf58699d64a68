/**
 * Iterator maps: bindings as sums of digits of iterators (quasi-affine bindings, in the field's words).
 *
 * An iterator is a number whose digits, in mixed radix, are taken by `floordiv` and `floormod`. A binding is a base
 * plus scaled digits. Each digit may be used once over all bindings, and in a sum the scales must leave room for the
 * digits below: `i·8 + j` needs j < 8. A sum that is itself divided (after a fuse and a split that does not follow the
 * old borders) becomes a number of its own, whose digits are counted in turn.
 *
 * From such a map follows which iterators repeat values (`repeated`), whether every value is taken (`surjective`), how
 * to get back from values to iterators (`iter-map-inverse.ts`), and how it divides between outer and inner iterators
 * (`iter-map-divide.ts`). `iter-map-detect.ts` finds it.
 */
import { cast, constant, constInt, type DType, type Expr, ops } from "../ir/index.ts";
import type { VarDomain } from "./region.ts";
import { simplify } from "./simplify.ts";

/** A number with digits: an iterator counted from its first value, a sum, or one side of a symbolic border. */
export interface IterMark {
  readonly source:
    | { readonly kind: "iter"; readonly domain: VarDomain }
    | { readonly kind: "sum"; readonly sum: IterSum }
    | {
        readonly kind: "border";
        readonly of: IterMark;
        readonly op: "floordiv" | "floormod";
        readonly by: Expr;
      };
  /** Its values are 0 … extent - 1; Infinity where only `size` tells. */
  readonly extent: number;
  readonly size: Expr;
  /** Every one of these values is taken. */
  readonly dense: boolean;
}

/** floormod(floordiv(mark, lower), extent). */
export interface IterDigit {
  readonly mark: IterMark;
  readonly lower: number;
  readonly extent: number;
  readonly size: Expr;
}

export interface IterTerm {
  readonly digit: IterDigit;
  /** Never 0; negative where the binding falls with the digit. */
  readonly scale: number;
}

/** base + Σ scale · digit. */
export interface IterSum {
  /** By rising absolute scale. */
  readonly terms: readonly IterTerm[];
  /** What does not change with the iterators. */
  readonly base: Expr;
  /** Σ scale · digit lies within `extent` (Infinity: `size`) values, from the one where it is smallest. */
  readonly extent: number;
  readonly size: Expr;
  /** Each of these values is taken, if every digit takes its own values whatever the others are. */
  readonly dense: boolean;
  readonly dtype: DType;
}

export interface IterMap {
  /** One for each binding. */
  readonly sums: readonly IterSum[];
  readonly iters: readonly VarDomain[];
  /** Iterators with a digit that is in no binding: their iterations repeat values. None: the map is injective. */
  readonly repeated: readonly VarDomain[];
  /** Every combination of the values of the sums is taken. */
  readonly surjective: boolean;
}

/** Different points give different values. */
export const isInjective = (m: IterMap): boolean => m.repeated.length === 0;
/** Injective, and every combination of values is taken. */
export const isBijective = (m: IterMap): boolean => isInjective(m) && m.surjective;

/** The smallest value of a sum: its base, unless digits count downwards. */
export function lowestOf(s: IterSum): Expr {
  const down = s.terms.filter((t) => t.scale < 0);
  const drop = down.reduce<Expr>(
    (e, t) => ops.add(e, ops.mul(toDType(ops.sub(t.digit.size, 1), s.dtype), t.scale)),
    constant(0, s.dtype),
  );
  return simplify(ops.add(s.base, drop));
}

/** A sum as an expression of its iterators. */
export function sumExpr(s: IterSum): Expr {
  let e: Expr = s.base;
  for (const t of [...s.terms].reverse()) {
    e = ops.add(e, ops.mul(toDType(digitExpr(t.digit), s.dtype), t.scale));
  }
  return simplify(e);
}

/** A digit as an expression of its iterators. */
export const digitExpr = (d: IterDigit): Expr => digitOf(markExpr(d.mark), d);

/** The digit of a number that is given as an expression. */
export function digitOf(e: Expr, d: IterDigit): Expr {
  const q = ops.floordiv(e, d.lower);
  return d.lower * d.extent >= d.mark.extent ? q : ops.floormod(q, d.extent);
}

export function markExpr(m: IterMark): Expr {
  const { source } = m;
  switch (source.kind) {
    case "iter": {
      const { v, min } = source.domain;
      return constInt(min) === 0 ? v : ops.sub(v, min);
    }
    case "sum":
      return sumExpr(source.sum);
    case "border":
      return source.op === "floordiv"
        ? ops.floordiv(markExpr(source.of), source.by)
        : ops.floormod(markExpr(source.of), source.by);
  }
}

/** Between i32 and i64. */
export function toDType(e: Expr, dtype: DType): Expr {
  if (e.dtype === dtype) return e;
  const c = constInt(e);
  return c === undefined ? cast(e, dtype) : constant(c, dtype);
}
