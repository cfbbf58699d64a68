/** The memory behind a buffer while a program runs, and how its elements are read, written and found. */
import type { Buffer, DType } from "../../ir/index.ts";
import { compactStrides, f16FromBits, f16ToBits, newArray, sizeOf, type TypedArray } from "../../ir/index.ts";
import type { Big, Eval, Num, Scope } from "./scope.ts";

/** Bound to an argument, or allocated by a block; compiled accesses hold on to it. */
export class Storage {
  readonly buffer: Buffer;
  data: TypedArray = new Float32Array(0);
  shape: readonly number[] = [];
  strides: readonly number[] = [];

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  bind(data: TypedArray, shape: readonly number[], strides: readonly number[] | undefined): void {
    this.data = data;
    this.shape = shape;
    this.strides = strides ?? compactStrides(shape);
  }

  /** Fresh memory full of poison; the array is reused when the size is the same as last time. */
  allocate(shape: readonly number[], strides: readonly number[] | undefined): void {
    const length = strides ? extentOf(shape, strides) : sizeOf(shape);
    const reuse = this.data.length === length && this.shape.length > 0;
    this.bind(reuse ? this.data : newArray(this.buffer.dtype, length), shape, strides);
    poison(this.data, this.buffer.dtype);
  }
}

function extentOf(shape: readonly number[], strides: readonly number[]): number {
  return shape.includes(0) ? 0 : 1 + shape.reduce((n, s, d) => n + (s - 1) * strides[d], 0);
}

/** Fills memory nobody has written: NaN for floats, bytes 0xaa for the rest, so that reading it shows. */
function poison(data: TypedArray, dtype: DType): void {
  if (data instanceof Float32Array || data instanceof Float64Array) data.fill(Number.NaN);
  else if (dtype === "f16") (data as Uint16Array).fill(0x7e00);
  else new Uint8Array(data.buffer, data.byteOffset, data.byteLength).fill(0xaa);
}

type Read = (s: Storage, at: Num) => Eval;
type Write = (s: Storage, at: Num, value: Eval) => () => void;

// One function literal for each dtype: V8 then sees one kind of array at each access.
export const READ: Record<DType, Read> = {
  f32: (s, at) => () => (s.data as Float32Array)[at()],
  f64: (s, at) => () => (s.data as Float64Array)[at()],
  f16: (s, at) => () => f16FromBits((s.data as Uint16Array)[at()]),
  i8: (s, at) => () => (s.data as Int8Array)[at()],
  u8: (s, at) => () => (s.data as Uint8Array)[at()],
  i32: (s, at) => () => (s.data as Int32Array)[at()],
  i64: (s, at) => () => (s.data as BigInt64Array)[at()],
  bool: (s, at) => () => (s.data as Uint8Array)[at()],
};

const number =
  (write: (s: Storage, at: number, value: number) => void): Write =>
  (s, at, value) => {
    const v = value as Num;
    return () => write(s, at(), v());
  };

export const WRITE: Record<DType, Write> = {
  f32: (s, at, value) => {
    const v = value as Num;
    return () => {
      (s.data as Float32Array)[at()] = v();
    };
  },
  f64: number((s, at, v) => {
    (s.data as Float64Array)[at] = v;
  }),
  f16: number((s, at, v) => {
    (s.data as Uint16Array)[at] = f16ToBits(v);
  }),
  i8: number((s, at, v) => {
    (s.data as Int8Array)[at] = v;
  }),
  u8: number((s, at, v) => {
    (s.data as Uint8Array)[at] = v;
  }),
  i32: number((s, at, v) => {
    (s.data as Int32Array)[at] = v;
  }),
  i64: (s, at, value) => {
    const v = value as Big;
    return () => {
      (s.data as BigInt64Array)[at()] = v();
    };
  },
  bool: number((s, at, v) => {
    (s.data as Uint8Array)[at] = v ? 1 : 0;
  }),
};

/** The element offset of an access, checked against the shape. */
export function offset(s: Storage, index: readonly Num[], verb: "load" | "store", scope: Scope): Num {
  // Indices are pure: on failure they are evaluated once more for the message.
  const fail = (): never => {
    const indices = index.map((f) => f());
    const what = verb === "load" ? "load from" : "store to";
    const { name } = s.buffer;
    return scope.fail(
      `${what} ${name}[${indices.join(", ")}] is out of bounds: ${name} has shape [${s.shape.join(", ")}]`,
      { buffer: s.buffer, indices },
    );
  };
  if (index.length === 1) {
    const [a] = index;
    return () => {
      const i = a();
      if (i < 0 || i >= s.shape[0]) fail();
      return i * s.strides[0];
    };
  }
  if (index.length === 2) {
    const [a, b] = index;
    return () => {
      const i = a();
      const j = b();
      if (i < 0 || j < 0 || i >= s.shape[0] || j >= s.shape[1]) fail();
      return i * s.strides[0] + j * s.strides[1];
    };
  }
  return () => {
    let at = 0;
    for (let d = 0; d < index.length; d++) {
      const i = index[d]();
      if (i < 0 || i >= s.shape[d]) fail();
      at += i * s.strides[d];
    }
    return at;
  };
}
