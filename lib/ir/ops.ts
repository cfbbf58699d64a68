/**
 * Expressions as people write them: numbers are converted to the other operand's dtype, and integer arithmetic that
 * needs no analysis is folded (`x * 1`, `x + 0`, literals). What needs bounds is in lib/arith.
 */
import type { DType } from "./dtype.ts";
import { isFloat } from "./dtype.ts";
import {
  type ArithOp,
  type BinaryOp,
  binary,
  type CompareOp,
  constant,
  constInt,
  type Expr,
  select as rawSelect,
} from "./expr.ts";
import { call } from "./intrinsics.ts";

export type ExprLike = Expr | number | bigint;

/** A number becomes a literal of the dtype; an expression is returned as it is. */
export function toExpr(x: ExprLike, dtype: DType = "i32"): Expr {
  return typeof x === "object" ? x : constant(x, dtype);
}

function pair(a: ExprLike, b: ExprLike): [Expr, Expr] {
  const dtype = typeof a === "object" ? a.dtype : typeof b === "object" ? b.dtype : "i32";
  return [toExpr(a, dtype), toExpr(b, dtype)];
}

/** Whole-number results of integer operators, 0 or 1 for comparisons; undefined where there is none (division by zero). */
export function foldInts(op: ArithOp | CompareOp, a: number, b: number): number | undefined {
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b + 0;
    case "floordiv":
      return b === 0 ? undefined : Math.floor(a / b) + 0;
    case "floormod":
      return b === 0 ? undefined : a - Math.floor(a / b) * b;
    case "truncdiv":
      return b === 0 ? undefined : Math.trunc(a / b) + 0;
    case "truncmod":
      return b === 0 ? undefined : (a % b) + 0;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "div":
      return undefined;
    case "eq":
      return Number(a === b);
    case "ne":
      return Number(a !== b);
    case "lt":
      return Number(a < b);
    case "le":
      return Number(a <= b);
    case "gt":
      return Number(a > b);
    case "ge":
      return Number(a >= b);
  }
}

function arith(op: ArithOp, x: ExprLike, y: ExprLike): Expr {
  const [a, b] = pair(x, y);
  if (isFloat(a.dtype) || a.dtype !== b.dtype) return binary(op, a, b);
  const ca = constInt(a);
  const cb = constInt(b);
  // Only i32 literals are folded: narrower dtypes wrap, i64 may leave what a double holds.
  if (ca !== undefined && cb !== undefined && a.dtype === "i32") {
    const v = foldInts(op, ca, cb);
    if (v !== undefined && (v | 0) === v) return constant(v, a.dtype);
  }
  if (op === "add") {
    if (ca === 0) return b;
    if (cb === 0) return a;
  } else if (op === "sub") {
    if (cb === 0) return a;
  } else if (op === "mul") {
    if (ca === 1) return b;
    if (cb === 1) return a;
    if (ca === 0) return a;
    if (cb === 0) return b;
  } else if (op === "floordiv" || op === "truncdiv") {
    if (cb === 1) return a;
  } else if (op === "floormod" || op === "truncmod") {
    if (cb === 1) return constant(0, a.dtype);
  }
  return binary(op, a, b);
}

export const add = (a: ExprLike, b: ExprLike): Expr => arith("add", a, b);
export const sub = (a: ExprLike, b: ExprLike): Expr => arith("sub", a, b);
export const mul = (a: ExprLike, b: ExprLike): Expr => arith("mul", a, b);
export const div = (a: ExprLike, b: ExprLike): Expr => arith("div", a, b);
export const floordiv = (a: ExprLike, b: ExprLike): Expr => arith("floordiv", a, b);
export const floormod = (a: ExprLike, b: ExprLike): Expr => arith("floormod", a, b);
export const truncdiv = (a: ExprLike, b: ExprLike): Expr => arith("truncdiv", a, b);
export const truncmod = (a: ExprLike, b: ExprLike): Expr => arith("truncmod", a, b);
export const min = (a: ExprLike, b: ExprLike): Expr => arith("min", a, b);
export const max = (a: ExprLike, b: ExprLike): Expr => arith("max", a, b);

const cmp =
  (op: BinaryOp) =>
  (x: ExprLike, y: ExprLike): Expr => {
    const [a, b] = pair(x, y);
    return binary(op, a, b);
  };
export const eq = cmp("eq");
export const ne = cmp("ne");
export const lt = cmp("lt");
export const le = cmp("le");
export const gt = cmp("gt");
export const ge = cmp("ge");
export const and = (a: Expr, b: Expr): Expr => binary("and", a, b);
export const or = (a: Expr, b: Expr): Expr => binary("or", a, b);

/** All of the conditions (undefined stands for true); undefined when there is none. */
export function allOf(conds: readonly (Expr | undefined)[]): Expr | undefined {
  let all: Expr | undefined;
  for (const c of conds) if (c) all = all ? and(all, c) : c;
  return all;
}

export function select(cond: Expr, x: ExprLike, y: ExprLike): Expr {
  const [a, b] = pair(x, y);
  return rawSelect(cond, a, b);
}

const unaryCall =
  (op: string) =>
  (x: ExprLike): Expr =>
    call(op, [toExpr(x, "f32")]);
export const exp = unaryCall("exp");
export const log = unaryCall("log");
export const sqrt = unaryCall("sqrt");
export const rsqrt = unaryCall("rsqrt");
export const sin = unaryCall("sin");
export const cos = unaryCall("cos");
export const tanh = unaryCall("tanh");
export const tan = unaryCall("tan");
export const asin = unaryCall("asin");
export const acos = unaryCall("acos");
export const atan = unaryCall("atan");
export const sinh = unaryCall("sinh");
export const cosh = unaryCall("cosh");
export const asinh = unaryCall("asinh");
export const acosh = unaryCall("acosh");
export const atanh = unaryCall("atanh");
export const log1p = unaryCall("log1p");
export const expm1 = unaryCall("expm1");
export const sigmoid = unaryCall("sigmoid");
export const erf = unaryCall("erf");
export const floor = unaryCall("floor");
export const ceil = unaryCall("ceil");
export const trunc = unaryCall("trunc");
export const round = unaryCall("round");
export const abs = unaryCall("abs");
const binaryCall =
  (op: string) =>
  (x: ExprLike, y: ExprLike): Expr =>
    call(
      op,
      typeof x === "object" || typeof y === "object" ? pair(x, y) : [toExpr(x, "f32"), toExpr(y, "f32")],
    );
export const pow = binaryCall("pow");
export const fmod = binaryCall("fmod");

/** The smallest value of a dtype: the identity of max. */
export function minValue(t: DType): Expr {
  return extreme(t, -1);
}
/** The largest value of a dtype: the identity of min. */
export function maxValue(t: DType): Expr {
  return extreme(t, 1);
}

function extreme(t: DType, sign: 1 | -1): Expr {
  switch (t) {
    case "f32":
    case "f64":
    case "f16":
      return constant(sign * Number.POSITIVE_INFINITY, t);
    case "i64":
      return constant(sign > 0 ? 2n ** 63n - 1n : -(2n ** 63n), t);
    case "i32":
      return constant(sign > 0 ? 2 ** 31 - 1 : -(2 ** 31), t);
    case "i8":
      return constant(sign > 0 ? 127 : -128, t);
    case "u8":
      return constant(sign > 0 ? 255 : 0, t);
    case "bool":
      return constant(sign > 0 ? 1 : 0, t);
  }
}
