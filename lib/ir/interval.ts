/**
 * Constant intervals of index expressions: the base of all bound reasoning. Interval arithmetic forgets that two
 * occurrences of a variable are the same (`i - i` is not zero here); lib/arith simplifies first where that matters.
 */
import { constInt, constNumber, type Expr } from "./expr.ts";

/** Inclusive on both ends; infinite where nothing is known. Empty intervals do not occur. */
export interface Interval {
  readonly min: number;
  readonly max: number;
  /** A symbolic bound (value < below), for loops over symbolic sizes. */
  readonly below?: Expr;
}

/** What is known of variables, by id. */
export type Ranges = ReadonlyMap<number, Interval>;

export const ANY: Interval = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
const BOOL: Interval = { min: 0, max: 1 };
const point = (x: number): Interval => ({ min: x, max: x });

/** The interval that contains every value of an integer or bool expression. */
export function intervalOf(e: Expr, ranges: Ranges): Interval {
  switch (e.kind) {
    case "const":
      return e.dtype === "f32" || e.dtype === "f64" || e.dtype === "f16" ? ANY : point(constNumber(e));
    case "var":
      return ranges.get(e.id) ?? (e.dtype === "bool" ? BOOL : ANY);
    case "unary": {
      if (e.op === "not") return BOOL;
      const a = intervalOf(e.a, ranges);
      return { min: -a.max, max: -a.min };
    }
    case "select": {
      const a = intervalOf(e.a, ranges);
      const b = intervalOf(e.b, ranges);
      return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
    }
    case "cast": {
      if (e.dtype === "bool") return BOOL;
      if (e.dtype !== "i32" && e.dtype !== "i64") return ANY;
      const isIndex = e.value.dtype === "i32" || e.value.dtype === "i64" || e.value.dtype === "bool";
      const a = isIndex ? intervalOf(e.value, ranges) : ANY;
      const fits = e.dtype === "i64" || (a.min >= -(2 ** 31) && a.max < 2 ** 31);
      return fits ? a : ANY;
    }
    case "load":
      return e.dtype === "bool" ? BOOL : e.dtype === "u8" ? { min: 0, max: 255 } : ANY;
    case "call":
      return ANY;
    case "binary":
      return intervalOfBinary(e.op, intervalOf(e.a, ranges), intervalOf(e.b, ranges), constInt(e.b));
  }
}

function intervalOfBinary(op: string, a: Interval, b: Interval, divisor: number | undefined): Interval {
  switch (op) {
    case "add":
      return { min: a.min + b.min, max: a.max + b.max };
    case "sub":
      return { min: a.min - b.max, max: a.max - b.min };
    case "mul":
      return ofCorners([times(a.min, b.min), times(a.min, b.max), times(a.max, b.min), times(a.max, b.max)]);
    case "min":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "max":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case "floordiv":
      if (divisor !== undefined && divisor > 0) {
        return { min: Math.floor(a.min / divisor), max: Math.floor(a.max / divisor) };
      }
      return b.min > 0 && a.min >= 0 ? { min: 0, max: Math.floor(a.max / b.min) } : ANY;
    case "truncdiv":
      if (divisor !== undefined && divisor > 0) {
        return { min: Math.trunc(a.min / divisor), max: Math.trunc(a.max / divisor) };
      }
      return ANY;
    case "floormod":
      if (b.min > 0) {
        const inside = divisor !== undefined && Math.floor(a.min / divisor) === Math.floor(a.max / divisor);
        if (inside && Number.isFinite(a.min)) {
          const base = Math.floor(a.min / divisor) * divisor;
          return { min: a.min - base, max: a.max - base };
        }
        return { min: 0, max: Math.min(b.max - 1, a.min >= 0 ? a.max : b.max - 1) };
      }
      return ANY;
    case "truncmod":
      if (b.min > 0 && a.min >= 0) return { min: 0, max: Math.min(b.max - 1, a.max) };
      return b.min > 0 ? { min: -(b.max - 1), max: b.max - 1 } : ANY;
    case "eq":
      return a.min === a.max && b.min === b.max && a.min === b.min
        ? point(1)
        : a.max < b.min || b.max < a.min
          ? point(0)
          : BOOL;
    case "ne": {
      const x = intervalOfBinary("eq", a, b, divisor);
      return { min: 1 - x.max, max: 1 - x.min };
    }
    case "lt":
      return a.max < b.min ? point(1) : a.min >= b.max ? point(0) : BOOL;
    case "le":
      return a.max <= b.min ? point(1) : a.min > b.max ? point(0) : BOOL;
    case "gt":
      return intervalOfBinary("lt", b, a, undefined);
    case "ge":
      return intervalOfBinary("le", b, a, undefined);
    case "and":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "or":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    default:
      return ANY;
  }
}

/** 0 * Infinity is 0 here: the infinite end is never attained. */
const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);

function ofCorners(xs: number[]): Interval {
  return { min: Math.min(...xs), max: Math.max(...xs) };
}

/** The values a loop variable takes. A loop that never runs is given its first value. */
export function loopRange(min: Expr, extent: Expr, ranges: Ranges): Interval {
  const lo = intervalOf(min, ranges);
  const n = intervalOf(extent, ranges);
  const max = Math.max(lo.min, lo.max + n.max - 1);
  const symbolic = n.min !== n.max && constInt(min) === 0;
  return symbolic ? { min: lo.min, max, below: extent } : { min: lo.min, max };
}
