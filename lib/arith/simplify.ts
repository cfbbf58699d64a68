/**
 * Simplification of index expressions and conditions under known ranges of variables.
 *
 * Integer expressions over variables become a canonical linear form (`sum.ts`), so two expressions that differ only
 * by rearrangement simplify to the same nodes. Arithmetic on data (anything with a load, a call or a cast from
 * float below it) may wrap, so only its sub-expressions are simplified.
 */
import {
  type Binary,
  binary,
  constant,
  constInt,
  type Expr,
  type Interval,
  intervalOf,
  isCompareOp,
  mapExpr,
  not,
  type Ranges,
} from "../ir/index.ts";
import { divMod } from "./divide.ts";
import { exprKey, sameExpr } from "./key.ts";
import { addScaled, atomSum, constSum, isConst, type Sum, scale, sumToExpr } from "./sum.ts";

const NO_RANGES: Ranges = new Map();
export const TRUE: Expr = constant(1, "bool");
export const FALSE: Expr = constant(0, "bool");

/** An expression equal to `e` for all values in `ranges`, and usually shorter. Dtype stays the same. */
export function simplify(e: Expr, ranges: Ranges = NO_RANGES): Expr {
  if (e.kind === "const" || (e.kind === "var" && !ranges.has(e.id))) return e;
  const out = new Simplifier(ranges).expr(e);
  return sameExpr(out, e) ? e : out;
}

/** True when the condition holds for all values in `ranges`; false when it fails somewhere or nobody can tell. */
export function prove(cond: Expr, ranges: Ranges = NO_RANGES): boolean {
  return constInt(simplify(cond, ranges)) === 1;
}

/** True when a and b (integers) are equal for all values in `ranges`. */
export function provablyEqual(a: Expr, b: Expr, ranges: Ranges = NO_RANGES): boolean {
  return sameExpr(a, b) || differenceOf(a, b, ranges) === 0;
}

/** The constant a - b, or undefined when the difference is not provably constant. */
export function differenceOf(a: Expr, b: Expr, ranges: Ranges = NO_RANGES): number | undefined {
  return constInt(simplify(binary("sub", a, b), ranges));
}

/** Constant bounds of an integer expression, tighter than `intervalOf` because equal terms are merged first. */
export function boundsOf(e: Expr, ranges: Ranges): Interval {
  return intervalOf(simplify(e, ranges), ranges);
}

/** constant + Σ coefficient · atom of an integer expression, or undefined for arithmetic on data. */
export function linearForm(e: Expr, ranges: Ranges = NO_RANGES): Sum | undefined {
  return isIndex(e) ? new Simplifier(ranges).sum(e) : undefined;
}

function isIndex(e: Expr): boolean {
  if (e.dtype !== "i32" && e.dtype !== "i64") return false;
  switch (e.kind) {
    case "var":
      return true;
    case "const":
      return typeof e.value === "number";
    case "binary":
      return isIndex(e.a) && isIndex(e.b);
    case "unary":
      return isIndex(e.a);
    case "select":
      return isIndex(e.a) && isIndex(e.b);
    case "cast":
      return isIndex(e.value);
    default:
      return false;
  }
}

class Simplifier {
  private readonly ranges: Ranges;

  constructor(ranges: Ranges) {
    this.ranges = ranges;
  }

  expr(e: Expr): Expr {
    if (e.dtype === "bool") return this.cond(e);
    if (isIndex(e)) return sumToExpr(this.sum(e), e.dtype);
    const x = mapExpr(e, (c) => this.expr(c));
    if (x.kind === "select") {
      const c = constInt(x.cond);
      if (c !== undefined) return c ? x.a : x.b;
    }
    return x;
  }

  private readonly bounds = (s: Sum): Interval => {
    let { constant: min, constant: max } = s;
    for (const t of s.terms.values()) {
      const r = intervalOf(t.atom, this.ranges);
      min += t.coef * (t.coef > 0 ? r.min : r.max);
      max += t.coef * (t.coef > 0 ? r.max : r.min);
    }
    return { min, max };
  };

  sum(e: Expr): Sum {
    switch (e.kind) {
      case "const":
        return constSum(Number(e.value));
      case "var": {
        const r = this.ranges.get(e.id);
        return r && r.min === r.max ? constSum(r.min) : atomSum(e);
      }
      case "unary":
        return scale(this.sum(e.a), -1);
      case "cast": {
        // Only between i32 and i64 here; a widening of a literal is the literal.
        const inner = this.sum(e.value);
        if (e.value.dtype === e.dtype) return inner;
        if (isConst(inner)) return inner;
        return atomSum({ ...e, value: sumToExpr(inner, e.value.dtype) });
      }
      case "select": {
        const cond = this.cond(e.cond);
        const c = constInt(cond);
        if (c !== undefined) return this.sum(c ? e.a : e.b);
        const a = this.expr(e.a);
        const b = this.expr(e.b);
        return sameExpr(a, b) ? this.sum(a) : atomSum({ ...e, cond, a, b });
      }
      case "binary":
        return this.sumOfBinary(e);
      default:
        return atomSum(e);
    }
  }

  private sumOfBinary(e: Expr & { kind: "binary" }): Sum {
    const a = this.sum(e.a);
    const b = this.sum(e.b);
    switch (e.op) {
      case "add":
        return mergeDivMod(addScaled(a, b, 1));
      case "sub":
        return mergeDivMod(addScaled(a, b, -1));
      case "mul":
        if (isConst(b)) return scale(a, b.constant);
        if (isConst(a)) return scale(b, a.constant);
        return this.product(a, b, e.dtype);
      case "floordiv":
      case "floormod":
      case "truncdiv":
      case "truncmod": {
        const floor = e.op === "floordiv" || e.op === "floormod";
        const wantDiv = e.op === "floordiv" || e.op === "truncdiv";
        const sameAsFloor = floor || this.bounds(a).min >= 0;
        if (isConst(b) && b.constant > 0 && sameAsFloor) {
          const r = divMod(a, b.constant, e.dtype, this.bounds);
          return wantDiv ? r.div : r.mod;
        }
        // By a symbolic size: only 0 <= a < b is recognised.
        if (sameAsFloor && !isConst(b) && this.bounds(a).min >= 0 && this.positive(addScaled(b, a, -1))) {
          return wantDiv ? constSum(0) : a;
        }
        return atomSum(binary(e.op, sumToExpr(a, e.dtype), sumToExpr(b, e.dtype)));
      }
      case "min":
      case "max": {
        const d = addScaled(a, b, -1);
        const big = e.op === "max";
        if (this.nonNegative(d)) return big ? a : b;
        if (this.nonNegative(scale(d, -1))) return big ? b : a;
        return atomSum(binary(e.op, sumToExpr(a, e.dtype), sumToExpr(b, e.dtype)));
      }
      default:
        return atomSum(e);
    }
  }

  /** A product of two non-constant sums, multiplied out when one is a single atom (as in n · (4·i + j)). */
  private product(a: Sum, b: Sum, dtype: Expr["dtype"]): Sum {
    const [one, many] = a.terms.size === 1 && a.constant === 0 ? [a, b] : [b, a];
    if (one.terms.size !== 1 || one.constant !== 0) {
      return atomSum(binary("mul", sumToExpr(a, dtype), sumToExpr(b, dtype)));
    }
    const [f] = one.terms.values();
    let out = constSum(0);
    for (const t of many.terms.values()) {
      // One order of factors, so that n·i and i·n are the same atom.
      const [x, y] = exprKey(t.atom) <= exprKey(f.atom) ? [t.atom, f.atom] : [f.atom, t.atom];
      out = addScaled(out, atomSum(binary("mul", x, y)), t.coef * f.coef);
    }
    return addScaled(out, one, many.constant);
  }

  private cond(e: Expr): Expr {
    switch (e.kind) {
      case "const":
        return e;
      case "var": {
        const r = this.ranges.get(e.id);
        return r && r.min === r.max ? constant(r.min, "bool") : e;
      }
      case "unary": {
        const a = this.cond(e.a);
        const c = constInt(a);
        return c === undefined ? (a === e.a ? e : not(a)) : c ? FALSE : TRUE;
      }
      case "binary":
        return e.op === "and" || e.op === "or" ? this.logic(e) : this.compare(e);
      default:
        return mapExpr(e, (c) => this.expr(c));
    }
  }

  private logic(e: Expr & { kind: "binary" }): Expr {
    const a = this.cond(e.a);
    const b = this.cond(e.b);
    const decisive = e.op === "and" ? 0 : 1;
    for (const [x, other] of [
      [a, b],
      [b, a],
    ]) {
      const c = constInt(x);
      if (c !== undefined) return c === decisive ? x : other;
    }
    if (sameExpr(a, b)) return a;
    return a === e.a && b === e.b ? e : binary(e.op, a, b);
  }

  private compare(e: Expr & { kind: "binary" }): Expr {
    if (!isCompareOp(e.op)) return e;
    if (!isIndex(e.a) || !isIndex(e.b)) return mapExpr(e, (c) => this.expr(c));
    const a = this.sum(e.a);
    const b = this.sum(e.b);
    const d = addScaled(b, a, -1); // b - a
    const back = scale(d, -1);
    const known = (yes: boolean, no: boolean): Expr | undefined => (yes ? TRUE : no ? FALSE : undefined);
    let out: Expr | undefined;
    switch (e.op) {
      case "lt":
        out = known(this.positive(d), this.nonNegative(back));
        break;
      case "le":
        out = known(this.nonNegative(d), this.positive(back));
        break;
      case "gt":
        out = known(this.positive(back), this.nonNegative(d));
        break;
      case "ge":
        out = known(this.nonNegative(back), this.positive(d));
        break;
      case "eq":
        out = known(isConst(d) && d.constant === 0, this.positive(d) || this.positive(back));
        break;
      case "ne":
        out = known(this.positive(d) || this.positive(back), isConst(d) && d.constant === 0);
        break;
    }
    return out ?? binary(e.op, sumToExpr(a, e.a.dtype), sumToExpr(b, e.b.dtype));
  }

  private positive(s: Sum): boolean {
    return this.lowest(s) > 0;
  }

  private nonNegative(s: Sum): boolean {
    return this.lowest(s) >= 0;
  }

  /**
   * A lower bound of a sum. Where a variable counts negatively and has a symbolic bound (a loop over n), the bound is
   * put in for it: n - i > 0 because i <= n - 1.
   */
  private lowest(s: Sum): number {
    const plain = this.bounds(s).min;
    if (Number.isFinite(plain)) return plain;
    let t = s;
    for (const { atom, coef } of s.terms.values()) {
      const below = atom.kind === "var" ? this.ranges.get(atom.id)?.below : undefined;
      if (coef < 0 && below) {
        const last = addScaled(this.sum(below), constSum(1), -1);
        t = addScaled(addScaled(t, atomSum(atom, coef), -1), last, coef);
      }
    }
    return this.bounds(t).min;
  }
}

/**
 * Puts quotient and remainder together again: c·floor(x/c) + x mod c = x, and
 * p·(floor(x/p) mod q) + x mod p = x mod (p·q), and p·q·floor(x/(p·q)) + p·(floor(x/p) mod q) = p·floor(x/p), and
 * p·floor((x mod q)/p) + x mod p = x mod q where p divides q.
 */
function mergeDivMod(s: Sum): Sum {
  for (const { atom: m, coef } of s.terms.values()) {
    if (m.kind !== "binary" || m.op !== "floormod") continue;
    const c = constInt(m.b);
    if (c === undefined || c <= 0) continue;
    const quotient = exprKey(binary("floordiv", m.a, m.b));
    const whole = s.terms.get(quotient);
    if (whole && whole.coef === coef * c) {
      const rest = addScaled(addScaled(s, atomSum(m, coef), -1), atomSum(whole.atom, whole.coef), -1);
      return mergeDivMod(addScaled(rest, linear(m.a), coef));
    }
    for (const { atom: o, coef: k } of s.terms.values()) {
      if (o.kind !== "binary") continue;
      const by = constInt(o.b);
      if (by === undefined || by <= 0) continue;
      // m = x mod p, o = floor(x/p) mod q
      const isNext = o.op === "floormod" && k === coef * c && exprKey(o.a) === quotient;
      if (isNext) {
        const rest = addScaled(addScaled(s, atomSum(m, coef), -1), atomSum(o, k), -1);
        const joined = binary("floormod", m.a, constant(c * by, m.dtype));
        return mergeDivMod(addScaled(rest, atomSum(joined), coef));
      }
      // m = x mod p, o = floor((x mod q)/p), where p divides q
      const within = o.op === "floordiv" && by === c && o.a.kind === "binary" && o.a.op === "floormod";
      const low = within ? (o.a as Binary) : undefined;
      const q = low && constInt(low.b);
      if (low && q && q % c === 0 && k === coef * c && sameExpr(low.a, m.a)) {
        const rest = addScaled(addScaled(s, atomSum(m, coef), -1), atomSum(o, k), -1);
        return mergeDivMod(addScaled(rest, atomSum(low), coef));
      }
      // m = floor(x/p) mod q, o = floor(x/(p·q))
      const inner = m.a.kind === "binary" && m.a.op === "floordiv" ? m.a : undefined;
      const p = inner && constInt(inner.b);
      if (inner && p && o.op === "floordiv" && by === p * c && k === coef * c && sameExpr(o.a, inner.a)) {
        const rest = addScaled(addScaled(s, atomSum(m, coef), -1), atomSum(o, k), -1);
        return mergeDivMod(addScaled(rest, atomSum(m.a), coef));
      }
    }
  }
  return s;
}

/** The linear form of an expression that is already simplified. */
const linear = (e: Expr): Sum => new Simplifier(NO_RANGES).sum(e);
