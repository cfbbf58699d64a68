/** Which typed array holds the elements of which dtype. */
import type { DType } from "./dtype.ts";

/** f16 is kept as its bits (`half.ts`), bool as bytes 0 and 1. */
export const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  i32: Int32Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int32Array
  | BigInt64Array;

/** A scalar value: bigint for i64, number for every other dtype (bool is 0 or 1). */
export type Scalar = number | bigint;

/** A typed array of `length` zeros. */
export function newArray(dtype: DType, length: number): TypedArray {
  return new ARRAYS[dtype](length);
}

/** Whether `data` is the kind of array that holds `dtype`. */
export function holds(data: unknown, dtype: DType): data is TypedArray {
  return data instanceof ARRAYS[dtype];
}

/** Strides of the compact row-major layout, in elements. */
export function compactStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);
