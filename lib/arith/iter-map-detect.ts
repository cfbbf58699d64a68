/** Detection of iterator maps: see `iter-map.ts` for what they are. */
import { constant, constInt, type Expr, intervalOf, ops, type Ranges, usesVar } from "../ir/index.ts";
import type { IterDigit, IterMap, IterMark, IterSum, IterTerm } from "./iter-map.ts";
import { toDType } from "./iter-map.ts";
import { type Into, IterUses } from "./iter-map-uses.ts";
import { sameExpr } from "./key.ts";
import type { VarDomain } from "./region.ts";
import { prove, simplify } from "./simplify.ts";

export interface DetectOptions {
  /** Of the iterators (outermost first) and of everything else bindings mention. */
  readonly ranges: Ranges;
  /** Points where it does not hold do not count. Upper bounds of sums are understood, also `and`-ed. */
  readonly predicate?: Expr;
}

/**
 * The bindings as sums of digits of `iters`. Variables that are no iterators count as constants. A text that says why
 * when they are not quasi-affine, or when two bindings (or two parts of one) use the same digit.
 */
export function detectIterMap(
  bindings: readonly Expr[],
  iters: readonly VarDomain[],
  options: DetectOptions,
): IterMap | string {
  try {
    return new Detector(iters, options).map(bindings);
  } catch (e) {
    if (e instanceof NotAffine) return e.message;
    throw e;
  }
}

class NotAffine extends Error {}
const fail = (why: string): never => {
  throw new NotAffine(why);
};

/** Terms in the order they were met, before scales are checked. */
interface Raw {
  readonly terms: readonly IterTerm[];
  readonly base: Expr;
}

/** What the predicate says: Σ terms < below (size). */
interface Limit {
  readonly terms: readonly IterTerm[];
  readonly below: number;
  readonly size: Expr;
  met: boolean;
}

class Detector {
  private readonly iters: readonly VarDomain[];
  private readonly marks = new Map<number, IterMark>();
  private readonly sums = new Map<string, IterMark>();
  private readonly uses = new IterUses();
  private readonly ranges: Ranges;
  private readonly limits: Limit[] = [];
  /** The predicate says something that is not understood. */
  private unread = false;
  /** While the predicate is read: no number may be made that no binding asks for. */
  private reading = false;

  constructor(iters: readonly VarDomain[], { ranges, predicate }: DetectOptions) {
    this.ranges = ranges;
    this.iters = iters;
    const ids = new Set(iters.map((d) => d.v.id));
    for (const domain of iters) {
      const extent = Math.max(intervalOf(domain.extent, ranges).max, 1);
      // A triangular nest is taken for the box around it.
      const dense = !usesVar(domain.extent, ids) && !usesVar(domain.min, ids);
      const mark: IterMark = { source: { kind: "iter", domain }, extent, size: domain.extent, dense };
      this.marks.set(domain.v.id, this.uses.add(mark));
    }
    this.reading = true;
    if (predicate) this.readLimits(simplify(predicate, ranges));
    this.reading = false;
  }

  map(bindings: readonly Expr[]): IterMap {
    const sums = bindings.map((b) => this.use(this.sum(simplify(b, this.ranges)), b.dtype));
    const clash = this.uses.clash();
    if (clash) fail(clash);
    const repeated = this.iters.filter((d) => this.uses.isLeft(this.marks.get(d.v.id) as IterMark));
    const whole = !this.unread && this.limits.every((l) => l.met) && sums.every((s) => s.dense);
    return { sums, iters: this.iters, repeated, surjective: whole && this.uses.areFree() };
  }

  private readLimits(e: Expr): void {
    if (constInt(e) === 1) return;
    if (e.kind === "binary" && e.op === "and") {
      this.readLimits(e.a);
      this.readLimits(e.b);
      return;
    }
    const known = e.kind === "binary" ? this.limitFrom(e.op, e.a, e.b) : undefined;
    if (!known) this.unread = true;
    else this.limits.push(known);
  }

  private limitFrom(op: string, a: Expr, b: Expr): Limit | undefined {
    if (op === "gt" || op === "ge") return this.limitFrom(op === "gt" ? "lt" : "le", b, a);
    if (op !== "lt" && op !== "le") return undefined;
    const raw = this.attempt(a);
    const bound = this.attempt(b);
    if (!raw || !bound || bound.terms.length > 0) return undefined;
    const size = simplify(ops.add(ops.sub(bound.base, raw.base), op === "le" ? 1 : 0), this.ranges);
    if (raw.terms.length === 0 || raw.terms.some((t) => t.scale < 0)) return undefined;
    const below = constInt(size) ?? Number.POSITIVE_INFINITY;
    return { terms: byScale(raw.terms), below, size, met: false };
  }

  private attempt(e: Expr): Raw | undefined {
    try {
      return this.sum(e);
    } catch (x) {
      // A condition that is not understood bounds nothing.
      if (x instanceof NotAffine) return undefined;
      throw x;
    }
  }

  /** Counts the digits of a sum as used; the digits may not overlap in the result. */
  private use(s: Raw, dtype: Expr["dtype"], into?: Into): IterSum {
    const terms = byScale(s.terms);
    let room = 1;
    let size: Expr = constant(1, dtype);
    let dense = true;
    for (const [i, t] of terms.entries()) {
      const scale = Math.abs(t.scale);
      if (scale < room) fail("two loops (or two parts of one) overlap in an axis");
      // Values may be left out below the next digit; the sum still ends at its largest value.
      dense &&= scale === room;
      const end = scale * (t.digit.extent - 1) + room;
      const steps = ops.mul(toDType(ops.sub(t.digit.size, 1), dtype), scale);
      const whole = simplify(ops.add(steps, size), this.ranges);
      const limit = this.limitOf(terms.slice(0, i + 1), end, whole);
      room = Math.min(end, limit?.below ?? end);
      size = limit ? toDType(limit.size, dtype) : whole;
      this.uses.use(t.digit, into);
    }
    return { terms, base: simplify(s.base, this.ranges), extent: room, size, dense, dtype };
  }

  /** What the predicate says a sum that ends at `end` (`whole`) stays below, when that is less. */
  private limitOf(
    terms: readonly IterTerm[],
    end: number,
    whole: Expr,
  ): { readonly below: number; readonly size: Expr } | undefined {
    for (const l of this.limits) {
      const unit = terms[0].scale / l.terms[0].scale;
      const same =
        l.terms.length === terms.length &&
        Number.isInteger(unit) &&
        unit > 0 &&
        l.terms.every((x, i) => sameDigit(x.digit, terms[i].digit) && terms[i].scale === x.scale * unit);
      if (!same) continue;
      const below = (l.below - 1) * unit + 1;
      const size = simplify(ops.add(ops.mul(ops.sub(l.size, 1), unit), 1), this.ranges);
      const cuts = below < end || (l.below === Number.POSITIVE_INFINITY && this.atMost(size, whole, terms));
      l.met ||= cuts || below >= end;
      if (cuts) return { below, size };
    }
    return undefined;
  }

  /** n against the c · ceil(n / c) that an uneven split into tiles of c makes, or whatever can be proven. */
  private atMost(limit: Expr, whole: Expr, terms: readonly IterTerm[]): boolean {
    const n = toDType(limit, whole.dtype);
    if (prove(ops.le(n, whole), this.ranges)) return true;
    const c = terms[terms.length - 1].scale;
    const tiles = ops.floordiv(ops.add(n, c - 1), c);
    return sameExpr(simplify(ops.mul(tiles, c), this.ranges), whole);
  }

  private sum(e: Expr): Raw {
    const zero = constant(0, e.dtype);
    if (e.kind === "const") return { terms: [], base: e };
    if (e.kind === "var") {
      const mark = this.marks.get(e.id);
      if (mark?.source.kind !== "iter") return { terms: [], base: e };
      const { min } = mark.source.domain;
      const digit: IterDigit = { mark, lower: 1, extent: mark.extent, size: mark.size };
      return { terms: mark.extent === 1 ? [] : [{ digit, scale: 1 }], base: min };
    }
    if (e.kind === "cast" && (e.dtype === "i32" || e.dtype === "i64")) {
      const s = this.sum(e.value);
      return { terms: s.terms, base: toDType(s.base, e.dtype) };
    }
    if (e.kind !== "binary") return this.invariant(e);
    const a = this.sum(e.a);
    switch (e.op) {
      case "add":
      case "sub": {
        const b = this.sum(e.b);
        const sign = e.op === "add" ? 1 : -1;
        const terms = [...a.terms, ...b.terms.map((t) => ({ digit: t.digit, scale: sign * t.scale }))];
        return { terms, base: e.op === "add" ? ops.add(a.base, b.base) : ops.sub(a.base, b.base) };
      }
      case "mul": {
        const by = constInt(e.b);
        if (by === undefined || by === 0) return this.invariant(e);
        const terms = a.terms.map((t) => ({ digit: t.digit, scale: t.scale * by }));
        return { terms, base: ops.mul(a.base, by) };
      }
      case "floordiv":
      case "floormod": {
        const divisor = a.terms.length === 0 ? this.sum(e.b) : undefined;
        if (divisor?.terms.length === 0) return { terms: [], base: ops[e.op](a.base, divisor.base) };
        const by = constInt(e.b);
        const digit = by === undefined ? this.symbolicDigit(a, e.b, e.op) : this.digit(a, by, e.op);
        return { terms: digit.extent === 1 ? [] : [{ digit, scale: 1 }], base: zero };
      }
      default:
        return this.invariant(e);
    }
  }

  /** Anything is fine that mentions no iterator. */
  private invariant(e: Expr): Raw {
    const free = (x: Expr): boolean =>
      x.kind === "const" ||
      (x.kind === "var" && !this.marks.has(x.id)) ||
      (x.kind === "binary" && free(x.a) && free(x.b)) ||
      (x.kind === "cast" && free(x.value));
    return free(e)
      ? { terms: [], base: e }
      : fail("an axis is bound to something else than sums, quotients and remainders of loops");
  }

  private digit(s: Raw, by: number, op: "floordiv" | "floormod"): IterDigit {
    if (by <= 0) fail("an axis is divided by something that is not positive");
    const whole = this.single(s);
    const { mark, lower, extent, size } = whole;
    // Only the highest digit may be divided unevenly: nothing lies above that could overlap.
    if (extent % by !== 0 && lower * extent < mark.extent) {
      fail(`a part of ${extent} values is divided by ${by}, which does not follow its borders`);
    }
    if (op === "floormod") {
      return by >= extent ? whole : { mark, lower, extent: by, size: constant(by, size.dtype) };
    }
    const tiles = simplify(ops.floordiv(ops.add(size, by - 1), by), this.ranges);
    return { mark, lower: lower * by, extent: Math.ceil(extent / by), size: tiles };
  }

  /** An iterator divided by a symbolic size is split there, and nowhere else. */
  private symbolicDigit(s: Raw, by: Expr, op: "floordiv" | "floormod"): IterDigit {
    if (this.sum(by).terms.length > 0) fail("an axis is divided by another loop");
    const { mark, lower } = this.single(s);
    if (lower !== 1 || this.reading) fail("a part is divided by a symbolic size");
    const part = this.uses.border(mark, by, op);
    if (!part) return fail("a loop is divided by two symbolic sizes");
    return { mark: part, lower: 1, extent: part.extent, size: part.size };
  }

  /** A sum as one digit: the digit it consists of, or a new number made of several. */
  private single(s: Raw): IterDigit {
    if (constInt(simplify(s.base, this.ranges)) !== 0) fail("a sum with an offset is divided");
    if (s.terms.length === 1 && s.terms[0].scale === 1) return s.terms[0].digit;
    const key = s.terms
      .map((t) => `${t.scale}*${this.uses.indexOf(t.digit.mark)}/${t.digit.lower}%${t.digit.extent}`)
      .sort()
      .join("+");
    let mark = this.sums.get(key);
    if (!mark) {
      if (this.reading) fail("a sum is divided in the predicate");
      if (s.terms.some((t) => t.scale < 0)) fail("a difference is divided");
      const into: Into = {};
      const sum = this.use(s, s.base.dtype, into);
      const { extent, size, dense } = sum;
      mark = this.uses.add({ source: { kind: "sum", sum }, extent, size, dense });
      into.mark = mark;
      this.sums.set(key, mark);
    }
    return { mark, lower: 1, extent: mark.extent, size: mark.size };
  }
}

const byScale = (terms: readonly IterTerm[]): IterTerm[] =>
  [...terms].sort((x, y) => Math.abs(x.scale) - Math.abs(y.scale));

const sameDigit = (a: IterDigit, b: IterDigit): boolean =>
  a.mark === b.mark && a.lower === b.lower && a.extent === b.extent;
