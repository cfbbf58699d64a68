/**
 * The type of `T`: every word of the dialect, documented for the editor. Inside `T.primFunc` nothing is run; the words
 * are read from the function's source, and these types are what the checker sees.
 */
import type { Attrs, DType, Funcs, IRModule, PrimFunc, Scope } from "../ir/index.ts";
import type { ConstValue } from "./parse/scope.ts";
import type { ConstantTable } from "./pending.ts";
import type { BufferOptions, BufferSpec, Dim, ParamSpecs, ScalarSpec } from "./spec.ts";
import type { BufferOf, NumbersLike, ProgramArgs, ScalarOf } from "./types.ts";

export interface ForOptions {
  /** The first value; 0 where it is not given. The loop takes min, min + 1, … min + extent - 1. */
  readonly min?: number;
  readonly annotations?: Attrs;
}

/** What a part of a buffer has to be like. */
export interface MatchOptions {
  /** Of its dimensions, in elements; a name stands for any stride, the same one wherever it stands. */
  readonly strides?: readonly (number | string)[];
  /** The part starts at a multiple of so many elements. */
  readonly offsetFactor?: number;
  readonly dtype?: DType;
  readonly scope?: Scope;
}

export type ThreadAxis =
  | "blockIdx.x"
  | "blockIdx.y"
  | "blockIdx.z"
  | "threadIdx.x"
  | "threadIdx.y"
  | "threadIdx.z"
  | (string & {});

export interface Axes {
  /** Several axes that each follow one loop: `const [vi, vk] = T.axis.remap("SR", [i, k])`. */
  remap<const L extends readonly number[]>(types: string, loops: L): NumbersLike<L>;
  /** An axis whose values may be computed in any order. */
  spatial(extent: number, binding: number): number;
  /** An axis the block reduces over. */
  reduce(extent: number, binding: number): number;
  /** An axis transformations leave alone. */
  opaque(extent: number, binding: number): number;
}

/** Words that declare programs; these are real functions. */
export interface Declarations {
  /** A module of functions by name. `constants`: the data of those that `R.constant` names, as `constantsOf` gives them. */
  module<const F extends Funcs>(
    funcs: F,
    options?: { readonly attrs?: Attrs; readonly constants?: ConstantTable },
  ): IRModule<F>;
  /**
   * A tensor program. The callback is never run: its source is read. Values from outside that it mentions are passed
   * by name: `{ consts: { K } }`.
   */
  primFunc<
    const P extends ParamSpecs,
    C extends { readonly [name: string]: ConstValue } = Record<never, never>,
  >(
    params: P,
    fn: (args: ProgramArgs<P, C>) => void,
    options?: { readonly consts?: C; readonly attrs?: Attrs },
  ): PrimFunc;
  /** A buffer parameter. A string in the shape is a symbolic size, visible in the program under that name. */
  buffer<const S extends readonly Dim[]>(shape: S): BufferSpec<S, "f32">;
  buffer<const S extends readonly Dim[], D extends DType>(
    shape: S,
    dtype: D,
    options?: BufferOptions,
  ): BufferSpec<S, D>;
  /** A parameter that is one value. */
  scalar<D extends DType>(dtype: D): ScalarSpec<D>;
}

/** Words inside a program. */
export interface Program {
  /** An intermediate buffer of the function, or of the block it stands in. */
  alloc<const S extends readonly number[]>(shape: S): BufferOf<S, "f32">;
  alloc<const S extends readonly number[], D extends DType>(
    shape: S,
    dtype: D,
    scope?: Scope | { readonly scope?: Scope; readonly strides?: readonly number[] },
  ): BufferOf<S, D>;

  /**
   * A name for a part of a buffer: `const W = T.matchBuffer(A[T.slice(vi * 4, 4)][T.slice(0, 8)], [4, 8])`. Dimensions
   * of one element in front may be left out of the shape. What goes through the name is an access of the buffer; what
   * is asked of the part is checked where it can be shown false.
   */
  matchBuffer<B extends object>(part: B, options?: MatchOptions): B;
  matchBuffer<const S extends readonly number[], D extends DType = "f32">(
    part: unknown,
    shape: S,
    options?: MatchOptions & { readonly dtype?: D },
  ): BufferOf<S, D>;

  /** Nested loops: `for (const [i, j] of T.grid(m, n))`. */
  grid<const E extends readonly number[]>(...extents: E): Iterable<NumbersLike<E>>;
  serial(extent: number, options?: ForOptions): Iterable<number>;
  parallel(extent: number, options?: ForOptions): Iterable<number>;
  vectorized(extent: number, options?: ForOptions): Iterable<number>;
  unroll(extent: number, options?: ForOptions): Iterable<number>;
  /** A loop whose iterations are the threads of that axis. */
  threadBinding(extent: number, thread: ThreadAxis, options?: ForOptions): Iterable<number>;
  /** A serial loop over start, start + 1, … end - 1. */
  range(end: number): Iterable<number>;
  range(start: number, end: number): Iterable<number>;

  /** A unit of computation; its body sees the loops around it through its axes alone. */
  block(name: string, body: () => void): void;
  /**
   * Calls another tensor program, of the module or registered (`ExternFunc.register`): buffers by `T.accessPtr`, scalars
   * as they are.
   */
  callExtern(name: string, ...args: readonly unknown[]): void;
  /** The part of a buffer that a called program gets, and what it does with it. */
  accessPtr(region: unknown, access: "r" | "w" | "rw"): unknown;
  readonly axis: Axes;
  /** The block runs only where the condition, over the loops around it, holds. */
  where(condition: boolean): void;
  /** Runs where every reduce axis has its first value. */
  init(body: () => void): void;
  /** What the block reads, where its body does not tell: `T.reads(A[vi][T.slice(0, 128)])`. */
  reads(...regions: readonly unknown[]): void;
  /** What the block writes, where its body does not tell. */
  writes(...regions: readonly unknown[]): void;
  /** In a region: `extent` indices from `min`. */
  slice(min: number, extent: number): number;
  /** Annotations of the block. */
  annotate(annotations: Attrs): void;
  /** Attributes of the function. */
  attrs(attrs: Attrs): void;
}

/** Words that give a value. */
export interface Values {
  /** A literal of a dtype; plain numbers take the dtype of what they meet. */
  const(value: boolean, dtype: "bool"): boolean;
  const(value: number | bigint, dtype: DType): number;
  cast<D extends DType>(value: number | boolean, dtype: D): ScalarOf<D>;
  /** `condition ? a : b`; only the chosen side is evaluated. */
  select(condition: boolean, a: number, b: number): number;
  select(condition: boolean, a: boolean, b: boolean): boolean;
  inf(dtype: "f32" | "f64" | "f16"): number;
  nan(dtype: "f32" | "f64" | "f16"): number;
  /** The smallest value of a dtype (-Infinity for floats): where a maximum starts. */
  minValue(dtype: DType): number;
  /** The largest value of a dtype (Infinity for floats): where a minimum starts. */
  maxValue(dtype: DType): number;

  min(a: number, b: number, ...more: readonly number[]): number;
  max(a: number, b: number, ...more: readonly number[]): number;
  neg(x: number): number;
  /** Integer division that rounds down. */
  floordiv(a: number, b: number): number;
  /** The remainder of `floordiv`: it has the sign of b. */
  floormod(a: number, b: number): number;
  /** Integer division that drops the fraction. */
  truncdiv(a: number, b: number): number;
  /** The remainder of `truncdiv`, `%`: it has the sign of a. */
  truncmod(a: number, b: number): number;

  exp(x: number): number;
  log(x: number): number;
  sqrt(x: number): number;
  /** 1 / sqrt(x) */
  rsqrt(x: number): number;
  sin(x: number): number;
  cos(x: number): number;
  tanh(x: number): number;
  tan(x: number): number;
  asin(x: number): number;
  acos(x: number): number;
  atan(x: number): number;
  sinh(x: number): number;
  cosh(x: number): number;
  asinh(x: number): number;
  acosh(x: number): number;
  atanh(x: number): number;
  /** log(1 + x), exact also where x is small */
  log1p(x: number): number;
  /** exp(x) - 1, exact also where x is small */
  expm1(x: number): number;
  /** 1 / (1 + exp(-x)) */
  sigmoid(x: number): number;
  /** The Gauss error function. */
  erf(x: number): number;
  floor(x: number): number;
  ceil(x: number): number;
  trunc(x: number): number;
  /** The nearest whole number, ties to even. */
  round(x: number): number;
  pow(a: number, b: number): number;
  /** The remainder of a / b for floats; it has the sign of a. */
  fmod(a: number, b: number): number;
  abs(x: number): number;
  isnan(x: number): boolean;
  bitAnd(a: number, b: number): number;
  bitOr(a: number, b: number): number;
  bitXor(a: number, b: number): number;
  shiftLeft(a: number, b: number): number;
  shiftRight(a: number, b: number): number;
}

export interface Dialect extends Declarations, Program, Values {}
