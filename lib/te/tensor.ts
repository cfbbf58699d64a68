/** Tensors of tensor expressions: a name, a shape, and how the elements come about. */
import { type Buffer, buffer, type DType, type Expr, load, type Var, variable } from "../ir/index.ts";
import type { Reduction } from "./reduce.ts";

/** A size or an index: a number, or an expression of symbolic sizes and index variables. */
export type Index = number | Expr;

export interface Placeholder {
  readonly kind: "placeholder";
}

export interface Compute {
  readonly kind: "compute";
  /** One variable for each dimension of the result. */
  readonly indices: readonly Var[];
  readonly body: Expr | Reduction;
  /** What the computation fills: one tensor, or index and value of an argmax. */
  readonly outputs: readonly Tensor[];
}

/** A tensor has identity: two computations of the same thing are two tensors. */
export class Tensor {
  readonly name: string;
  readonly shape: readonly Expr[];
  readonly dtype: DType;
  readonly op: Placeholder | Compute;
  /** The extreme values of an argmax or argmin, whose own elements are the positions. */
  readonly values?: Tensor;
  /** What stands for the tensor in expressions. */
  readonly buffer: Buffer;

  constructor(b: Buffer, op: Placeholder | Compute, values?: Tensor) {
    this.name = b.name;
    this.shape = b.shape;
    this.dtype = b.dtype;
    this.op = op;
    this.values = values;
    this.buffer = b;
    byBuffer.set(b, this);
  }

  /** One element: `A.at(i, k)`. */
  at(...indices: readonly Index[]): Expr {
    return this.get(indices);
  }

  /** One element by an array of indices, for code that does not know the rank. */
  get(indices: readonly Index[]): Expr {
    return load(
      this.buffer,
      indices.map((i, d) => sizeOrIndex(i, `index ${d} of ${this.name}`)),
    );
  }
}

const byBuffer = new WeakMap<Buffer, Tensor>();

/** The tensor that a load in an expression reads. */
export const tensorOf = (b: Buffer): Tensor | undefined => byBuffer.get(b);

/** An input. Sizes may be symbolic: `te.var("n")`. */
export function placeholder(shape: readonly Index[], name = "placeholder", dtype: DType = "f32"): Tensor {
  return new Tensor(tensorBuffer(name, shape, dtype), { kind: "placeholder" });
}

/** A buffer for a tensor, with its shape checked. */
export function tensorBuffer(name: string, shape: readonly Index[], dtype: DType): Buffer {
  if (!Array.isArray(shape))
    throw new TypeError(`${name}: the shape is an array of sizes, such as [128, 128]`);
  return buffer(
    name,
    shape.map((s, d) => (typeof s === "number" ? s : sizeOrIndex(s, `size ${d} of ${name}`))),
    dtype,
  );
}

/** A symbolic size (or, among the parameters of `createPrimFunc`, a scalar). */
export function sizeVar(name: string, dtype: DType = "i32"): Var {
  return variable(name, dtype);
}

function sizeOrIndex(x: Index, what: string): Expr {
  if (typeof x === "number") {
    if (!Number.isInteger(x)) throw new TypeError(`${what} is ${x}: it must be a whole number`);
    return { kind: "const", dtype: "i32", value: x + 0 };
  }
  if (x?.dtype !== "i32" && x?.dtype !== "i64") {
    const got = x?.dtype === undefined ? String(x) : `an expression of dtype ${x.dtype}`;
    throw new TypeError(`${what} is ${got}: it must be an integer (cast to "i32")`);
  }
  return x;
}
