/**
 * Vector operations: for each dtype and operator the instructions for all lanes at once. A vector holds 4 lanes, or 2
 * in code that computes with 64-bit numbers; it is always one v128:
 *
 * | dtype        | 4 lanes            | 2 lanes                          |
 * |--------------|--------------------|----------------------------------|
 * | f32, f16     | f32x4              | the low two lanes of an f32x4    |
 * | i32, i8, u8  | i32x4, normal form | the low two lanes of an i32x4    |
 * | f64, i64     | -                  | f64x2, i64x2                     |
 * | bool         | i32x4 mask         | i64x2 mask                       |
 *
 * What has no instruction gives undefined; the caller then computes lane by lane.
 */
import { type ArithOp, type CompareOp, type DType, type IntrinsicName, isIntrinsic } from "../../ir/index.ts";
import type { Graph, Value } from "./graph.ts";
import { roundLanes, vectorLanes } from "./half-float.ts";
import { MATH } from "./math.ts";
import { vectorTrig } from "./math-trig.ts";
import { vectorPow, vectorWide, type WideName } from "./math-wide.ts";

export type Lanes = 2 | 4;
type Maybe = Value | undefined;
type Binary = (g: Graph, a: Value, b: Value, literal?: number) => Maybe;

const SHAPE: Readonly<Record<DType, "f32x4" | "f64x2" | "i32x4" | "i64x2">> = {
  f32: "f32x4",
  f16: "f32x4",
  f64: "f64x2",
  i8: "i32x4",
  u8: "i32x4",
  i32: "i32x4",
  i64: "i64x2",
  bool: "i32x4",
};

/** Four i32 literals as a vector. */
export function words(g: Graph, xs: readonly number[]): Value {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  xs.forEach((x, i) => {
    view.setInt32(4 * i, x, true);
  });
  return g.const("v128", bytes);
}
const all = (g: Graph, x: number): Value => words(g, [x, x, x, x]);

/** Brings lanes back into the normal form of the dtype. */
function normaliseVector(g: Graph, t: DType, a: Value): Value {
  switch (t) {
    case "f16":
      return roundLanes(vectorLanes(g), a);
    case "i8":
      return g.make("i32x4.shr_s", [g.make("i32x4.shl", [a, g.i32(24)]), g.i32(24)]);
    case "u8":
      return g.make("v128.and", [a, all(g, 255)]);
    default:
      return a;
  }
}

/** The same scalar (in normal form) in every lane. */
export function splat(g: Graph, t: DType, lanes: Lanes, x: Value): Value {
  if (t === "bool") {
    const mask = g.make("i32.sub", [g.i32(0), x]);
    return g.make("i32x4.splat", [mask]);
  }
  if (lanes === 4 || SHAPE[t].endsWith("x2")) {
    const folded = splatLiteral(g, t, x);
    if (folded) return folded;
  }
  return g.make(`${SHAPE[t]}.splat`, [x]);
}

function splatLiteral(g: Graph, t: DType, x: Value): Maybe {
  if (!x.op.endsWith(".const")) return undefined;
  const view = new DataView(new ArrayBuffer(8));
  switch (SHAPE[t]) {
    case "f32x4":
      view.setFloat32(0, x.imm as number, true);
      return all(g, view.getInt32(0, true));
    case "i32x4":
      return all(g, x.imm as number);
    case "f64x2":
      view.setFloat64(0, x.imm as number, true);
      break;
    case "i64x2":
      view.setBigInt64(0, x.imm as bigint, true);
      break;
  }
  const [low, high] = [view.getInt32(0, true), view.getInt32(4, true)];
  return words(g, [low, high, low, high]);
}

const powerOfTwo = (n: number | undefined): n is number =>
  n !== undefined && n > 0 && n < 2 ** 30 && (n & (n - 1)) === 0;

/**
 * The lesser of two floats, NaN where one is, and of zeros of both signs the right one. `pmin` gives its first operand where
 * neither is lesser, so with the operands either way round all that can be wrong is there: equal numbers twice, a NaN and
 * something, or zeros of different signs. Their bits together are the number, a NaN, and -0. (V8 makes eight instructions
 * in a row of f32x4.min.)
 */
function lesser(g: Graph, shape: string, a: Value, b: Value): Value {
  return g.make("v128.or", [g.make(`${shape}.pmin`, [a, b]), g.make(`${shape}.pmin`, [b, a])]);
}

/** The greater of two, by the lesser with the other sign: for zeros it is the sign that only one has that has to go. */
function greater(g: Graph, t: "f32" | "f64" | "f16", a: Value, b: Value): Value {
  return turned(g, t, lesser(g, SHAPE[t], turned(g, t, a), turned(g, t, b)));
}

const SIGN = -0x80000000;

/** Floats with the other sign; twice turned is what it was, without an instruction. */
export function turned(g: Graph, t: DType, a: Value): Value {
  const sign = SHAPE[t] === "f64x2" ? words(g, [0, SIGN, 0, SIGN]) : all(g, SIGN);
  if (a.op === "v128.xor" && a.args[1] === sign) return a.args[0];
  if (a.op === "v128.const") {
    const [from, mask] = [a.imm as Uint8Array, sign.imm as Uint8Array];
    return g.const(
      "v128",
      from.map((x, i) => x ^ mask[i]),
    );
  }
  return g.make("v128.xor", [a, sign]);
}

/**
 * A number beside which `pmin` and `pmax` (one instruction on x64, where min and max are nine) do what min and max do:
 * of two operands, equal or not in order, they give the first.
 */
const isPlain = (literal: number | undefined): boolean => literal !== undefined && !Number.isNaN(literal);

const none: Binary = () => undefined;

function floats(t: "f32" | "f64" | "f16"): Record<ArithOp, Binary> {
  const op =
    (name: string): Binary =>
    (g, a, b) =>
      normaliseVector(g, t, g.make(`${SHAPE[t]}.${name}`, [a, b]));
  return {
    add: op("add"),
    sub: op("sub"),
    mul: op("mul"),
    div: op("div"),
    min: (g, a, b, n) =>
      isPlain(n) && !Object.is(n, -0) ? g.make(`${SHAPE[t]}.pmin`, [a, b]) : lesser(g, SHAPE[t], a, b),
    max: (g, a, b, n) => {
      if (!isPlain(n)) return greater(g, t, a, b);
      const value = g.make(`${SHAPE[t]}.pmax`, [a, b]);
      // The greater of -0 and 0 is 0, which comes out when 0 is added.
      return Object.is(n, 0) ? g.make(`${SHAPE[t]}.add`, [value, b]) : value;
    },
    floordiv: none,
    floormod: none,
    truncdiv: none,
    truncmod: none,
  };
}

function ints(t: "i8" | "u8" | "i32" | "i64"): Record<ArithOp, Binary> {
  const shape = SHAPE[t];
  const op =
    (name: string): Binary =>
    (g, a, b) =>
      normaliseVector(g, t, g.make(`${shape}.${name}`, [a, b]));
  const pick =
    (name: string, cmp: string): Binary =>
    (g, a, b) =>
      t === "i64"
        ? g.make("v128.bitselect", [a, b, g.make(`i64x2.${cmp}`, [a, b])])
        : g.make(`i32x4.${name}`, [a, b]);
  return {
    add: op("add"),
    sub: op("sub"),
    mul: op("mul"),
    div: none,
    floordiv: (g, a, _, n) =>
      powerOfTwo(n) ? g.make(`${shape}.shr_s`, [a, g.i32(Math.log2(n))]) : undefined,
    floormod: (g, a, _, n) => {
      if (!powerOfTwo(n)) return undefined;
      const mask = t === "i64" ? words(g, [n - 1, 0, n - 1, 0]) : all(g, n - 1);
      return g.make("v128.and", [a, mask]);
    },
    truncdiv: none,
    truncmod: none,
    min: pick("min_s", "lt_s"),
    max: pick("max_s", "gt_s"),
  };
}

const ARITH: Record<Exclude<DType, "bool">, Record<ArithOp, Binary>> = {
  f32: floats("f32"),
  f64: floats("f64"),
  f16: floats("f16"),
  i8: ints("i8"),
  u8: ints("u8"),
  i32: ints("i32"),
  i64: ints("i64"),
};

/** `a op b` for all lanes. `literal`: the value of `b` where it is a literal. */
export function vectorArith(g: Graph, t: DType, op: ArithOp, a: Value, b: Value, literal?: number): Maybe {
  return t === "bool" ? undefined : ARITH[t][op](g, a, b, literal);
}

/** The fused form of `a + b` or `a - b` when one operand is a product, where relaxed SIMD may be used. */
export function fuse(g: Graph, t: DType, op: ArithOp, a: Value, b: Value): Maybe {
  if (t !== "f32" && t !== "f64") return undefined;
  const shape = SHAPE[t];
  const product = (v: Value): boolean => v.op === `${shape}.mul`;
  if (op === "add") {
    if (product(b)) return g.make(`${shape}.relaxed_madd`, [b.args[0], b.args[1], a]);
    if (product(a)) return g.make(`${shape}.relaxed_madd`, [a.args[0], a.args[1], b]);
  }
  if (op === "sub" && product(b)) return g.make(`${shape}.relaxed_nmadd`, [b.args[0], b.args[1], a]);
  return undefined;
}

/** The mask of a comparison. */
export function vectorCompare(g: Graph, lanes: Lanes, op: CompareOp, t: DType, a: Value, b: Value): Value {
  if (t === "bool") {
    // True is -1 in a mask: the order of the two values is turned round.
    const shape = lanes === 4 ? "i32x4" : "i64x2";
    const suffix = op === "eq" || op === "ne" ? "" : "_s";
    return g.make(`${shape}.${op}${suffix}`, [b, a]);
  }
  const shape = SHAPE[t];
  const ordered = op !== "eq" && op !== "ne" && shape.startsWith("i");
  const mask = g.make(`${shape}.${op}${ordered ? "_s" : ""}`, [a, b]);
  return lanes === 2 && shape.endsWith("x4") ? g.make("i64x2.extend_low_i32x4_s", [mask]) : mask;
}

/** A mask with lanes as wide as the dtype's. */
export function maskFor(g: Graph, lanes: Lanes, t: DType, mask: Value): Value {
  return lanes === 2 && SHAPE[t].endsWith("x4") && t !== "bool" ? lowWords(g, mask) : mask;
}

/** The low 32 bits of both 64-bit lanes, in lanes 0 and 1. */
const lowWords = (g: Graph, a: Value): Value =>
  g.make("i8x16.shuffle", [a, a], new Uint8Array([0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]));

type Cast = (g: Graph, lanes: Lanes, a: Value) => Maybe;
const FLOAT_ONE = 0x3f800000;

function toBool(t: DType): Cast {
  return (g, lanes, a) => vectorCompare(g, lanes, "ne", t, a, all(g, 0));
}
const unavailable: Cast = () => undefined;
const clamp = (g: Graph, a: Value, lo: number, hi: number): Value =>
  g.make("i32x4.min_s", [g.make("i32x4.max_s", [a, all(g, lo)]), all(g, hi)]);
const fromF32: Record<DType, Cast> = {
  f32: (_g, _l, a) => a,
  f16: (g, _l, a) => normaliseVector(g, "f16", a),
  f64: (g, _l, a) => g.make("f64x2.promote_low_f32x4", [a]),
  i8: (g, _l, a) => clamp(g, g.make("i32x4.trunc_sat_f32x4_s", [a]), -128, 127),
  u8: (g, _l, a) => clamp(g, g.make("i32x4.trunc_sat_f32x4_s", [a]), 0, 255),
  i32: (g, _l, a) => g.make("i32x4.trunc_sat_f32x4_s", [a]),
  i64: unavailable,
  bool: toBool("f32"),
};
const fromI32: Record<DType, Cast> = {
  f32: (g, _l, a) => g.make("f32x4.convert_i32x4_s", [a]),
  // Not through f32, which would round twice.
  f16: unavailable,
  f64: (g, _l, a) => g.make("f64x2.convert_low_i32x4_s", [a]),
  i8: (g, _l, a) => normaliseVector(g, "i8", a),
  u8: (g, _l, a) => normaliseVector(g, "u8", a),
  i32: (_g, _l, a) => a,
  i64: (g, _l, a) => g.make("i64x2.extend_low_i32x4_s", [a]),
  bool: toBool("i32"),
};
const CASTS: Record<DType, Record<DType, Cast>> = {
  f32: fromF32,
  f16: fromF32,
  f64: {
    f32: (g, _l, a) => g.make("f32x4.demote_f64x2_zero", [a]),
    f16: unavailable,
    f64: (_g, _l, a) => a,
    i8: (g, _l, a) => clamp(g, g.make("i32x4.trunc_sat_f64x2_s_zero", [a]), -128, 127),
    u8: (g, _l, a) => clamp(g, g.make("i32x4.trunc_sat_f64x2_s_zero", [a]), 0, 255),
    i32: (g, _l, a) => g.make("i32x4.trunc_sat_f64x2_s_zero", [a]),
    i64: unavailable,
    bool: toBool("f64"),
  },
  i8: { ...fromI32, f16: fromI32.f32 },
  u8: { ...fromI32, f16: fromI32.f32 },
  i32: fromI32,
  i64: {
    f32: unavailable,
    f16: unavailable,
    f64: unavailable,
    i8: (g, _l, a) => normaliseVector(g, "i8", lowWords(g, a)),
    u8: (g, _l, a) => normaliseVector(g, "u8", lowWords(g, a)),
    i32: (g, _l, a) => lowWords(g, a),
    i64: (_g, _l, a) => a,
    bool: toBool("i64"),
  },
  bool: {
    f32: (g, l, a) => g.make("v128.and", [maskFor(g, l, "f32", a), all(g, FLOAT_ONE)]),
    f16: (g, l, a) => g.make("v128.and", [maskFor(g, l, "f16", a), all(g, FLOAT_ONE)]),
    f64: (g, _l, a) => g.make("v128.and", [a, words(g, [0, 0x3ff00000, 0, 0x3ff00000])]),
    i8: (g, l, a) => g.make("v128.and", [maskFor(g, l, "i8", a), all(g, 1)]),
    u8: (g, l, a) => g.make("v128.and", [maskFor(g, l, "u8", a), all(g, 1)]),
    i32: (g, l, a) => g.make("v128.and", [maskFor(g, l, "i32", a), all(g, 1)]),
    i64: (g, _l, a) => g.make("v128.and", [a, words(g, [1, 0, 1, 0])]),
    bool: (_g, _l, a) => a,
  },
};

export function vectorCast(g: Graph, lanes: Lanes, from: DType, to: DType, a: Value): Maybe {
  return from === to ? a : CASTS[from][to](g, lanes, a);
}

export function vectorNeg(g: Graph, t: DType, a: Value): Value {
  return normaliseVector(g, t, g.make(`${SHAPE[t]}.neg`, [a]));
}

type Call = (g: Graph, lanes: Lanes, t: DType, args: readonly Value[]) => Maybe;
const floatShape =
  (name: string): Call =>
  (g, _, t, args) =>
    normaliseVector(g, t, g.make(`${SHAPE[t]}.${name}`, args));
const math =
  (name: keyof typeof MATH): Call =>
  (g, _, t, [a]) =>
    t === "f64" ? undefined : normaliseVector(g, t, MATH[name](vectorLanes(g), a));
/** Lanes of which there are two twice, so that no other is in the way of what all have to be for. */
const filled = (g: Graph, lanes: Lanes, a: Value): Value =>
  lanes === 4
    ? a
    : g.make("i8x16.shuffle", [a, a], new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]));
const trig =
  (name: "sin" | "cos" | "tan"): Call =>
  (g, lanes, t, [a]) =>
    t === "f64" ? undefined : normaliseVector(g, t, vectorTrig(g, name, filled(g, lanes, a)));
const wide =
  (name: WideName): Call =>
  (g, lanes, t, [a]) =>
    t === "f64" ? undefined : normaliseVector(g, t, vectorWide(g, name, filled(g, lanes, a)));
const bitwise =
  (name: string): Call =>
  (g, _, t, args) =>
    normaliseVector(g, t, g.make(`v128.${name}`, args));
const lanewise: Call = () => undefined;

const CALLS: Record<IntrinsicName, Call> = {
  exp: math("exp"),
  log: math("log"),
  tanh: math("tanh"),
  sigmoid: math("sigmoid"),
  erf: math("erf"),
  sqrt: floatShape("sqrt"),
  rsqrt: (g, lanes, t, args) => {
    const one = splat(g, t, lanes, g.const(t === "f64" ? "f64" : "f32", 1));
    return normaliseVector(g, t, g.make(`${SHAPE[t]}.div`, [one, g.make(`${SHAPE[t]}.sqrt`, args)]));
  },
  sin: trig("sin"),
  cos: trig("cos"),
  tan: trig("tan"),
  asin: wide("asin"),
  acos: wide("acos"),
  atan: wide("atan"),
  sinh: wide("sinh"),
  cosh: wide("cosh"),
  asinh: wide("asinh"),
  acosh: wide("acosh"),
  atanh: wide("atanh"),
  log1p: wide("log1p"),
  expm1: wide("expm1"),
  pow: (g, lanes, t, [a, b]) =>
    t === "f64" ? undefined : normaliseVector(g, t, vectorPow(g, filled(g, lanes, a), filled(g, lanes, b))),
  fmod: lanewise,
  floor: floatShape("floor"),
  ceil: floatShape("ceil"),
  trunc: floatShape("trunc"),
  round: floatShape("nearest"),
  abs: floatShape("abs"),
  isnan: (g, lanes, t, [a]) => vectorCompare(g, lanes, "ne", t, a, a),
  bitAnd: bitwise("and"),
  bitOr: bitwise("or"),
  bitXor: bitwise("xor"),
  // A vector shift has one count for all lanes.
  shiftLeft: lanewise,
  shiftRight: lanewise,
};

export function vectorCall(g: Graph, lanes: Lanes, name: string, t: DType, args: readonly Value[]): Maybe {
  return isIntrinsic(name) ? CALLS[name](g, lanes, t, args) : undefined;
}

/** All lanes of a mask are set: i32 0 or 1. */
export function allTrue(g: Graph, lanes: Lanes, mask: Value): Value {
  return g.make(lanes === 4 ? "i32x4.all_true" : "i64x2.all_true", [mask]);
}
