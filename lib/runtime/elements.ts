/** Elements of tensors: JavaScript values to stored ones and back, and the layout of nested arrays. */
import {
  type DType,
  f16FromBits,
  f16ToBits,
  intRange,
  isFloat,
  type Scalar,
  type TypedArray,
} from "../ir/index.ts";

/** Nested arrays of numbers, bigints or booleans: what `Tensor.from` takes and `toArray` gives. */
export type Nested = Scalar | boolean | readonly Nested[];

/** Writes one element. Throws for what the dtype cannot hold: fractions, numbers out of range. */
export function writeElement(data: TypedArray, dtype: DType, at: number, value: Scalar | boolean): void {
  data[at] = encode(value, dtype) as never;
}

/** The element as a number (bigint for i64; 0 or 1 for bool). */
export function readElement(data: TypedArray, dtype: DType, at: number): Scalar {
  const x = data[at];
  return dtype === "f16" ? f16FromBits(x as number) : x;
}

/** A value as it is stored: f16 as bits, i64 as bigint. */
export function encode(value: Scalar | boolean, dtype: DType): Scalar {
  if (typeof value === "string" || typeof value === "object" || value === undefined) {
    throw new TypeError(`${JSON.stringify(value)} is no ${dtype} element`);
  }
  if (dtype === "i64") {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is no i64 element: use a bigint`);
    }
    const n = BigInt(value);
    if (BigInt.asIntN(64, n) !== n) throw new RangeError(`${value} is out of the range of i64`);
    return n;
  }
  const n = Number(value);
  if (dtype === "f16") return f16ToBits(n);
  if (isFloat(dtype)) return n;
  const { min, max } = intRange(dtype);
  if (!Number.isInteger(n)) throw new RangeError(`${value} is no ${dtype} element: not a whole number`);
  if (n < min || n > max) throw new RangeError(`${value} is out of the range of ${dtype} (${min} to ${max})`);
  return n;
}

/** The dtype a typed array stands for by itself; undefined for kinds that hold none (Uint32Array, …). */
export function dtypeOfArray(data: ArrayBufferView): DType | undefined {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Float64Array) return "f64";
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Int8Array) return "i8";
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return "u8";
  if (data instanceof BigInt64Array) return "i64";
  return undefined;
}

/** Whether bytes are 0 or 1 all of them, as those of bool are: looked at four at a time where they lie so. */
export function onlyZeroOrOne(data: Uint8Array): boolean {
  const words =
    data.byteOffset % 4 === 0 ? new Uint32Array(data.buffer, data.byteOffset, data.length >> 2) : [];
  let bits = 0;
  for (let i = 0; i < words.length; i++) bits |= words[i];
  for (let i = 4 * words.length; i < data.length; i++) bits |= data[i] * 0x01010101;
  return (bits & 0xfefefefe) === 0;
}

/** The dtype of plain JavaScript values: booleans are bool, bigints i64, numbers f32. */
export function dtypeOfValue(x: unknown): DType {
  return typeof x === "boolean" ? "bool" : typeof x === "bigint" ? "i64" : "f32";
}

/** Shape and elements (row-major) of nested arrays. Throws where they are ragged, saying where. */
export function flatten(nested: Nested): { shape: number[]; flat: (Scalar | boolean)[] } {
  const shape: number[] = [];
  for (let x: Nested = nested; Array.isArray(x); x = x[0]) shape.push(x.length);
  const flat: (Scalar | boolean)[] = [];
  const go = (x: Nested, depth: number, path: number[]): void => {
    const where = path.length > 0 ? `element [${path.join(", ")}]` : "the value";
    if (depth === shape.length) {
      if (Array.isArray(x))
        throw new TypeError(`${where} is an array of its own where its neighbours are numbers`);
      flat.push(x as Scalar | boolean);
      return;
    }
    if (!Array.isArray(x)) throw new TypeError(`${where} is no array, its neighbours are`);
    if (x.length !== shape[depth]) {
      throw new TypeError(`${where} has ${x.length} element(s), its neighbours have ${shape[depth]}`);
    }
    for (let i = 0; i < x.length; i++) go(x[i], depth + 1, [...path, i]);
  };
  go(nested, 0, []);
  return { shape, flat };
}

/** Nested arrays from row-major elements. A tensor without dimensions gives the value itself. */
export function nest(shape: readonly number[], at: (i: number) => Scalar): Nested {
  let next = 0;
  const go = (depth: number): Nested =>
    depth === shape.length ? at(next++) : Array.from({ length: shape[depth] }, () => go(depth + 1));
  return go(0);
}

/** Throws unless `shape` is a list of sizes; returns the number of elements. */
export function checkShape(shape: readonly number[]): number {
  if (!Array.isArray(shape))
    throw new TypeError(`a shape is an array of sizes, got ${JSON.stringify(shape)}`);
  for (const s of shape) {
    if (!Number.isSafeInteger(s) || s < 0)
      throw new RangeError(`${s} is not a size (shape [${shape.join(", ")}])`);
  }
  return shape.reduce((n, s) => n * s, 1);
}
