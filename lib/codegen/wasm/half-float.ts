/**
 * binary16 in terms of binary32, scalar and four lanes at once. A half is kept as the f32 of the same value; f32 has
 * 24 >= 2 * 11 + 2 fraction bits, so computing in f32 and rounding once more gives the correctly rounded half result
 * of +, -, *, / and sqrt.
 */
import type { Graph, Value } from "./graph.ts";

/** The integer and float operations that the algorithms below need, on one value or on four. */
export interface Lanes {
  readonly g: Graph;
  int(n: number): Value;
  float(x: number): Value;
  /** An i32 / i32x4 operation. */
  i(op: string, a: Value, b: Value): Value;
  /** An f32 / f32x4 operation. */
  f(op: string, ...args: Value[]): Value;
  shift(op: "shl" | "shr_u" | "shr_s", a: Value, n: number): Value;
  /** `a * b + c`, rounded once where the target has it. */
  mulAdd(a: Value, b: Value, c: Value): Value;
  /** The greater, or the lesser, of a number that may be NaN (and then stays) and a literal that is not 0. */
  atLeast(a: Value, bound: number): Value;
  atMost(a: Value, bound: number): Value;
  /** Bit casts; vectors need none. */
  bits(x: Value): Value;
  number(x: Value): Value;
  select(cond: Value, a: Value, b: Value): Value;
  /** Truncating conversion to an integer. */
  toInt(x: Value): Value;
}

export const scalarLanes = (g: Graph): Lanes => ({
  g,
  int: (n) => g.i32(n),
  float: (x) => g.const("f32", Math.fround(x)),
  i: (op, a, b) => g.make(`i32.${op}`, [a, b]),
  f: (op, ...args) => g.make(`f32.${op}`, args),
  shift: (op, a, n) => g.make(`i32.${op}`, [a, g.i32(n)]),
  mulAdd: (a, b, c) => g.make("f32.add", [g.make("f32.mul", [a, b]), c]),
  atLeast: (a, bound) => g.make("f32.max", [a, g.const("f32", Math.fround(bound))]),
  atMost: (a, bound) => g.make("f32.min", [a, g.const("f32", Math.fround(bound))]),
  bits: (x) => g.make("i32.reinterpret_f32", [x]),
  number: (x) => g.make("f32.reinterpret_i32", [x]),
  select: (cond, a, b) => g.make(`select.${a.type}`, [a, b, cond]),
  toInt: (x) => g.make("i32.trunc_sat_f32_s", [x]),
});

export const vectorLanes = (g: Graph): Lanes => {
  const splat = (n: number): Value => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 4; i++) view.setInt32(4 * i, n, true);
    return g.const("v128", bytes);
  };
  const word = new DataView(new ArrayBuffer(4));
  const float = (x: number): Value => {
    word.setFloat32(0, x);
    return splat(word.getInt32(0));
  };
  return {
    g,
    int: splat,
    float,
    // One instruction each on x64, where f32x4.min and max are nine: of two operands, equal or not in order, the first.
    atLeast: (a, bound) => g.make("f32x4.pmax", [a, float(bound)]),
    atMost: (a, bound) => g.make("f32x4.pmin", [a, float(bound)]),
    i: (op, a, b) =>
      op === "and" || op === "or" || op === "xor"
        ? g.make(`v128.${op}`, [a, b])
        : g.make(`i32x4.${op}`, [a, b]),
    f: (op, ...args) => g.make(`f32x4.${op}`, args),
    shift: (op, a, n) => g.make(`i32x4.${op}`, [a, g.i32(n)]),
    mulAdd: (a, b, c) =>
      g.relaxed
        ? g.make("f32x4.relaxed_madd", [a, b, c])
        : g.make("f32x4.add", [g.make("f32x4.mul", [a, b]), c]),
    bits: (x) => x,
    number: (x) => x,
    select: (cond, a, b) => g.make("v128.bitselect", [a, b, cond]),
    toInt: (x) => g.make("i32x4.trunc_sat_f32x4_s", [x]),
  };
};

/**
 * Rounds to the nearest half, ties to even. Adding 1.5 * 2^(e+13) to a number of exponent e leaves it 10 fraction
 * bits (subnormal halves, below 2^-14, share the spacing of 2^-14); subtracting is exact.
 */
export function roundLanes(l: Lanes, x: Value): Value {
  const magnitude = l.i("and", l.bits(x), l.int(0x7fffffff));
  const exponent = l.i("and", magnitude, l.int(0x7f800000));
  const least = l.int((127 - 14) << 23);
  const e = l.select(l.i("gt_s", exponent, least), exponent, least);
  const magic = l.number(l.i("or", l.i("add", e, l.int(13 << 23)), l.int(0x400000)));
  const rounded = l.f("sub", l.f("add", l.number(magnitude), magic), magic);
  // 65504 is the largest half; from 65520 on rounding gives 65536.
  const inRange = l.select(l.f("gt", rounded, l.float(65504)), l.float(Number.POSITIVE_INFINITY), rounded);
  // Above 2^17 the magic number would overflow: those (and NaN) are infinite or stay.
  const huge = l.i("ge_s", magnitude, l.int((127 + 17) << 23));
  const nan = l.i("gt_s", magnitude, l.int(0x7f800000));
  const big = l.select(nan, l.number(magnitude), l.float(Number.POSITIVE_INFINITY));
  const sign = l.i("and", l.bits(x), l.int(-0x80000000));
  return l.number(l.i("or", l.bits(l.select(huge, big, inRange)), sign));
}

/** The sixteen bits of a value that is already rounded to a half. */
export function packLanes(l: Lanes, x: Value): Value {
  const bits = l.bits(x);
  const magnitude = l.i("and", bits, l.int(0x7fffffff));
  const normal = l.shift("shr_u", l.i("sub", magnitude, l.int(112 << 23)), 13);
  const subnormal = l.toInt(l.f("mul", l.number(magnitude), l.float(2 ** 24)));
  const finite = l.select(l.i("lt_s", magnitude, l.int((127 - 14) << 23)), subnormal, normal);
  const special = l.select(l.i("gt_s", magnitude, l.int(0x7f800000)), l.int(0x7e00), l.int(0x7c00));
  const half = l.select(l.i("ge_s", magnitude, l.int(0x7f800000)), special, finite);
  return l.i("or", half, l.i("and", l.shift("shr_u", bits, 16), l.int(0x8000)));
}

/** The value of sixteen bits (in the low half of an integer whose high half is zero). */
export function unpackLanes(l: Lanes, half: Value): Value {
  const magnitude = l.shift("shl", l.i("and", half, l.int(0x7fff)), 13);
  // Exponents differ by 112; multiplying handles subnormals too.
  const finite = l.bits(l.f("mul", l.number(magnitude), l.float(2 ** 112)));
  const special = l.i("or", magnitude, l.int(0x7f800000));
  const value = l.select(l.i("ge_s", magnitude, l.int(0x7c00 << 13)), special, finite);
  return l.number(l.i("or", value, l.shift("shl", l.i("and", half, l.int(0x8000)), 16)));
}

export const roundHalf = (g: Graph, x: Value): Value => roundLanes(scalarLanes(g), x);

/** Rounds an f64 once to a half, kept as f32; the same trick with the constants of binary64. */
export function roundHalfF64(g: Graph, x: Value): Value {
  const lit = (n: bigint) => g.const("i64", n);
  const i = (op: string, a: Value, b: Value) => g.make(`i64.${op}`, [a, b]);
  const abs = g.make("f64.abs", [x]);
  const exponent = i("and", g.make("i64.reinterpret_f64", [abs]), lit(0x7ff0000000000000n));
  const least = lit((1023n - 14n) << 52n);
  const e = g.make("select.i64", [exponent, least, i("gt_s", exponent, least)]);
  const magic = g.make("f64.reinterpret_i64", [i("or", i("add", e, lit(42n << 52n)), lit(1n << 51n))]);
  const rounded = g.make("f64.sub", [g.make("f64.add", [abs, magic]), magic]);
  const infinity = g.const("f64", Number.POSITIVE_INFINITY);
  const f = (op: string, n: number) => g.make(`f64.${op}`, [abs, g.const("f64", n)]);
  const finite = g.make("select.f64", [rounded, infinity, f("lt", 65520)]);
  // A NaN is below nothing: it stays itself.
  const isNumber = g.make("f64.eq", [x, x]);
  const value = g.make("select.f64", [finite, abs, isNumber]);
  return g.make("f32.demote_f64", [g.make("f64.copysign", [value, x])]);
}
