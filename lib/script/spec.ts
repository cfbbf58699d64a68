/** Declarations of parameters: what `T.buffer` and `T.scalar` give. */
import { DTYPES, type DType, isDType, type Scope } from "../ir/index.ts";

/**
 * One size: a number, the name of a symbolic size ("n", or "n: i64" for one that is not i32), or an expression of
 * sizes ("n * 2").
 */
export type Dim = number | string;

export interface BufferSpec<S extends readonly Dim[] = readonly Dim[], D extends DType = DType> {
  readonly kind: "buffer";
  readonly shape: S;
  readonly dtype: D;
  readonly scope: Scope;
  readonly strides?: readonly Dim[];
  readonly offsetFactor?: number;
}

export interface ScalarSpec<D extends DType = DType> {
  readonly kind: "scalar";
  readonly dtype: D;
}

export type ParamSpec = BufferSpec | ScalarSpec;
export type ParamSpecs = { readonly [name: string]: ParamSpec };

export interface BufferOptions {
  readonly scope?: Scope;
  readonly strides?: readonly Dim[];
  /** Of an intrinsic's parameter: the tiles it takes start at a multiple of so many elements. */
  readonly offsetFactor?: number;
}

export function bufferSpec<const S extends readonly Dim[], D extends DType>(
  shape: S,
  dtype: D,
  options: BufferOptions = {},
): BufferSpec<S, D> {
  const { scope = "global", strides, offsetFactor } = options;
  checkDims("shape", shape);
  if (strides) {
    checkDims("strides", strides);
    if (strides.length !== shape.length)
      throw new TypeError(`T.buffer: ${strides.length} stride(s) for ${shape.length} dimension(s)`);
  }
  if (offsetFactor !== undefined && !(Number.isInteger(offsetFactor) && offsetFactor > 0))
    throw new TypeError(`T.buffer: the offset factor is a whole number above 0, not ${String(offsetFactor)}`);
  checkDType("T.buffer", dtype);
  const more = { ...(strides ? { strides } : {}), ...(offsetFactor === undefined ? {} : { offsetFactor }) };
  return { kind: "buffer", shape, dtype, scope, ...more };
}

export function scalarSpec<D extends DType>(dtype: D): ScalarSpec<D> {
  checkDType("T.scalar", dtype);
  return { kind: "scalar", dtype };
}

function checkDType(of: string, dtype: unknown): void {
  if (!isDType(dtype))
    throw new TypeError(`${of}: ${String(dtype)} is no dtype; there are ${DTYPES.join(", ")}`);
}

function checkDims(what: string, dims: unknown): void {
  if (!Array.isArray(dims))
    throw new TypeError(`T.buffer: the ${what} is an array of sizes, such as [128, "n"]`);
  for (const d of dims) {
    const ok = typeof d === "string" || (Number.isInteger(d) && d >= 0);
    if (!ok)
      throw new TypeError(`T.buffer: ${String(d)} is no size: a whole number, or a name for a symbolic size`);
  }
}
