/** Tensors of a model file: every check is made before memory is taken. */
import type { onnx } from "onnx-proto";
import { ARRAYS, BYTES, type DType, f16ToBits, type NDArray, ndarray } from "../../ir/index.ts";
import { refuseOnnx } from "./error.ts";
import type { ExternalData, OnnxTensor } from "./types.ts";

/** TensorProto.DataType of onnx.proto; the names are the standard's. */
const NAMES: readonly string[] = [
  "undefined",
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
  "float8e8m0",
  "uint2",
  "int2",
];

const OURS: Readonly<Record<string, DType>> = {
  float32: "f32",
  float64: "f64",
  float16: "f16",
  uint8: "u8",
  int8: "i8",
  int32: "i32",
  int64: "i64",
  bool: "bool",
};

export const dtypeName = (code: number): string => NAMES[code] ?? `data type ${code}`;
/** Our dtype for a code of the file; undefined where there is none. */
export const dtypeOf = (code: number): DType | undefined =>
  Object.hasOwn(OURS, dtypeName(code)) ? OURS[dtypeName(code)] : undefined;

/** What protobufjs gives for 64-bit numbers. */
export type Int64 = number | { toString(): string };
export const toNumber = (x: Int64 | null | undefined): number => (x ? Number(x.toString()) : 0);

/** A size beyond this is absurd: no tensor of ours can have it. */
const MAX_SIZE = 2 ** 31 - 1;

export interface TensorReader {
  readonly external?: ExternalData;
}

/** A tensor of the file. Throws an OnnxError for sizes that do not fit the bytes there are. */
export function decodeTensor(t: onnx.ITensorProto, part: string, reader: TensorReader): OnnxTensor {
  const shape = (t.dims ?? []).map((d) => toNumber(d as Int64));
  for (const s of shape) {
    if (!Number.isInteger(s) || s < 0 || s > MAX_SIZE) refuseOnnx(`${s} is no size of a tensor`, { part });
  }
  const code = t.dataType ?? 0;
  const dtype = dtypeOf(code);
  if (code === 0) refuseOnnx("the tensor says no data type", { part });
  if (!dtype) return { kind: "foreignTensor", dtype: dtypeName(code), shape };
  if (t.segment) refuseOnnx("tensors in segments are not supported", { part });
  const count = shape.reduce((a, b) => a * b, 1);
  const want = count * BYTES[dtype];
  if (want > MAX_SIZE) refuseOnnx(`${dtype}[${shape.join(", ")}] would take ${want} bytes`, { part });
  return ndarray(dtype, shape, bytesOf(t, dtype, count, part, reader));
}

function bytesOf(
  t: onnx.ITensorProto,
  dtype: DType,
  count: number,
  part: string,
  reader: TensorReader,
): Uint8Array {
  const want = count * BYTES[dtype];
  if (t.dataLocation === EXTERNAL) return externalBytes(t, want, part, reader);
  const raw = t.rawData;
  const listed = listOf(t, dtype);
  if (raw && (raw.byteLength > 0 || listed.length === 0)) {
    if (raw.byteLength !== want) {
      refuseOnnx(`its data has ${raw.byteLength} bytes, its shape takes ${want}`, { part });
    }
    return normalBool(dtype, Uint8Array.from(raw));
  }
  if (listed.length !== count) {
    refuseOnnx(`its data has ${listed.length} element(s), its shape takes ${count}`, { part });
  }
  return encode(listed, dtype);
}

/** TensorProto.DataLocation */
const EXTERNAL = 1;

function listOf(t: onnx.ITensorProto, dtype: DType): readonly Int64[] {
  switch (dtype) {
    case "f32":
      return t.floatData ?? [];
    case "f64":
      return t.doubleData ?? [];
    case "i64":
      return (t.int64Data ?? []) as readonly Int64[];
    default:
      return t.int32Data ?? [];
  }
}

function encode(list: readonly Int64[], dtype: DType): Uint8Array {
  const array =
    dtype === "i64"
      ? BigInt64Array.from(list, (x) => BigInt(x.toString()))
      : ARRAYS[dtype].from(list as readonly number[]); // halves are listed as their bits
  return normalBool(dtype, new Uint8Array(array.buffer));
}

/** Any byte but 0 is true in the file; in memory true is 1. */
function normalBool(dtype: DType, bytes: Uint8Array): Uint8Array {
  if (dtype === "bool") for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i] === 0 ? 0 : 1;
  return bytes;
}

function externalBytes(t: onnx.ITensorProto, want: number, part: string, reader: TensorReader): Uint8Array {
  const entries = new Map((t.externalData ?? []).map((e) => [e.key ?? "", e.value ?? ""]));
  const location = entries.get("location") ?? refuseOnnx("its external data has no location", { part });
  checkLocation(location, part);
  if (!reader.external) {
    return refuseOnnx(`its data is in the file ${location}: give externalData to read it`, { part });
  }
  const number = (key: string, otherwise: number): number => {
    const text = entries.get(key);
    const n = text === undefined ? otherwise : Number(text);
    return Number.isSafeInteger(n) && n >= 0
      ? n
      : refuseOnnx(`the ${key} of its external data is ${text}`, { part });
  };
  let file: Uint8Array;
  try {
    file = reader.external(location);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuseOnnx(`its external data ${location} cannot be read: ${why}`, { part }, { cause });
  }
  const offset = number("offset", 0);
  const length = number("length", want);
  if (length !== want) refuseOnnx(`its external data has ${length} bytes, its shape takes ${want}`, { part });
  if (offset + length > file.byteLength) {
    const reach = `bytes ${offset} to ${offset + length}`;
    refuseOnnx(`its external data are ${reach} of ${location}, which has ${file.byteLength}`, { part });
  }
  return Uint8Array.from(file.subarray(offset, offset + length));
}

/** A path that stays in the model's folder: relative, without `..`. */
function checkLocation(location: string, part: string): void {
  const parts = location.split(/[\\/]/);
  const absolute = /^([\\/]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*:)/.test(location);
  if (location === "" || absolute || parts.includes("..") || location.includes("\0")) {
    refuseOnnx(`its external data "${location}" is outside the model's folder`, { part });
  }
}

/** A tensor from a `.pb` file as ONNX's test data has them. */
export function tensorFrom(dtype: DType, shape: readonly number[], values: readonly number[]): NDArray {
  if (dtype === "i64") return ndarray(dtype, shape, new Uint8Array(BigInt64Array.from(values, toBig).buffer));
  const encoded = dtype === "f16" ? values.map(f16ToBits) : values;
  return ndarray(dtype, shape, new Uint8Array(ARRAYS[dtype].from(encoded).buffer));
}

const I64_MAX = 2n ** 63n - 1n;
/** Numbers beyond the range of i64 (a rounded 2^63 - 1) become its ends. */
function toBig(x: number): bigint {
  const b = BigInt(x);
  return b > I64_MAX ? I64_MAX : b < -I64_MAX - 1n ? -I64_MAX - 1n : b;
}
