/** Constant data from what people have: numbers, nested arrays, typed arrays. */
import { ARRAYS, type DType, f16ToBits, type NDArray, ndarray } from "../ir/index.ts";
import { refuseGraph } from "./error.ts";

export type Nested = number | bigint | boolean | readonly Nested[];
export type Elements = Nested | ArrayLike<number> | ArrayLike<bigint>;

/** A tensor of a device, as far as its elements can be read here. */
export interface TensorLike {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}
/** What constant data is made from. */
export type Data = Elements | TensorLike | NDArray;

/** The dtype that the elements of a typed array have by themselves. */
const OF_ARRAY: Readonly<Record<string, DType>> = {
  Float32Array: "f32",
  Float64Array: "f64",
  Int8Array: "i8",
  Uint8Array: "u8",
  Int32Array: "i32",
  BigInt64Array: "i64",
};

/** Data of the program from numbers or a copy of a tensor. Numbers are f32 unless said otherwise. Throws for ragged arrays, and for elements the dtype cannot hold. */
export function constantData(given: Data, dtype?: DType, shape?: readonly number[]): NDArray {
  if (isNDArray(given)) return given;
  if (isTensorLike(given)) return ndarray(given.dtype, [...given.shape], bytesOf(given.data).slice());
  const data: Elements = given;
  const view = ArrayBuffer.isView(data);
  const type = dtype ?? (view ? OF_ARRAY[data.constructor.name] : undefined) ?? "f32";
  const dims = shape ?? (view ? [(data as unknown as ArrayLike<number>).length] : shapeOf(data as Nested));
  const flat = view ? Array.from(data as unknown as ArrayLike<number>) : flatten(data as Nested, dims);
  return ndarray(type, dims, encode(flat, type));
}

const isObject = (x: unknown): x is object => typeof x === "object" && x !== null;
const isNDArray = (x: unknown): x is NDArray => isObject(x) && "kind" in x && x.kind === "ndarray";
const isTensorLike = (x: unknown): x is TensorLike =>
  isObject(x) && "dtype" in x && "shape" in x && "data" in x && ArrayBuffer.isView(x.data);

function shapeOf(x: Nested): number[] {
  return Array.isArray(x) ? [x.length, ...(x.length > 0 ? shapeOf(x[0] as Nested) : [])] : [];
}

function flatten(x: Nested, dims: readonly number[]): (number | bigint)[] {
  const out: (number | bigint)[] = [];
  const go = (v: Nested, depth: number): void => {
    if (!Array.isArray(v)) out.push(typeof v === "boolean" ? Number(v) : (v as number | bigint));
    else if (depth < dims.length && v.length === dims[depth]) for (const w of v) go(w as Nested, depth + 1);
    else refuseGraph("R.const", "the arrays are ragged");
  };
  go(x, 0);
  if (out.length !== dims.reduce((a, b) => a * b, 1)) {
    refuseGraph("R.const", `${out.length} element(s) for the shape [${dims.join(", ")}]`);
  }
  return out;
}

function encode(values: readonly (number | bigint)[], dtype: DType): Uint8Array {
  if (dtype === "i64") return bytesOf(BigInt64Array.from(values, (v) => BigInt(v)));
  const numbers = values.map(Number);
  if (dtype === "f16") return bytesOf(Uint16Array.from(numbers, f16ToBits));
  return bytesOf(ARRAYS[dtype].from(numbers));
}

const bytesOf = (a: ArrayBufferView): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
