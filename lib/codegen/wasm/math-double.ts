/**
 * Functions of f32 by way of doubles, two lanes at a time: logarithms to the base 2 with a relative error below 2^-38 and
 * powers of 2 with one below 2^-32, so that rounding to f32 is nearly all there is of an error.
 */
import type { Graph, Value } from "./graph.ts";

type Lane = "low" | "high";

export function doubles(g: Graph, x: number): Value {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, x, true);
  view.setFloat64(8, x, true);
  return g.const("v128", bytes);
}

export function longs(g: Graph, x: bigint): Value {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, x, true);
  view.setBigInt64(8, x, true);
  return g.const("v128", bytes);
}

export function words(g: Graph, a: Value, b: Value, picked: readonly number[]): Value {
  return g.make(
    "i8x16.shuffle",
    [a, b],
    new Uint8Array(picked.flatMap((w) => [0, 1, 2, 3].map((i) => 4 * w + i))),
  );
}

/** Arithmetic on two doubles. */
export const arithmetic = (g: Graph) => ({
  f: (op: string, a: Value, b: Value): Value => g.make(`f64x2.${op}`, [a, b]),
  i: (op: string, a: Value, b: Value): Value => g.make(`i64x2.${op}`, [a, b]),
  lit: (x: number): Value => doubles(g, x),
  shift: (op: "shl" | "shr_u", a: Value, n: number): Value => g.make(`i64x2.${op}`, [a, g.i32(n)]),
  mulAdd: (a: Value, b: Value, c: Value): Value =>
    g.relaxed
      ? g.make("f64x2.relaxed_madd", [a, b, c])
      : g.make("f64x2.add", [g.make("f64x2.mul", [a, b]), c]),
});
export type Arithmetic = ReturnType<typeof arithmetic>;

export const horner = (d: Arithmetic, x: Value, coefs: readonly number[]): Value =>
  coefs.slice(1).reduce((p, c) => d.mulAdd(p, x, d.lit(c)), d.lit(coefs[0]));

/** Two lanes of an f32x4 as doubles. */
export function widened(g: Graph, x: Value, half: Lane): Value {
  return g.make("f64x2.promote_low_f32x4", [half === "low" ? x : words(g, x, x, [2, 3, 2, 3])]);
}

/** Four lanes from two times two doubles. */
export function narrowed(g: Graph, low: Value, high: Value): Value {
  const demoted = [low, high].map((x) => g.make("f32x4.demote_f64x2_zero", [x]));
  return words(g, demoted[0], demoted[1], [0, 1, 4, 5]);
}

/** A function of doubles for four lanes. */
export function byDoubles(g: Graph, x: Value, f: (y: Value) => Value): Value {
  return narrowed(g, f(widened(g, x, "low")), f(widened(g, x, "high")));
}

/** The bits of sqrt(1/2), and of 2 as an exponent that makes what is shifted out of it positive. */
const ROOT = 0x3fe6a09e667f3bcdn;
const ABOVE = 0x4000000000000000n;

/**
 * log2 of positive finite doubles: e + log2(m) with sqrt(1/2) <= m < sqrt(2), the latter by the odd series of atanh in
 * s = (m - 1) / (m + 1), whose numerator is exact.
 */
export function log2(g: Graph, x: Value): Value {
  const d = arithmetic(g);
  const exponent = d.shift("shr_u", d.i("add", d.i("sub", x, longs(g, ROOT)), longs(g, ABOVE)), 52);
  const m = d.i("add", d.i("sub", x, d.shift("shl", exponent, 52)), longs(g, ABOVE));
  // 2^52 + exponent, of which the exponent is 1024 too large.
  const wide = g.make("v128.or", [exponent, longs(g, 0x4330000000000000n)]);
  const e = d.f("sub", wide, d.lit(2 ** 52 + 1024));
  const s = d.f("div", d.f("sub", m, d.lit(1)), d.f("add", m, d.lit(1)));
  const series = horner(
    d,
    d.f("mul", s, s),
    [13, 11, 9, 7, 5, 3, 1].map((n) => 2 * Math.LOG2E * (1 / n)),
  );
  return d.mulAdd(s, series, e);
}

/** 1.5 * 2^52: what is added to it is rounded to a whole number, which stands in its low bits. */
const ROUNDER = 6755399441055744;

/** 2^z, by Taylor's polynomial of degree 8 beside the power of the nearest whole number. |z| <= 1000; NaN stays. */
export function exp2(g: Graph, z: Value): Value {
  const d = arithmetic(g);
  const t = d.f("add", z, d.lit(ROUNDER));
  const r = d.f("sub", z, d.f("sub", t, d.lit(ROUNDER)));
  const factors = [1];
  for (let k = 1; k <= 8; k++) factors.unshift((factors[0] * Math.LN2) / k);
  const power = d.i("add", d.shift("shl", t, 52), longs(g, 0x3ff0000000000000n));
  return d.f("mul", horner(d, r, factors), power);
}

/** 2^z of any double: beyond what f32 holds on either side, anything beyond. NaN stays. */
export function exp2Any(g: Graph, z: Value): Value {
  const { f, lit } = arithmetic(g);
  // Of two operands, equal or not in order, these give the first.
  return exp2(g, f("pmax", f("pmin", z, lit(300)), lit(-300)));
}
