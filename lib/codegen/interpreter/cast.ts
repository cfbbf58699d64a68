/** Casts between dtypes, and the values of literals. */

import type { Scalar } from "../../ir/index.ts";
import { type Const, constBigInt, constNumber, type DType, roundF16 } from "../../ir/index.ts";
import { i64ToF32 } from "../scalar-math.ts";
import { WRAP } from "./arith.ts";
import type { Big, Eval, Num } from "./scope.ts";

const saturate =
  (lo: number, hi: number) =>
  (x: number): number =>
    Number.isNaN(x) ? 0 : x <= lo ? lo : x >= hi ? hi : Math.trunc(x) + 0;

const I64_MAX = 2n ** 63n - 1n;

function f64ToI64(x: number): bigint {
  if (Number.isNaN(x)) return 0n;
  if (x >= 2 ** 63) return I64_MAX;
  return x <= -(2 ** 63) ? -I64_MAX - 1n : BigInt(Math.trunc(x));
}

/** From floats. To an integer: truncated towards zero, saturated, NaN gives 0. */
const FROM_FLOAT: Record<DType, (x: number) => Scalar> = {
  f32: Math.fround,
  f64: (x) => x,
  f16: roundF16,
  i8: saturate(-128, 127),
  u8: saturate(0, 255),
  i32: saturate(-(2 ** 31), 2 ** 31 - 1),
  i64: f64ToI64,
  bool: (x) => (x !== 0 ? 1 : 0),
};

/** From integers of at most 32 bits, and from bool. To an integer: wrapped. */
const FROM_INT: Record<DType, (x: number) => Scalar> = {
  f32: Math.fround,
  f64: (x) => x,
  f16: roundF16,
  i8: WRAP.i8,
  u8: WRAP.u8,
  i32: WRAP.i32,
  i64: BigInt,
  bool: (x) => (x !== 0 ? 1 : 0),
};

const FROM_I64: Record<DType, (x: bigint) => Scalar> = {
  f32: i64ToF32,
  f64: Number,
  f16: (x) => roundF16(Number(x)),
  i8: (x) => Number(BigInt.asIntN(8, x)),
  u8: (x) => Number(BigInt.asUintN(8, x)),
  i32: (x) => Number(BigInt.asIntN(32, x)),
  i64: (x) => x,
  bool: (x) => (x !== 0n ? 1 : 0),
};

const NUM_TABLES = {
  f32: FROM_FLOAT,
  f64: FROM_FLOAT,
  f16: FROM_FLOAT,
  i8: FROM_INT,
  u8: FROM_INT,
  i32: FROM_INT,
  bool: FROM_INT,
} as const satisfies Record<Exclude<DType, "i64">, unknown>;

export function cast(from: DType, to: DType, value: Eval): Eval {
  if (from === to) return value;
  if (from === "i64") {
    const convert = FROM_I64[to];
    const v = value as Big;
    return () => convert(v());
  }
  const convert = NUM_TABLES[from][to];
  const v = value as Num;
  return () => convert(v());
}

/** The value of a literal, rounded or wrapped to its dtype. */
export function constValue(c: Const): Scalar {
  return c.dtype === "i64" ? BigInt.asIntN(64, constBigInt(c)) : FROM_CONST[c.dtype](constNumber(c));
}

const FROM_CONST = {
  f32: Math.fround,
  f64: (x: number) => x,
  f16: roundF16,
  i8: WRAP.i8,
  u8: WRAP.u8,
  i32: WRAP.i32,
  bool: (x: number) => (x !== 0 ? 1 : 0),
} as const satisfies Record<Exclude<DType, "i64">, (x: number) => number>;
