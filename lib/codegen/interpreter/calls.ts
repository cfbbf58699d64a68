/**
 * Intrinsics. Functions of floats are computed in doubles and rounded once to the dtype. Shift counts are taken
 * modulo 32 (64 for i64), as JavaScript and WebAssembly do.
 */
import type { DType, IntrinsicName } from "../../ir/index.ts";
import { roundF16 } from "../../ir/index.ts";
import { erf, roundEven } from "../scalar-math.ts";
import { WRAP } from "./arith.ts";
import type { Big, Eval, Num } from "./scope.ts";

type Compile = (t: DType, args: readonly Eval[]) => Eval;

const ROUND: Record<"f32" | "f64" | "f16", (x: number) => number> = {
  f32: Math.fround,
  f64: (x) => x,
  f16: roundF16,
};

function roundOf(t: DType): (x: number) => number {
  if (t === "f32" || t === "f64" || t === "f16") return ROUND[t];
  throw new TypeError(`not a float dtype: ${t}`);
}

const float1 =
  (f: (x: number) => number): Compile =>
  (t, [x]) => {
    const round = roundOf(t);
    const a = x as Num;
    return () => round(f(a()));
  };

const float2 =
  (f: (a: number, b: number) => number): Compile =>
  (t, [x, y]) => {
    const round = roundOf(t);
    const a = x as Num;
    const b = y as Num;
    return () => round(f(a(), b()));
  };

const int2 =
  (small: (a: number, b: number) => number, large: (a: bigint, b: bigint) => bigint): Compile =>
  (t, [x, y]) => {
    if (t === "i64") {
      const a = x as Big;
      const b = y as Big;
      return () => BigInt.asIntN(64, large(a(), b()));
    }
    if (t !== "i8" && t !== "u8" && t !== "i32") throw new TypeError(`not an integer dtype: ${t}`);
    const wrap = WRAP[t];
    const a = x as Num;
    const b = y as Num;
    return () => wrap(small(a(), b()));
  };

export const CALLS: Record<IntrinsicName, Compile> = {
  exp: float1(Math.exp),
  log: float1(Math.log),
  sqrt: float1(Math.sqrt),
  rsqrt: float1((x) => 1 / Math.sqrt(x)),
  sin: float1(Math.sin),
  cos: float1(Math.cos),
  tanh: float1(Math.tanh),
  tan: float1(Math.tan),
  asin: float1(Math.asin),
  acos: float1(Math.acos),
  atan: float1(Math.atan),
  sinh: float1(Math.sinh),
  cosh: float1(Math.cosh),
  asinh: float1(Math.asinh),
  acosh: float1(Math.acosh),
  atanh: float1(Math.atanh),
  log1p: float1(Math.log1p),
  expm1: float1(Math.expm1),
  sigmoid: float1((x) => 1 / (1 + Math.exp(-x))),
  erf: float1(erf),
  floor: float1(Math.floor),
  ceil: float1(Math.ceil),
  trunc: float1(Math.trunc),
  round: float1(roundEven),
  pow: float2((a, b) => a ** b),
  fmod: float2((a, b) => a % b),
  abs: (t, [x]) => {
    if (t === "i64") {
      const a = x as Big;
      return () => {
        const v = a();
        return v < 0n ? BigInt.asIntN(64, -v) : v;
      };
    }
    const a = x as Num;
    if (t === "i8" || t === "i32") {
      const wrap = WRAP[t];
      return () => wrap(Math.abs(a())); // the smallest value is its own absolute value
    }
    return () => Math.abs(a());
  },
  isnan: (_, [x]) => {
    const a = x as Num;
    return () => (Number.isNaN(a()) ? 1 : 0);
  },
  bitAnd: int2(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  bitOr: int2(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  bitXor: int2(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  shiftLeft: int2(
    (a, b) => a << b,
    (a, b) => a << (b & 63n),
  ),
  shiftRight: int2(
    (a, b) => a >> b, // u8 operands are not negative, so this is their logical shift too
    (a, b) => a >> (b & 63n),
  ),
};
