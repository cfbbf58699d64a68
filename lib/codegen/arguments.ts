/** Arguments of a call: what fits a parameter, and what the shapes say about the symbolic sizes. */
import type { Buffer, DType, Expr, Param, PrimFunc, Var } from "../ir/index.ts";
import {
  compactStrides,
  holds,
  intRange,
  isFloat,
  roundF16,
  type Scalar,
  type TypedArray,
  varsOf,
} from "../ir/index.ts";
import { evalSize } from "./size.ts";

/** What a buffer parameter takes. The runtime's Tensor is one. Without strides the layout is compact row-major. */
export interface BufferArg {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly strides?: readonly number[];
}

/** A dense tensor whose elements are not in reach: in the memory of another device. */
export interface RemoteArg {
  readonly remote: true;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** An argument: a tensor for a buffer, a number (bigint for large i64) for a scalar parameter. */
export type Argument = BufferArg | Scalar | boolean;

/** Thrown when arguments do not fit; names the function, the parameter, what it takes and what came. */
export class ArgumentError extends TypeError {
  override readonly name = "ArgumentError";
}

/** Symbolic sizes and scalar parameters by variable id; i64 scalars are bigints. */
export interface Bound {
  readonly sizes: ReadonlyMap<number, number>;
  readonly scalars: ReadonlyMap<number, Scalar>;
}

/** `f32[128, n]`, as error messages write what a parameter takes. */
export function describeParam(p: Param, sizes: ReadonlyMap<number, number> = new Map()): string {
  if (p.kind === "var") return p.dtype;
  return `${p.dtype}[${p.shape.map((s) => describeSize(s, sizes)).join(", ")}]`;
}

function describeSize(s: Expr, sizes: ReadonlyMap<number, number>): string {
  const value = evalSize(s, sizes);
  if (s.kind === "const") return String(value);
  const name =
    s.kind === "var" ? s.name : `(size in ${[...varsOf(s).values()].map((v) => v.name).join(", ")})`;
  return value === undefined ? name : `${name} = ${value}`;
}

/** What an argument is, in the words of `describeParam`. */
export function describeArgument(x: unknown): string {
  if (isBufferArg(x) || isRemoteArg(x)) return `${x.dtype}[${x.shape.join(", ")}]`;
  if (x === null || typeof x !== "object") return typeof x === "string" ? JSON.stringify(x) : String(x);
  return Array.isArray(x) ? "an array" : `a ${x.constructor?.name ?? "object"}`;
}

export function isBufferArg(x: unknown): x is BufferArg {
  return typeof x === "object" && x !== null && "dtype" in x && "shape" in x && "data" in x;
}

export function isRemoteArg(x: unknown): x is RemoteArg {
  return typeof x === "object" && x !== null && "remote" in x && x.remote === true;
}

/**
 * Checks arguments against a function's parameters: number, dtypes, ranks and shapes. Sizes that are a variable are
 * bound by the first argument that has them; everything else must then agree.
 */
export function bindArguments(f: PrimFunc, args: readonly unknown[], name = "the function"): Bound {
  if (args.length !== f.params.length) {
    const takes = f.params.map((p) => `${p.name}: ${describeParam(p)}`).join(", ");
    throw new ArgumentError(`${name} takes ${f.params.length} argument(s) (${takes}), got ${args.length}`);
  }
  const binder = new Binder(f, args, name);
  return binder.bind();
}

class Binder {
  private readonly f: PrimFunc;
  private readonly args: readonly unknown[];
  private readonly name: string;
  private readonly sizes = new Map<number, number>();
  private readonly scalars = new Map<number, Scalar>();

  constructor(f: PrimFunc, args: readonly unknown[], name: string) {
    this.f = f;
    this.args = args;
    this.name = name;
  }

  bind(): Bound {
    const { params } = this.f;
    // Scalars first: a size may be a scalar parameter that stands after the buffer.
    for (let i = 0; i < params.length; i++) {
      const p = params[i];
      if (p.kind === "var") this.scalar(p, i);
    }
    for (let i = 0; i < params.length; i++) {
      const p = params[i];
      if (p.kind === "buffer") this.bindSizes(p, i, this.buffer(p, i));
    }
    for (let i = 0; i < params.length; i++) {
      const p = params[i];
      if (p.kind === "buffer") this.checkShape(p, i, this.args[i] as BufferArg | RemoteArg);
    }
    return { sizes: this.sizes, scalars: this.scalars };
  }

  private fail(p: Param, i: number, why = ""): never {
    throw new ArgumentError(
      `${this.name}: argument ${i} (${p.name}) must be ${describeParam(p, this.sizes)}, ` +
        `got ${describeArgument(this.args[i])}${why}`,
    );
  }

  private scalar(p: Var, i: number): void {
    const value = scalarValue(this.args[i], p.dtype);
    if (value === undefined) this.fail(p, i);
    this.scalars.set(p.id, value);
    if (!isFloat(p.dtype)) this.sizes.set(p.id, Number(value));
  }

  private buffer(p: Buffer, i: number): BufferArg | RemoteArg {
    const a = this.args[i];
    if (!(isBufferArg(a) || isRemoteArg(a)) || a.dtype !== p.dtype || a.shape.length !== p.shape.length)
      this.fail(p, i);
    if (isRemoteArg(a)) return a;
    if (!holds(a.data, a.dtype)) {
      this.fail(p, i, ` whose data is ${describeArgument(a.data)}`);
    }
    return a;
  }

  private bindSizes(p: Buffer, i: number, a: BufferArg | RemoteArg): void {
    this.bindEach(p.shape, a.shape);
    if (!p.strides) return;
    const strides = stridesOfArg(a) ?? compactStrides(a.shape);
    if (strides.length !== p.strides.length) this.fail(p, i, " with another number of strides");
    this.bindEach(p.strides, strides);
  }

  private bindEach(es: readonly Expr[], values: readonly number[]): void {
    for (let d = 0; d < es.length; d++) {
      const e = es[d];
      if (e.kind === "var" && !this.sizes.has(e.id)) this.sizes.set(e.id, values[d]);
    }
  }

  private checkShape(p: Buffer, i: number, a: BufferArg | RemoteArg): void {
    for (let d = 0; d < p.shape.length; d++) {
      if (this.size(p, i, p.shape[d]) !== a.shape[d]) this.fail(p, i);
    }
    const strides = p.strides?.map((s) => this.size(p, i, s)) ?? compactStrides(a.shape);
    const own = stridesOfArg(a);
    if (own?.some((s, d) => s !== strides[d] && a.shape[d] > 1)) {
      this.fail(p, i, ` with strides [${own.join(", ")}] instead of [${strides.join(", ")}]`);
    }
    const empty = a.shape.includes(0);
    const needed = empty ? 0 : 1 + a.shape.reduce((at, s, d) => at + (s - 1) * strides[d], 0);
    const length = isRemoteArg(a) ? a.shape.reduce((n, x) => n * x, 1) : a.data.length;
    if (length < needed) {
      const layout = p.strides ? ` with strides [${strides.join(", ")}]` : "";
      this.fail(p, i, ` over ${length} element(s); the layout${layout} needs ${needed}`);
    }
  }

  private size(p: Buffer, i: number, e: Expr): number {
    const n = evalSize(e, this.sizes);
    if (n !== undefined) return n;
    const unknown = [...varsOf(e).values()].filter((v) => !this.sizes.has(v.id)).map((v) => v.name);
    const why = unknown.length > 0 ? `no parameter tells ${unknown.join(", ")}` : "it has no value";
    throw new ArgumentError(
      `${this.name}: argument ${i} (${p.name}): a size of ${describeParam(p, this.sizes)} is unknown: ${why}`,
    );
  }
}

const stridesOfArg = (a: BufferArg | RemoteArg): readonly number[] | undefined =>
  isRemoteArg(a) ? undefined : a.strides;

/** The value as a scalar of the dtype, or undefined when it is none. */
function scalarValue(x: unknown, dtype: DType): Scalar | undefined {
  if (dtype === "bool") return x === true || x === 1 ? 1 : x === false || x === 0 ? 0 : undefined;
  if (isFloat(dtype)) {
    if (typeof x !== "number") return undefined;
    return dtype === "f32" ? Math.fround(x) : dtype === "f16" ? roundF16(x) : x;
  }
  if (dtype === "i64") {
    const n = typeof x === "number" && Number.isSafeInteger(x) ? BigInt(x) : x;
    return typeof n === "bigint" && BigInt.asIntN(64, n) === n ? n : undefined;
  }
  const { min, max } = intRange(dtype);
  return typeof x === "number" && Number.isInteger(x) && x >= min && x <= max ? x : undefined;
}
