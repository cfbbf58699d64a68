/**
 * Binary and unary operators. Each table entry takes compiled operands and gives the compiled operation, with the
 * rounding or wrapping of the dtype inside, so that evaluating a node is one call.
 */
import type { ArithOp, CompareOp, DType } from "../../ir/index.ts";
import { roundF16 } from "../../ir/index.ts";
import type { Big, Eval, Num } from "./scope.ts";

type FloatOp = Exclude<ArithOp, "floordiv" | "floormod" | "truncdiv" | "truncmod">;
type IntOp = Exclude<ArithOp, "div">;
/** Called when a divisor is zero; throws. */
type Fail = () => never;
type NumOp = (a: Num, b: Num, fail: Fail) => Num;
type BigOp = (a: Big, b: Big, fail: Fail) => Big;

const { fround, imul, min, max, floor } = Math;

const F32: Record<FloatOp, NumOp> = {
  add: (a, b) => () => fround(a() + b()),
  sub: (a, b) => () => fround(a() - b()),
  mul: (a, b) => () => fround(a() * b()),
  div: (a, b) => () => fround(a() / b()),
  min: (a, b) => () => min(a(), b()),
  max: (a, b) => () => max(a(), b()),
};

const F64: Record<FloatOp, NumOp> = {
  add: (a, b) => () => a() + b(),
  sub: (a, b) => () => a() - b(),
  mul: (a, b) => () => a() * b(),
  div: (a, b) => () => a() / b(),
  min: F32.min,
  max: F32.max,
};

const F16: Record<FloatOp, NumOp> = {
  add: (a, b) => () => roundF16(a() + b()),
  sub: (a, b) => () => roundF16(a() - b()),
  mul: (a, b) => () => roundF16(a() * b()),
  div: (a, b) => () => roundF16(a() / b()),
  min: F32.min,
  max: F32.max,
};

// Quotients of 32-bit integers are exact enough in doubles: they lie at least 2^-31 relative from a whole number.
const I32: Record<IntOp, NumOp> = {
  add: (a, b) => () => (a() + b()) | 0,
  sub: (a, b) => () => (a() - b()) | 0,
  mul: (a, b) => () => imul(a(), b()),
  floordiv: (a, b, fail) => () => floor(a() / (b() || fail())) | 0,
  floormod: (a, b, fail) => () => {
    const y = b() || fail();
    const r = a() % y;
    return (r !== 0 && r < 0 !== y < 0 ? r + y : r) | 0;
  },
  truncdiv: (a, b, fail) => () => (a() / (b() || fail())) | 0,
  truncmod: (a, b, fail) => () => (a() % (b() || fail())) | 0,
  min: F32.min,
  max: F32.max,
};

/** i8 and u8: the i32 operation, then wrapped. */
function narrow(wrap: (x: number) => number): Record<IntOp, NumOp> {
  const after =
    (op: NumOp): NumOp =>
    (a, b, fail) => {
      const f = op(a, b, fail);
      return () => wrap(f());
    };
  const entries = Object.entries(I32).map(([name, op]) => [name, after(op)]);
  return Object.fromEntries(entries) as Record<IntOp, NumOp>;
}

const big = (x: bigint): bigint => BigInt.asIntN(64, x);

const I64: Record<IntOp, BigOp> = {
  add: (a, b) => () => big(a() + b()),
  sub: (a, b) => () => big(a() - b()),
  mul: (a, b) => () => big(a() * b()),
  floordiv: (a, b, fail) => () => {
    const x = a();
    const y = b() || fail();
    const q = x / y;
    return big(q * y !== x && x < 0n !== y < 0n ? q - 1n : q);
  },
  floormod: (a, b, fail) => () => {
    const y = b() || fail();
    const r = a() % y;
    return r !== 0n && r < 0n !== y < 0n ? r + y : r;
  },
  truncdiv: (a, b, fail) => () => big(a() / (b() || fail())),
  truncmod: (a, b, fail) => () => a() % (b() || fail()),
  min: (a, b) => () => {
    const x = a();
    const y = b();
    if (x < y) return x;
    return y;
  },
  max: (a, b) => () => {
    const x = a();
    const y = b();
    if (x > y) return x;
    return y;
  },
};

/** Wraps a whole number into the range of a dtype kept in numbers. */
export const WRAP: Record<"i8" | "u8" | "i32", (x: number) => number> = {
  i8: (x) => (x << 24) >> 24,
  u8: (x) => x & 255,
  i32: (x) => x | 0,
};

const ARITH: Record<Exclude<DType, "bool">, Partial<Record<ArithOp, NumOp | BigOp>>> = {
  f32: F32,
  f64: F64,
  f16: F16,
  i8: narrow(WRAP.i8),
  u8: narrow(WRAP.u8),
  i32: I32,
  i64: I64,
};

const COMPARE: Record<CompareOp, (a: Eval, b: Eval) => Num> = {
  eq: (a, b) => () => (a() === b() ? 1 : 0),
  ne: (a, b) => () => (a() !== b() ? 1 : 0),
  lt: (a, b) => () => (a() < b() ? 1 : 0),
  le: (a, b) => () => (a() <= b() ? 1 : 0),
  gt: (a, b) => () => (a() > b() ? 1 : 0),
  ge: (a, b) => () => (a() >= b() ? 1 : 0),
};

/** Arithmetic on two operands of dtype `t`. */
export function arith(op: ArithOp, t: DType, a: Eval, b: Eval, fail: Fail): Eval {
  const make = t === "bool" ? undefined : ARITH[t][op];
  if (!make) throw new TypeError(`${op} is not defined for ${t}`);
  return t === "i64" ? (make as BigOp)(a as Big, b as Big, fail) : (make as NumOp)(a as Num, b as Num, fail);
}

export function compare(op: CompareOp, a: Eval, b: Eval): Num {
  return COMPARE[op](a, b);
}

const NEG: Record<Exclude<DType, "bool" | "u8">, (a: Eval) => Eval> = {
  f32: (a) => () => -(a as Num)(),
  f64: (a) => () => -(a as Num)(),
  f16: (a) => () => -(a as Num)(),
  i8: (a) => () => WRAP.i8(-(a as Num)()),
  i32: (a) => () => -(a as Num)() | 0,
  i64: (a) => () => big(-(a as Big)()),
};

export function neg(t: DType, a: Eval): Eval {
  if (t === "bool" || t === "u8") throw new TypeError(`negation of ${t}`);
  return NEG[t](a);
}
