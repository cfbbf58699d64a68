/** Small known values: numbers, or sizes that may be symbolic. What shapes are computed with. */
import { simplify } from "../../arith/index.ts";
import {
  constInt,
  type DType,
  type Expr,
  isFloat,
  type NDArray,
  numbersOf,
  ops,
  sizeOf,
} from "../../ir/index.ts";
import { tensorFrom } from "./decode-tensor.ts";

/** A number (bool: 0 or 1), or a symbolic size. */
export type Elem = number | Expr;

/** A small tensor whose elements are known in row-major order. */
export interface Literal {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elems: readonly Elem[];
}

/** Tensors with more elements are data, no sizes. */
export const MAX_LITERAL = 4096;

export function literal(dtype: DType, shape: readonly number[], elems: readonly Elem[]): Literal {
  return { dtype, shape, elems: elems.map(plainElem) };
}

/** Integer literals as numbers. */
export function plainElem(e: Elem): Elem {
  return typeof e === "number" ? e : (constInt(e) ?? e);
}

export const literalOf = (a: NDArray): Literal | undefined =>
  sizeOf(a.shape) <= MAX_LITERAL ? { dtype: a.dtype, shape: a.shape, elems: numbersOf(a) } : undefined;

/** A literal without symbolic sizes. */
export interface NumericLiteral {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elems: readonly number[];
}

export const isNumeric = (l: Literal): l is NumericLiteral => l.elems.every((e) => typeof e === "number");

/** The data, where every element is a number. */
export function dataOf(l: Literal): NDArray | undefined {
  return isNumeric(l) ? tensorFrom(l.dtype, l.shape, l.elems) : undefined;
}

const I32_MAX = 2 ** 31 - 1;

/** As a size expression. Numbers beyond i32 (ends of slices: "to the end") become its ends. */
export function elemExpr(e: Elem): Expr {
  return typeof e === "number" ? ops.toExpr(Math.max(-I32_MAX - 1, Math.min(I32_MAX, e))) : e;
}

/** Whether an element is 0 or more, as far as can be seen: sizes are. */
export function nonNegative(e: Elem): boolean {
  if (typeof e === "number") return e >= 0;
  switch (e.kind) {
    case "var":
      return true;
    case "const":
      return Number(e.value) >= 0;
    case "binary":
      return (
        ["add", "mul", "floordiv", "truncdiv", "floormod", "min", "max"].includes(e.op) &&
        nonNegative(e.a) &&
        nonNegative(e.b)
      );
    case "select":
      return nonNegative(e.a) && nonNegative(e.b);
    default:
      return false;
  }
}

type IntOp = "add" | "sub" | "mul" | "truncdiv" | "truncmod" | "floormod" | "min" | "max";

/** Integer arithmetic on elements; undefined where the result is not exactly known. */
export function intArith(op: IntOp, a: Elem, b: Elem): Elem | undefined {
  if (typeof a === "number" && typeof b === "number") {
    const v = ops.foldInts(op, a, b);
    return v !== undefined && Number.isSafeInteger(v) ? v : undefined;
  }
  if (isZero(b) && op !== "add" && op !== "sub" && op !== "mul" && op !== "min" && op !== "max")
    return undefined;
  // For what is not negative the two divisions are one, and about floordiv more can be proven.
  const positive = nonNegative(a) && nonNegative(b);
  const best = positive && op === "truncdiv" ? "floordiv" : positive && op === "truncmod" ? "floormod" : op;
  return plainElem(simplify(ops[best](elemExpr(a), elemExpr(b))));
}

const isZero = (e: Elem): boolean => e === 0;

/** The value as the dtype holds it, or undefined for an integer it cannot hold. */
export function roundTo(dtype: DType, x: number): number | undefined {
  if (dtype === "f32") return Math.fround(x);
  if (isFloat(dtype)) return x;
  if (!Number.isSafeInteger(x)) return undefined;
  if (dtype === "i32" && (x | 0) !== x) return undefined;
  if (dtype === "i8" && (x < -128 || x > 127)) return undefined;
  if (dtype === "u8" && (x < 0 || x > 255)) return undefined;
  return x;
}
