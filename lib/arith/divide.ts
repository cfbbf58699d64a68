/**
 * Floor division and modulus of linear forms by a positive constant.
 *
 * The identities, for a = D + R and a divisor d of c that divides every coefficient of D, with 0 <= R < d:
 *   floor(a / c) = floor((D/d) / (c/d))          a mod c = d · ((D/d) mod (c/d)) + R
 * d = c is the familiar case (i·8 + j) / 8 = i for 0 <= j < 8.
 */
import { binary, constant, constInt, type DType, type Interval } from "../ir/index.ts";
import {
  addScaled,
  atomSum,
  constSum,
  divideExactly,
  gcd,
  isConst,
  partition,
  type Sum,
  scale,
  sumToExpr,
} from "./sum.ts";

type Bounds = (s: Sum) => Interval;

export interface DivMod {
  readonly div: Sum;
  readonly mod: Sum;
}

/** Quotient and remainder of `a` by `c` > 0, as simple as the bounds allow. */
export function divMod(a: Sum, c: number, dtype: DType, bounds: Bounds): DivMod {
  if (c === 1) return { div: a, mod: constSum(0) };
  const [whole, rest] = partition(a, (t) => t.coef % c === 0);
  // The multiple of c in the constant goes to the quotient.
  const base = Math.floor(a.constant / c);
  const quotient: Sum = { terms: divideExactly(whole, c).terms, constant: base };
  const r = divModRest({ terms: rest.terms, constant: a.constant - base * c }, c, dtype, bounds);
  return { div: addScaled(quotient, r.div, 1), mod: r.mod };
}

function divModRest(a: Sum, c: number, dtype: DType, bounds: Bounds): DivMod {
  const { min, max } = bounds(a);
  if (Number.isFinite(min) && Number.isFinite(max) && Math.floor(min / c) === Math.floor(max / c)) {
    const q = Math.floor(min / c);
    return { div: constSum(q), mod: addScaled(a, constSum(c * q), -1) };
  }
  for (const d of divisors(a, c)) {
    const [large, small] = partition(a, (t) => t.coef % d === 0);
    // The constant is split between the two parts, its remainder staying with R.
    const lowConstant = a.constant % d;
    const low: Sum = { terms: small.terms, constant: lowConstant };
    const { min: lo, max: hi } = bounds(low);
    if (lo < 0 || hi >= d) continue;
    const high = divideExactly({ terms: large.terms, constant: a.constant - lowConstant }, d);
    const r = divMod(high, c / d, dtype, bounds);
    return { div: r.div, mod: addScaled(scale(r.mod, d), low, 1) };
  }
  return atoms(a, c, dtype);
}

/** Divisors of c (below c, above 1) worth trying: those the coefficients share with it, largest first. */
function divisors(a: Sum, c: number): number[] {
  const ds = new Set<number>();
  for (const t of a.terms.values()) {
    const d = gcd(t.coef, c);
    if (d > 1 && d < c) ds.add(d);
  }
  return [...ds].sort((x, y) => y - x);
}

/** What remains as a node: with nested divisions merged, floor(floor(x/p)/c) = floor(x/(p·c)). */
function atoms(a: Sum, c: number, dtype: DType): DivMod {
  const x = sumToExpr(a, dtype);
  if (isConst(a)) return { div: constSum(0), mod: a };
  const by = constant(c, dtype);
  const inner = x.kind === "binary" ? constInt(x.b) : undefined;
  let div = atomSum(binary("floordiv", x, by));
  let mod = atomSum(binary("floormod", x, by));
  if (x.kind === "binary" && inner !== undefined && inner > 0) {
    if (x.op === "floordiv") div = atomSum(binary("floordiv", x.a, constant(inner * c, dtype)));
    if (x.op === "floormod" && inner % c === 0) mod = atomSum(binary("floormod", x.a, by));
  }
  return { div, mod };
}
