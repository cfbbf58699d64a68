/** Making buffers, and regions of them. The type itself stands with the expressions that load from it (expr.ts). */
import type { DType } from "./dtype.ts";
import { type Buffer, constant, type Expr, type Scope } from "./expr.ts";
import { freshId } from "./id.ts";

/** `buffer[min : min + extent]` in every dimension. */
export interface Region {
  readonly buffer: Buffer;
  readonly ranges: readonly Range[];
}

export interface Range {
  readonly min: Expr;
  readonly extent: Expr;
}

/** A new buffer. Numbers in `shape` become i32 literals. Throws on a negative or fractional size. */
export function buffer(
  name: string,
  shape: readonly (number | Expr)[],
  dtype: DType = "f32",
  scope: Scope = "global",
  strides?: readonly (number | Expr)[],
): Buffer {
  return {
    kind: "buffer",
    id: freshId(),
    name,
    dtype,
    shape: shape.map((s) => size(name, s)),
    ...(strides ? { strides: strides.map((s) => size(name, s)) } : {}),
    scope,
  };
}

function size(name: string, s: number | Expr): Expr {
  if (typeof s !== "number") return s;
  if (!Number.isInteger(s) || s < 0) throw new RangeError(`buffer ${name}: ${s} is not a size`);
  return constant(s);
}
