/**
 * Scalar expressions: plain immutable objects in one union. Factories here build nodes exactly as asked (nothing is
 * folded), so that what was parsed prints back as it was; `ops.ts` has the forms that fold and convert.
 */
import type { DType } from "./dtype.ts";
import { freshId } from "./id.ts";

export interface Var {
  readonly kind: "var";
  readonly id: number;
  readonly name: string;
  readonly dtype: DType;
}

/**
 * A literal. `value` is a number where JSON can carry it exactly; otherwise a string: "Infinity", "-Infinity",
 * "NaN", "-0", or the decimal digits of an i64 beyond 2^53.
 */
export interface Const {
  readonly kind: "const";
  readonly dtype: DType;
  readonly value: number | string;
}

/** Arithmetic. `div` is for floats only; integers choose floor or truncation. `min`/`max` propagate NaN. */
export const ARITH_OPS = [
  "add",
  "sub",
  "mul",
  "div",
  "floordiv",
  "floormod",
  "truncdiv",
  "truncmod",
  "min",
  "max",
] as const;
export const COMPARE_OPS = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
export const LOGIC_OPS = ["and", "or"] as const;
export type ArithOp = (typeof ARITH_OPS)[number];
export type CompareOp = (typeof COMPARE_OPS)[number];
export type LogicOp = (typeof LOGIC_OPS)[number];
export type BinaryOp = ArithOp | CompareOp | LogicOp;

export interface Binary {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly a: Expr;
  readonly b: Expr;
  /** Of the result: bool for comparisons and logic. */
  readonly dtype: DType;
}

export interface Unary {
  readonly kind: "unary";
  readonly op: "neg" | "not";
  readonly a: Expr;
  readonly dtype: DType;
}

/** Only the chosen side is evaluated, so a side may load from where the condition makes it legal. */
export interface Select {
  readonly kind: "select";
  readonly cond: Expr;
  readonly a: Expr;
  readonly b: Expr;
  readonly dtype: DType;
}

/** Float to integer truncates towards zero and saturates; integer to integer wraps; to bool is `!= 0`. */
export interface Cast {
  readonly kind: "cast";
  readonly value: Expr;
  readonly dtype: DType;
}

/** A call of an intrinsic of `intrinsics.ts`, by name. */
export interface Call {
  readonly kind: "call";
  readonly op: string;
  readonly args: readonly Expr[];
  readonly dtype: DType;
}

/**
 * Where a buffer lives. `global` is memory every thread of the device sees; `shared` one GPU workgroup's; `local`
 * one thread's. Other names belong to specialised hardware and mean what its intrinsics say.
 */
export type Scope = "global" | "shared" | "local" | (string & {});

/** Identified by `id`; two objects with one id are the same buffer. Shape and strides count elements. */
export interface Buffer {
  readonly kind: "buffer";
  readonly id: number;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Expr[];
  /** Absent for the compact row-major layout. */
  readonly strides?: readonly Expr[];
  /** A parameter of an intrinsic asks for tiles that start at a multiple of so many elements. */
  readonly offsetFactor?: number;
  readonly scope: Scope;
}

export interface Load {
  readonly kind: "load";
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly dtype: DType;
}

export type Expr = Var | Const | Binary | Unary | Select | Cast | Call | Load;
export type ExprKind = Expr["kind"];

export const isCompareOp = (op: BinaryOp): op is CompareOp => (COMPARE_OPS as readonly string[]).includes(op);
export const isLogicOp = (op: BinaryOp): op is LogicOp => (LOGIC_OPS as readonly string[]).includes(op);

/** A new variable; loop variables and index arithmetic are i32 unless said otherwise. */
export function variable(name: string, dtype: DType = "i32", id: number = freshId()): Var {
  return { kind: "var", id, name, dtype };
}

/** A literal of the dtype. Throws if an integer literal is not a whole number. */
export function constant(value: number | bigint, dtype: DType = "i32"): Const {
  if (typeof value === "bigint") {
    const n = Number(value);
    return { kind: "const", dtype, value: Number.isSafeInteger(n) ? n : value.toString() };
  }
  if (!isFloatName(dtype) && !Number.isInteger(value)) {
    throw new TypeError(`${value} is no ${dtype} literal: write a whole number or cast`);
  }
  if (dtype === "bool" && value !== 0 && value !== 1)
    throw new TypeError(`${value} is no bool literal: 0 or 1`);
  const exact = Number.isFinite(value) && !Object.is(value, -0);
  if (isFloatName(dtype))
    return { kind: "const", dtype, value: exact ? value : Object.is(value, -0) ? "-0" : String(value) };
  return { kind: "const", dtype, value: value === 0 ? 0 : value };
}
const isFloatName = (t: DType): boolean => t[0] === "f";

/** The number a literal stands for (an i64 beyond 2^53 is rounded; see `constBigInt`). */
export const constNumber = (c: Const): number => Number(c.value);
export const constBigInt = (c: Const): bigint => BigInt(c.value);

/** The value of an integer literal, or undefined for any other expression. */
export function constInt(e: Expr): number | undefined {
  return e.kind === "const" && typeof e.value === "number" && !isFloatName(e.dtype) ? e.value : undefined;
}

/** `a op b`. Throws when the operands' dtypes differ or the operator does not exist for them. */
export function binary(op: BinaryOp, a: Expr, b: Expr): Binary {
  if (a.dtype !== b.dtype) {
    throw new TypeError(
      `${op} of ${a.dtype} and ${b.dtype}: cast one of them, for example T.cast(x, "${a.dtype}")`,
    );
  }
  if (isLogicOp(op)) {
    if (a.dtype !== "bool") throw new TypeError(`${op} needs bool operands, got ${a.dtype}`);
    return { kind: "binary", op, a, b, dtype: "bool" };
  }
  if (isCompareOp(op)) return { kind: "binary", op, a, b, dtype: "bool" };
  if (a.dtype === "bool") throw new TypeError(`${op} of bool: cast to an arithmetic dtype first`);
  const float = isFloatName(a.dtype);
  if (op === "div" && !float)
    throw new TypeError(`/ of ${a.dtype}: use T.floordiv or T.truncdiv for integers`);
  if ((op === "floordiv" || op === "floormod" || op === "truncdiv" || op === "truncmod") && float) {
    throw new TypeError(`${op} of ${a.dtype}: only for integers; use / or T.floor(a / b)`);
  }
  return { kind: "binary", op, a, b, dtype: a.dtype };
}

export function neg(a: Expr): Unary {
  if (a.dtype === "bool" || a.dtype === "u8") throw new TypeError(`negation of ${a.dtype}`);
  return { kind: "unary", op: "neg", a, dtype: a.dtype };
}

export function not(a: Expr): Unary {
  if (a.dtype !== "bool") throw new TypeError(`"not" needs a bool, got ${a.dtype}`);
  return { kind: "unary", op: "not", a, dtype: "bool" };
}

export function select(cond: Expr, a: Expr, b: Expr): Select {
  if (cond.dtype !== "bool") throw new TypeError(`select needs a bool condition, got ${cond.dtype}`);
  if (a.dtype !== b.dtype) throw new TypeError(`select of ${a.dtype} and ${b.dtype}: cast one of them`);
  return { kind: "select", cond, a, b, dtype: a.dtype };
}

export function cast(value: Expr, dtype: DType): Cast {
  return { kind: "cast", value, dtype };
}

/** A load of one element. Throws when the number of indices is not the buffer's rank or an index is no integer. */
export function load(buffer: Buffer, indices: readonly Expr[]): Load {
  checkIndices(buffer, indices);
  return { kind: "load", buffer, indices, dtype: buffer.dtype };
}

export function checkIndices(buffer: Buffer, indices: readonly Expr[]): void {
  if (indices.length !== buffer.shape.length) {
    throw new TypeError(
      `${buffer.name} has ${buffer.shape.length} dimension(s) but is indexed with ${indices.length}`,
    );
  }
  for (const i of indices) {
    if (i.dtype !== "i32" && i.dtype !== "i64") {
      throw new TypeError(`index of ${buffer.name} has dtype ${i.dtype}; cast it to i32`);
    }
  }
}
