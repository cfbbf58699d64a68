/**
 * Scalar operations: for each dtype and operator the instructions that compute it. A dtype narrower than its wasm
 * type is kept in a normal form between operations: i8 sign-extended, u8 zero-extended, bool 0 or 1, f16 as the f32
 * of the same value.
 */
import {
  type ArithOp,
  type CompareOp,
  type Const,
  constBigInt,
  constNumber,
  type DType,
  isFloat,
  roundF16,
} from "../../ir/index.ts";
import type { Graph, Value } from "./graph.ts";
import { roundHalf, roundHalfF64 } from "./half-float.ts";
import type { ValType } from "./opcodes.ts";

/** The wasm type a scalar of the dtype is kept in. */
export const REPR: Readonly<Record<DType, ValType>> = {
  f32: "f32",
  f64: "f64",
  f16: "f32",
  i8: "i32",
  u8: "i32",
  i32: "i32",
  i64: "i64",
  bool: "i32",
};

type Unary = (g: Graph, a: Value) => Value;
type Binary = (g: Graph, a: Value, b: Value) => Value;

/** Brings a result of the wasm type into the normal form of the dtype. */
export const NORMALISE: Readonly<Record<DType, Unary>> = {
  f32: (_, a) => a,
  f64: (_, a) => a,
  f16: roundHalf,
  i8: (g, a) => g.make("i32.extend8_s", [a]),
  u8: (g, a) => g.make("i32.and", [a, g.i32(255)]),
  i32: (_, a) => a,
  i64: (_, a) => a,
  bool: (_, a) => a,
};

const undefinedFor =
  (what: string): Binary =>
  () => {
    throw new TypeError(`${what} is not defined for this dtype`);
  };

function floatOps(t: "f32" | "f64", dtype: DType): Record<ArithOp, Binary> {
  const op =
    (name: string): Binary =>
    (g, a, b) =>
      NORMALISE[dtype](g, g.make(`${t}.${name}`, [a, b]));
  const exact =
    (name: string): Binary =>
    (g, a, b) =>
      g.make(`${t}.${name}`, [a, b]);
  const no = undefinedFor(`an integer division of ${dtype}`);
  return {
    add: op("add"),
    sub: op("sub"),
    mul: op("mul"),
    div: op("div"),
    floordiv: no,
    floormod: no,
    truncdiv: no,
    truncmod: no,
    min: exact("min"),
    max: exact("max"),
  };
}

function intOps(t: "i32" | "i64", dtype: DType): Record<ArithOp, Binary> {
  const norm = NORMALISE[dtype];
  const lit = (g: Graph, n: number) => (t === "i32" ? g.i32(n) : g.const("i64", BigInt(n)));
  const wrapped =
    (f: Binary): Binary =>
    (g, a, b) =>
      norm(g, f(g, a, b));
  const sign = t === "i32" ? 31 : 63;
  const pick =
    (cmp: string): Binary =>
    (g, a, b) =>
      g.make(`select.${t}`, [a, b, g.make(`${t}.${cmp}`, [a, b])]);
  /** A divisor of -1 is left to subtraction: the smallest integer by -1 traps in the division instruction. */
  const divide: Binary = (g, a, b) => {
    if (literalOf(b) !== undefined && literalOf(b) !== -1) return divideByLiteral(g, t, "div_s", a, b);
    return g.choose(
      g.make(`${t}.eq`, [b, lit(g, -1)]),
      t,
      () => g.make(`${t}.sub`, [lit(g, 0), a]),
      () => g.make(`${t}.div_s`, [a, b]),
    );
  };
  const remainder: Binary = (g, a, b) => divideByLiteral(g, t, "rem_s", a, b);
  /** All ones where a remainder is not zero and its sign is not the divisor's: floor and truncation differ there. */
  const adjust = (g: Graph, r: Value, b: Value): Value => {
    const n = literalOf(b);
    if (n !== undefined && n > 0) return g.make(`${t}.shr_s`, [r, lit(g, sign)]);
    const differ = g.make(`${t}.shr_s`, [g.make(`${t}.xor`, [r, b]), lit(g, sign)]);
    const none = g.make(`${t}.eqz`, [r]);
    return g.make(`select.${t}`, [lit(g, 0), differ, none]);
  };
  return {
    add: wrapped((g, a, b) => g.make(`${t}.add`, [a, b])),
    sub: wrapped((g, a, b) => g.make(`${t}.sub`, [a, b])),
    mul: wrapped((g, a, b) => g.make(`${t}.mul`, [a, b])),
    div: undefinedFor(`/ of ${dtype}`),
    floordiv: wrapped((g, a, b) => {
      const shift = powerOfTwo(literalOf(b));
      if (shift !== undefined) return g.make(`${t}.shr_s`, [a, lit(g, shift)]);
      return g.make(`${t}.add`, [divide(g, a, b), adjust(g, remainder(g, a, b), b)]);
    }),
    floormod: wrapped((g, a, b) => {
      const n = literalOf(b);
      if (n !== undefined && powerOfTwo(n) !== undefined) return g.make(`${t}.and`, [a, lit(g, n - 1)]);
      const r = remainder(g, a, b);
      return g.make(`${t}.add`, [r, g.make(`${t}.and`, [b, adjust(g, r, b)])]);
    }),
    truncdiv: wrapped(divide),
    truncmod: wrapped(remainder),
    min: pick("lt_s"),
    max: pick("gt_s"),
  };
}

/** Division by a literal other than 0 and -1 cannot trap, so it may be placed anywhere. */
function divideByLiteral(g: Graph, t: "i32" | "i64", op: "div_s" | "rem_s", a: Value, b: Value): Value {
  const n = literalOf(b);
  const harmless = n !== undefined && n !== 0 && n !== -1;
  return harmless ? g.make(`${t}.${op}`, [a, b], undefined, 0, "", true) : g.make(`${t}.${op}`, [a, b]);
}

function literalOf(v: Value): number | undefined {
  if (v.op === "i32.const") return v.imm as number;
  if (v.op === "i64.const") return Number(v.imm as bigint);
  return undefined;
}

const powerOfTwo = (n: number | undefined): number | undefined =>
  n !== undefined && n > 0 && n < 2 ** 31 && (n & (n - 1)) === 0 ? Math.log2(n) : undefined;

export const ARITH: Readonly<Record<DType, Record<ArithOp, Binary>>> = {
  f32: floatOps("f32", "f32"),
  f64: floatOps("f64", "f64"),
  f16: floatOps("f32", "f16"),
  i8: intOps("i32", "i8"),
  u8: intOps("i32", "u8"),
  i32: intOps("i32", "i32"),
  i64: intOps("i64", "i64"),
  bool: intOps("i32", "bool"),
};

/** A comparison of two scalars of one dtype: i32 0 or 1. */
export function compare(g: Graph, op: CompareOp, dtype: DType, a: Value, b: Value): Value {
  const ordered = op !== "eq" && op !== "ne" && !isFloat(dtype);
  return g.make(`${REPR[dtype]}.${op}${ordered ? "_s" : ""}`, [a, b]);
}

export const NEG: Readonly<Record<DType, Unary>> = {
  f32: (g, a) => g.make("f32.neg", [a]),
  f64: (g, a) => g.make("f64.neg", [a]),
  f16: (g, a) => g.make("f32.neg", [a]),
  i8: (g, a) => ARITH.i8.sub(g, g.i32(0), a),
  u8: (g, a) => ARITH.u8.sub(g, g.i32(0), a),
  i32: (g, a) => ARITH.i32.sub(g, g.i32(0), a),
  i64: (g, a) => ARITH.i64.sub(g, g.const("i64", 0n), a),
  bool: (g, a) => g.make("i32.eqz", [a]),
};

const clamp = (g: Graph, a: Value, lo: number, hi: number): Value =>
  ARITH.i32.min(g, ARITH.i32.max(g, a, g.i32(lo)), g.i32(hi));

/** From a float of wasm type `t`. */
function fromFloat(t: "f32" | "f64"): Record<DType, Unary> {
  const toInt: Unary = (g, a) => g.make(`i32.trunc_sat_${t}_s`, [a]);
  return {
    f32: (g, a) => (t === "f32" ? a : g.make("f32.demote_f64", [a])),
    f64: (g, a) => (t === "f64" ? a : g.make("f64.promote_f32", [a])),
    f16: (g, a) => (t === "f32" ? roundHalf(g, a) : roundHalfF64(g, a)),
    i8: (g, a) => clamp(g, toInt(g, a), -128, 127),
    u8: (g, a) => clamp(g, toInt(g, a), 0, 255),
    i32: toInt,
    i64: (g, a) => g.make(`i64.trunc_sat_${t}_s`, [a]),
    bool: (g, a) => g.make(`${t}.ne`, [a, g.const(t, 0)]),
  };
}

/** From i8, u8, i32 and bool, which are all whole numbers in an i32. */
const FROM_I32: Record<DType, Unary> = {
  f32: (g, a) => g.make("f32.convert_i32_s", [a]),
  f64: (g, a) => g.make("f64.convert_i32_s", [a]),
  f16: (g, a) => roundHalfF64(g, g.make("f64.convert_i32_s", [a])),
  i8: NORMALISE.i8,
  u8: NORMALISE.u8,
  i32: (_, a) => a,
  i64: (g, a) => g.make("i64.extend_i32_s", [a]),
  bool: (g, a) => g.make("i32.ne", [a, g.i32(0)]),
};

const wrap: Unary = (g, a) => g.make("i32.wrap_i64", [a]);
const FROM_I64: Record<DType, Unary> = {
  f32: (g, a) => g.make("f32.convert_i64_s", [a]),
  f64: (g, a) => g.make("f64.convert_i64_s", [a]),
  f16: (g, a) => roundHalfF64(g, g.make("f64.convert_i64_s", [a])),
  i8: (g, a) => NORMALISE.i8(g, wrap(g, a)),
  u8: (g, a) => NORMALISE.u8(g, wrap(g, a)),
  i32: wrap,
  i64: (_, a) => a,
  bool: (g, a) => g.make("i64.ne", [a, g.const("i64", 0n)]),
};

const CASTS: Readonly<Record<DType, Record<DType, Unary>>> = {
  f32: fromFloat("f32"),
  f64: fromFloat("f64"),
  f16: fromFloat("f32"),
  i8: FROM_I32,
  u8: FROM_I32,
  i32: FROM_I32,
  i64: FROM_I64,
  bool: FROM_I32,
};

export function cast(g: Graph, from: DType, to: DType, a: Value): Value {
  return from === to ? a : CASTS[from][to](g, a);
}

/** The bit pattern a literal has in memory or a register, as a wasm constant. */
export function literal(g: Graph, c: Const): Value {
  switch (c.dtype) {
    case "f32":
      return g.const("f32", Math.fround(constNumber(c)));
    case "f64":
      return g.const("f64", constNumber(c));
    case "f16":
      return g.const("f32", roundF16(constNumber(c)));
    case "i64":
      return g.const("i64", BigInt.asIntN(64, constBigInt(c)));
    case "i8":
      return g.i32((constNumber(c) << 24) >> 24);
    case "u8":
      return g.i32(constNumber(c) & 255);
    case "bool":
      return g.i32(constNumber(c) !== 0 ? 1 : 0);
    case "i32":
      return g.i32(constNumber(c));
  }
}
