/**
 * Elementary functions of f32, from additions, multiplications and bit operations alone, so that one text serves a
 * scalar and four lanes. Errors are in units in the last place (ulp), measured over all floats by the tests.
 */
import type { Value } from "./graph.ts";
import type { Lanes } from "./half-float.ts";

export type MathName = "exp" | "log" | "tanh" | "sigmoid" | "erf";

/** ln 2 in two parts: the first has so few bits that products with a small whole number are exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -0.00021219444005469057;

const add = (l: Lanes, a: Value, b: Value): Value => l.f("add", a, b);
const mul = (l: Lanes, a: Value, b: Value): Value => l.f("mul", a, b);

/** Horner's rule; coefficients from the highest power down. */
function horner(l: Lanes, x: Value, coefs: readonly number[]): Value {
  let p = l.float(coefs[0]);
  for (const c of coefs.slice(1)) p = l.mulAdd(p, x, l.float(c));
  return p;
}

/** 1.5 * 2^23: what is added to it is rounded to a whole number, which stands in its low bits. */
const ROUNDER = 12582912;

/** `c - a * b`, rounded once where the target has it. */
function mulSub(l: Lanes, c: Value, a: Value, b: number): Value {
  return l.mulAdd(a, l.float(-b), c);
}

/** (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, from r^4 down: the least relative error of exp(r), 3.1e-9, in f32. */
const EXP = [
  0.0013814539415761828, 0.00836874544620514, 0.04166838899254799, 0.1666652113199234, 0.4999999403953552,
];

/**
 * exp(x) = 2^n * exp(r) with r = x - n ln 2 in two parts (Cody and Waite) and a polynomial for exp(r). The power is
 * applied in two halves, so that results run through the subnormals to 0 and to infinity. Nineteen instructions on
 * vectors.
 */
function exp(l: Lanes, x: Value): Value {
  // Beyond these the result is 0 or infinite anyway. NaN stays.
  const y = l.atMost(l.atLeast(x, -104), 89);
  // The exponent of 1 twice, once for each half, comes with the rounding.
  const rounder = l.float(ROUNDER + 2 * 127);
  const t = l.mulAdd(y, l.float(Math.LOG2E), rounder);
  const n = l.f("sub", t, rounder);
  const r = mulSub(l, mulSub(l, y, n, LN2_HIGH), n, LN2_LOW);
  // Horner's rule would be one addition less and half as much again to wait for.
  const r2 = mul(l, r, r);
  const pair = (i: number): Value => l.mulAdd(r, l.float(EXP[i]), l.float(EXP[i + 1]));
  const q = l.mulAdd(l.mulAdd(r2, l.float(EXP[0]), pair(1)), r2, pair(3));
  const p = l.mulAdd(q, r2, add(l, r, l.float(1)));
  // The low nine bits of ROUNDER, and of its half, are 0: shifted into the exponent, only what was added remains.
  const low = l.shift("shr_s", l.bits(t), 1);
  const high = l.i("sub", l.bits(t), low);
  const power = (k: Value): Value => l.number(l.shift("shl", k, 23));
  return mul(l, mul(l, p, power(low)), power(high));
}

/**
 * log(x) = e ln 2 + log(m) with sqrt(1/2) <= m < sqrt(2) and log(m) = 2 atanh(s), s = (m - 1) / (m + 1), by its odd
 * series. Subnormals are scaled by 2^25 first.
 */
function log(l: Lanes, x: Value): Value {
  const tiny = l.f("lt", x, l.float(2 ** -126));
  const scaled = l.select(tiny, mul(l, x, l.float(2 ** 25)), x);
  // Subtracting the bits of sqrt(1/2) puts the binade boundary there.
  const b = l.i("sub", l.bits(scaled), l.int(0x3f3504f3));
  const e = l.shift("shr_s", b, 23);
  const m = l.number(l.i("sub", l.bits(scaled), l.shift("shl", e, 23)));
  const ef = l.f("sub", toFloat(l, e), l.select(tiny, l.float(25), l.float(0)));
  const f = l.f("sub", m, l.float(1));
  const s = l.f("div", f, add(l, l.float(2), f));
  const s2 = mul(l, s, s);
  const tail = mul(l, horner(l, s2, [2 / 9, 2 / 7, 2 / 5, 2 / 3]), s2);
  // 2 s = f - s f exactly in real numbers; written so, the large part f enters unrounded.
  const logM = l.f("sub", f, mul(l, s, l.f("sub", f, tail)));
  const small = add(l, logM, mul(l, ef, l.float(LN2_LOW)));
  const value = add(l, small, mul(l, ef, l.float(LN2_HIGH)));
  const atZero = l.select(l.f("eq", x, l.float(0)), l.float(Number.NEGATIVE_INFINITY), value);
  const infinite = l.f("eq", x, l.float(Number.POSITIVE_INFINITY));
  const atInfinity = l.select(infinite, x, atZero);
  // Negative numbers and NaN: x - x is 0 or NaN, and 0/0 is NaN.
  const legal = l.f("ge", x, l.float(0));
  return l.select(legal, atInfinity, l.float(Number.NaN));
}

function toFloat(l: Lanes, n: Value): Value {
  return n.type === "v128" ? l.g.make("f32x4.convert_i32x4_s", [n]) : l.g.make("f32.convert_i32_s", [n]);
}

/** `x` held between -bound and bound; NaN stays. */
function clamp(l: Lanes, x: Value, bound: number): Value {
  return l.atLeast(l.atMost(x, bound), -bound);
}

/**
 * tanh: an odd rational minimax approximation on [-7.9, 7.9], beyond which the f32 answer is 1 (coefficients as in
 * Eigen and XLA); x itself where x^3 / 3 is below half a unit in the last place.
 */
function tanh(l: Lanes, x: Value): Value {
  const y = clamp(l, x, 7.905311107635498);
  const z = mul(l, y, y);
  const p = horner(
    l,
    z,
    [
      -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
      1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
    ],
  );
  const q = horner(l, z, [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3]);
  const value = mul(l, y, l.f("div", p, q));
  return l.select(l.f("lt", l.f("abs", x), l.float(0.0004)), x, value);
}

function sigmoid(l: Lanes, x: Value): Value {
  return l.f("div", l.float(1), add(l, l.float(1), exp(l, l.f("neg", x))));
}

/**
 * erf: an odd rational minimax approximation on [-4, 4], beyond which the f32 answer is 1 (coefficients as in Eigen
 * and XLA).
 */
function erf(l: Lanes, x: Value): Value {
  const y = clamp(l, x, 4);
  const z = mul(l, y, y);
  const p = horner(
    l,
    z,
    [
      -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
      -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2,
    ],
  );
  const q = horner(
    l,
    z,
    [
      -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
      -1.42647390514189e-2,
    ],
  );
  return mul(l, y, l.f("div", p, q));
}

export const MATH: Readonly<Record<MathName, (l: Lanes, x: Value) => Value>> = {
  exp,
  log,
  tanh,
  sigmoid,
  erf,
};
