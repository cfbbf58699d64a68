/**
 * Subspace division: an iterator map split between outer and inner iterators, so that every binding is
 * `outer · innerExtent + inner`, with `outer` of outer iterators only and `0 <= inner < innerExtent` of inner ones.
 */
import { constant, constInt, type Expr, ops, type Ranges, usesVar, varsOf } from "../ir/index.ts";
import type { IterDigit, IterSum } from "./iter-map.ts";
import { digitExpr, digitOf, lowestOf, markExpr, sumExpr, toDType } from "./iter-map.ts";
import { type DetectOptions, detectIterMap } from "./iter-map-detect.ts";
import type { VarDomain } from "./region.ts";
import { simplify } from "./simplify.ts";

/** binding = outer · innerExtent + inner. */
export interface Division {
  readonly outer: Expr;
  /** `outer` lies in 0 … outerExtent - 1, if the binding is not negative. */
  readonly outerExtent: Expr;
  readonly inner: Expr;
  /** `inner` lies in 0 … innerExtent - 1; where there is an outer part as well, it takes all these values. */
  readonly innerExtent: Expr;
}

export interface SubspaceDivision {
  /** One for each binding. */
  readonly parts: readonly Division[];
  /** The conditions of the predicate that speak of outer iterators only; undefined when there are none. */
  readonly outerPredicate?: Expr;
  /** Those that speak of inner iterators only. */
  readonly innerPredicate?: Expr;
  /**
   * Those that speak of both. An inner block can ask for them where the outer iterators can be had back from the outer
   * values (`inverseIterMap` of the outer parts).
   */
  readonly mixedPredicate?: Expr;
}

/**
 * Divides bindings between the iterators in `inner` (ids of variables) and the others. A text that says why when they
 * are not quasi-affine, or a binding mixes both: `i·4 + j` with j outside, or an inner part that leaves gaps.
 */
export function subspaceDivide(
  bindings: readonly Expr[],
  iters: readonly VarDomain[],
  inner: ReadonlySet<number>,
  options: DetectOptions,
): SubspaceDivision | string {
  const map = detectIterMap(bindings, iters, options);
  if (typeof map === "string") return map;
  const divider = new Divider(inner, options.ranges);
  const parts: Division[] = [];
  for (const s of map.sums) {
    const p = divider.sum(s);
    if (typeof p === "string") return p;
    parts.push(p);
  }
  return { parts, ...dividePredicate(options, iters, inner) };
}

function dividePredicate(
  { predicate, ranges }: DetectOptions,
  iters: readonly VarDomain[],
  inner: ReadonlySet<number>,
): Omit<SubspaceDivision, "parts"> {
  const outer = new Set(iters.map((d) => d.v.id).filter((id) => !inner.has(id)));
  const kinds = { outerPredicate: [] as Expr[], innerPredicate: [] as Expr[], mixedPredicate: [] as Expr[] };
  const sort = (e: Expr): void => {
    if (e.kind === "binary" && e.op === "and") {
      sort(e.a);
      sort(e.b);
    } else if (constInt(simplify(e, ranges)) !== 1) {
      const kind = !usesVar(e, inner) ? "outer" : usesVar(e, outer) ? "mixed" : "inner";
      kinds[`${kind}Predicate`].push(e);
    }
  };
  if (predicate) sort(predicate);
  const all = Object.entries(kinds).map(([k, es]) => [k, ops.allOf(es)] as const);
  return Object.fromEntries(all.filter(([, e]) => e !== undefined));
}

/** A part of a sum: scale · value, with value in 0 … extent - 1. */
interface Part {
  readonly inner: boolean;
  readonly value: Expr;
  readonly extent: number;
  readonly size: Expr;
  readonly scale: number;
}

class Divider {
  private readonly inside: ReadonlySet<number>;
  private readonly ranges: Ranges;

  constructor(inside: ReadonlySet<number>, ranges: Ranges) {
    this.inside = inside;
    this.ranges = ranges;
  }

  sum(s: IterSum): Division | string {
    const zero = constant(0, s.dtype);
    const one = constant(1, s.dtype);
    const parts = this.parts(s);
    if (typeof parts === "string") return parts;
    const end = simplify(ops.add(lowestOf(s), s.size), this.ranges);
    if (parts.every((p) => !p.inner)) {
      return { outer: sumExpr(s), outerExtent: end, inner: zero, innerExtent: one };
    }
    const base = lowestOf(s);
    if (parts.every((p) => p.inner)) {
      // The outer part would have to carry a base that is not known to the inner one.
      if (varsOf(base).size > 0) return "an inner loop starts at an offset that only the outside knows";
      return { outer: zero, outerExtent: one, inner: sumExpr(s), innerExtent: end };
    }
    if (s.terms.some((t) => t.scale < 0)) return "an axis runs backwards";
    const sorted = [...parts].sort((x, y) => x.scale - y.scale);
    const border = sorted.findIndex((p) => !p.inner);
    if (sorted.slice(border).some((p) => p.inner)) {
      return "an inner loop counts for more than an outer one in the same axis";
    }
    const innerExtent = filled(sorted.slice(0, border));
    if (innerExtent === undefined) return "the inner loops leave gaps in an axis";
    const outside = sorted.slice(border);
    const start = simplify(ops.floormod(base, innerExtent), this.ranges);
    if (outside.some((p) => p.scale % innerExtent !== 0) || constInt(start) !== 0) {
      return `the inner loops cover ${innerExtent} values of an axis, but the outer ones do not step by that`;
    }
    const tiles = ops.floordiv(ops.add(end, innerExtent - 1), innerExtent);
    const offset = simplify(ops.floordiv(base, innerExtent), this.ranges);
    const total = (ps: readonly Part[], unit: number, from: Expr): Expr =>
      simplify(
        [...ps]
          .reverse()
          .reduce<Expr>((e, p) => ops.add(e, ops.mul(toDType(p.value, s.dtype), p.scale / unit)), from),
        this.ranges,
      );
    return {
      outer: total(outside, innerExtent, offset),
      outerExtent: simplify(tiles, this.ranges),
      inner: total(sorted.slice(0, border), 1, zero),
      innerExtent: constant(innerExtent, s.dtype),
    };
  }

  private parts(s: IterSum): Part[] | string {
    const out: Part[] = [];
    for (const t of s.terms) {
      const parts = this.digit(t.digit);
      if (typeof parts === "string") return parts;
      for (const p of parts) out.push({ ...p, scale: p.scale * t.scale });
    }
    return out;
  }

  /** The parts of a digit, which is their sum. */
  private digit(d: IterDigit): Part[] | string {
    const { source } = d.mark;
    const whole = (inner: boolean): Part[] => [
      { inner, value: digitExpr(d), extent: d.extent, size: d.size, scale: 1 },
    ];
    if (source.kind === "iter") return whole(this.inside.has(source.domain.v.id));
    const vars = [...varsOf(markExpr(d.mark)).keys()];
    if (source.kind === "border") {
      const inner = vars.filter((id) => this.inside.has(id));
      if (inner.length === 0) return whole(false);
      return inner.length === vars.length || source.of.source.kind === "iter"
        ? whole(true)
        : "a part of a fused loop is divided by a symbolic size";
    }
    const division = this.sum(source.sum);
    if (typeof division === "string") return division;
    const inside = constInt(division.innerExtent);
    if (constInt(division.outer) !== undefined) return whole(true);
    if (constInt(division.inner) !== undefined) return whole(false);
    if (inside === undefined) return "a fused loop is divided at a symbolic size";
    return divideDigit(d, division, inside);
  }
}

/** A digit of outer · inside + inner. */
function divideDigit(d: IterDigit, { outer, inner }: Division, inside: number): Part[] | string {
  const { lower, extent, size } = d;
  const top = lower * extent >= d.mark.extent;
  const part = (isInner: boolean, value: Expr, n: number, count: Expr, scale: number): Part => ({
    inner: isInner,
    value: simplify(value),
    extent: n,
    size: count,
    scale,
  });
  const { dtype } = size;
  if (lower % inside === 0) {
    // Above the border: inner values do not reach it.
    const shifted: IterDigit = { ...d, lower: lower / inside };
    const q = ops.floordiv(outer, shifted.lower);
    return [part(false, top ? q : ops.floormod(q, extent), extent, size, 1)];
  }
  if (inside % (lower * extent) === 0) return [part(true, digitOf(inner, d), extent, size, 1)];
  if (inside % lower !== 0) return "a part of a fused loop does not follow the border of the inner loops";
  const low = inside / lower;
  const below = part(true, ops.floordiv(inner, lower), low, constant(low, dtype), 1);
  const tiles = ops.floordiv(ops.add(size, low - 1), constant(low, dtype));
  if (!top && extent % low !== 0)
    return "a part of a fused loop does not follow the border of the inner loops";
  const value = top ? outer : ops.floormod(outer, extent / low);
  return [below, part(false, value, Math.ceil(extent / low), simplify(tiles), low)];
}

/** The number of values that parts fill from 0 without gaps. */
function filled(parts: readonly Part[]): number | undefined {
  let room = 1;
  for (const p of parts) {
    if (p.scale !== room || !Number.isFinite(p.extent)) return undefined;
    room *= p.extent;
  }
  return room;
}
