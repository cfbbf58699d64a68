/** `T` itself. */
import { type DType, irModule, type PrimFunc } from "../ir/index.ts";
import type { Declarations, Dialect, Program, Values } from "./dialect.ts";
import { parseFunction } from "./parse/function.ts";
import { functionSyntax } from "./parse/source.ts";
import { supplyConstants } from "./pending.ts";
import { type BufferOptions, bufferSpec, type Dim, scalarSpec } from "./spec.ts";

const declarations: Declarations = {
  module(funcs, options) {
    for (const [name, f] of Object.entries(funcs)) {
      const kind = (f as { kind?: unknown } | null)?.kind;
      if (kind !== "primFunc" && kind !== "graphFunc")
        throw new TypeError(`T.module: ${name} is no function; write ${name}: T.primFunc(…) or R.func(…)`);
    }
    const given = Object.entries(funcs).map(([name, f]) => [
      name,
      supplyConstants(f, options?.constants ?? {}),
    ]);
    return irModule(Object.fromEntries(given), options?.attrs);
  },
  primFunc(params, fn, options): PrimFunc {
    const source = String(fn);
    if (typeof fn !== "function")
      throw new TypeError(
        "T.primFunc takes the parameters and a function: T.primFunc({ A: T.buffer([128]) }, ({ A }) => { … })",
      );
    return parseFunction(source, functionSyntax(source), params, options);
  },
  buffer: (shape: readonly Dim[], dtype: DType = "f32", options?: BufferOptions) =>
    bufferSpec(shape, dtype, options) as never,
  scalar: (dtype) => scalarSpec(dtype),
};

const unavailable = (name: string) => (): never => {
  throw new TypeError(`T.${name} is only read inside T.primFunc(params, fn); it cannot be run`);
};

type Word = keyof Program | keyof Values;
/** Complete by type: a word that is missing here does not compile. */
const WORDS: Readonly<Record<Word, true>> = {
  alloc: true,
  matchBuffer: true,
  grid: true,
  serial: true,
  parallel: true,
  vectorized: true,
  unroll: true,
  threadBinding: true,
  range: true,
  block: true,
  callExtern: true,
  accessPtr: true,
  axis: true,
  where: true,
  init: true,
  reads: true,
  writes: true,
  slice: true,
  annotate: true,
  attrs: true,
  const: true,
  cast: true,
  select: true,
  inf: true,
  nan: true,
  minValue: true,
  maxValue: true,
  min: true,
  max: true,
  neg: true,
  floordiv: true,
  floormod: true,
  truncdiv: true,
  truncmod: true,
  exp: true,
  log: true,
  sqrt: true,
  rsqrt: true,
  sin: true,
  cos: true,
  tanh: true,
  tan: true,
  asin: true,
  acos: true,
  atan: true,
  sinh: true,
  cosh: true,
  asinh: true,
  acosh: true,
  atanh: true,
  log1p: true,
  expm1: true,
  sigmoid: true,
  erf: true,
  floor: true,
  ceil: true,
  trunc: true,
  round: true,
  pow: true,
  fmod: true,
  abs: true,
  isnan: true,
  bitAnd: true,
  bitOr: true,
  bitXor: true,
  shiftLeft: true,
  shiftRight: true,
};

const axis = Object.fromEntries(
  ["remap", "spatial", "reduce", "opaque"].map((name) => [name, unavailable(`axis.${name}`)]),
);

/** The dialect in which tensor programs are written. */
export const T = Object.freeze({
  ...Object.fromEntries(Object.keys(WORDS).map((name) => [name, name === "axis" ? axis : unavailable(name)])),
  ...declarations,
}) as unknown as Dialect;
