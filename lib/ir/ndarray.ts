/**
 * Tensors as data of a program: weights and other constants. Plain, immutable by agreement, shared by identity: the
 * same object is the same constant, whatever number of places mention it.
 */
import { BYTES, type DType } from "./dtype.ts";
import { f16FromBits } from "./half.ts";
import { ARRAYS, type TypedArray } from "./typed-array.ts";

export interface NDArray {
  readonly kind: "ndarray";
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements in row-major order, little-endian, as they lie in memory (bool: one byte, 0 or 1). */
  readonly bytes: Uint8Array;
}

/** JSON carries the bytes in base64. */
const methods = {
  toJSON(this: NDArray): unknown {
    return { kind: "ndarray", dtype: this.dtype, shape: this.shape, base64: toBase64(this.bytes) };
  },
};

/** Constant data over bytes that are already laid out. Throws when their number does not fit the shape. */
export function ndarray(dtype: DType, shape: readonly number[], bytes: Uint8Array): NDArray {
  for (const s of shape) {
    if (!Number.isInteger(s) || s < 0) throw new RangeError(`constant: ${s} is no size`);
  }
  const want = shape.reduce((a, b) => a * b, 1) * BYTES[dtype];
  if (bytes.byteLength !== want) {
    throw new RangeError(
      `constant: ${bytes.byteLength} bytes for ${dtype}[${shape.join(", ")}], which takes ${want}`,
    );
  }
  return Object.assign(Object.create(methods), { kind: "ndarray", dtype, shape, bytes });
}

/** Constant data from what JSON carried. */
export function reviveNDArray(
  json: NDArray | { dtype: DType; shape: readonly number[]; base64: string },
): NDArray {
  return "base64" in json ? ndarray(json.dtype, json.shape, fromBase64(json.base64)) : json;
}

/** Whether two constants hold the same elements, bit by bit. */
export function sameData(a: NDArray, b: NDArray): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  return a.bytes.every((x, i) => x === b.bytes[i]);
}

/** `btoa` takes a string; pieces keep the call stack and the memory small. */
const PIECE = 0x6000;

function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += PIECE) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(i, i + PIECE))));
  }
  return parts.join("");
}

function fromBase64(text: string): Uint8Array {
  const raw = atob(text);
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

/** The elements as a typed array: a view where the bytes are aligned, a copy otherwise. */
export function elementsOf(a: NDArray): TypedArray {
  const size = BYTES[a.dtype];
  const { buffer, byteOffset, byteLength } =
    a.bytes.byteOffset % size === 0 ? a.bytes : (a.bytes.slice() as Uint8Array);
  return new ARRAYS[a.dtype](buffer as ArrayBuffer, byteOffset, byteLength / size);
}

/** The elements as plain numbers, i64 rounded to doubles, halves decoded. */
export function numbersOf(a: NDArray): number[] {
  const decode = a.dtype === "f16" ? f16FromBits : Number;
  return Array.from(elementsOf(a) as ArrayLike<number | bigint>, (x) => decode(x as number));
}
