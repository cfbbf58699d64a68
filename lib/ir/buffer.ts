/** Buffers: named, typed, shaped memory. */
import type { DType } from "./dtype.ts";
import { constant, type Expr } from "./expr.ts";
import { freshId } from "./id.ts";

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
  readonly scope: Scope;
}

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
