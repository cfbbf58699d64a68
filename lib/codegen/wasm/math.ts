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
  for (const c of coefs.slice(1)) p = add(l, mul(l, p, x), l.float(c));
  return p;
}

/** 2^n for whole n in a float, -126 <= n <= 127. */
function exp2Whole(l: Lanes, n: Value): Value {
  return l.number(l.shift("shl", l.i("add", l.toInt(n), l.int(127)), 23));
}

/**
 * exp(x) = 2^n * exp(r) with r = x - n ln 2 in two parts (Cody and Waite), and Taylor's polynomial of degree 7 for
 * |r| <= 0.35. The power is applied in two halves, so that results run through the subnormals to 0 and to infinity.
 */
function exp(l: Lanes, x: Value): Value {
  // Beyond these the result is 0 or infinite anyway. NaN fails both comparisons and stays.
  const low = l.select(l.f("lt", x, l.float(-104)), l.float(-104), x);
  const y = l.select(l.f("gt", low, l.float(89)), l.float(89), low);
  const n = l.f("nearest", mul(l, y, l.float(Math.LOG2E)));
  const r = l.f("sub", l.f("sub", y, mul(l, n, l.float(LN2_HIGH))), mul(l, n, l.float(LN2_LOW)));
  const p = horner(l, r, [1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1, 1]);
  const half = l.f("floor", mul(l, n, l.float(0.5)));
  return mul(l, mul(l, p, exp2Whole(l, half)), exp2Whole(l, l.f("sub", n, half)));
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

/** Takes the sign of `x` for a function that is odd. */
function withSign(l: Lanes, magnitude: Value, x: Value): Value {
  const sign = l.i("and", l.bits(x), l.int(-0x80000000));
  return l.number(l.i("or", l.bits(magnitude), sign));
}

/**
 * tanh: x times a rational of x^2 for |x| < 0.625 (a polynomial of the series), 1 - 2 / (exp(2|x|) + 1) above.
 */
function tanh(l: Lanes, x: Value): Value {
  const a = l.f("abs", x);
  const z = mul(l, x, x);
  // Cephes tanhf's minimax polynomial (Moshier, "Cephes Mathematical Library", single precision).
  const p = horner(
    l,
    z,
    [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1],
  );
  const near = add(l, mul(l, mul(l, p, z), a), a);
  const e = exp(l, add(l, a, a));
  const far = l.f("sub", l.float(1), l.f("div", l.float(2), add(l, e, l.float(1))));
  return withSign(l, l.select(l.f("lt", a, l.float(0.625)), near, far), x);
}

function sigmoid(l: Lanes, x: Value): Value {
  return l.f("div", l.float(1), add(l, l.float(1), exp(l, l.f("neg", x))));
}

/**
 * erf: Taylor's series in x^2 below 1 (eleven terms), and 1 - exp(-x^2) * t * P(t), t = 1 / (1 + x/2), above, with
 * the coefficients of Numerical Recipes' erfc (Chebyshev fit, relative error 1.2e-7).
 */
function erf(l: Lanes, x: Value): Value {
  const a = l.f("abs", x);
  const z = mul(l, x, x);
  const series: number[] = [];
  let factorial = 1;
  for (let n = 0; n <= 10; n++) {
    if (n > 0) factorial *= n;
    series.unshift(((n % 2 === 0 ? 1 : -1) * 2) / Math.sqrt(Math.PI) / (factorial * (2 * n + 1)));
  }
  const near = mul(l, a, horner(l, z, series));
  const t = l.f("div", l.float(1), add(l, l.float(1), mul(l, a, l.float(0.5))));
  const p = horner(
    l,
    t,
    [
      0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
      1.00002368, -1.26551223,
    ],
  );
  const erfc = mul(l, t, exp(l, l.f("sub", p, z)));
  const far = l.f("sub", l.float(1), erfc);
  // Above 4 the answer is 1 in f32; NaN takes this side and must stay.
  const value = l.select(l.f("lt", a, l.float(1)), near, l.select(l.f("gt", a, l.float(4)), l.float(1), far));
  return withSign(l, value, x);
}

export const MATH: Readonly<Record<MathName, (l: Lanes, x: Value) => Value>> = {
  exp,
  log,
  tanh,
  sigmoid,
  erf,
};
