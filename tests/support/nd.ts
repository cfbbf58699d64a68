/** Small arrays for references of operators: random numbers, and walks over all indices of a shape. */
import type { DType, NDArray } from "../../lib/ir/index.ts";
import { nd } from "./run-op.ts";

/** Numbers in -1 … 1 (floats), or whole ones from `min` to `max`; the same ones for the same seed. */
export class Numbers {
  private state: number;
  constructor(seed = 1) {
    this.state = seed;
  }

  next(): number {
    // Park and Miller's generator.
    this.state = (this.state * 48271) % 2147483647;
    return this.state / 2147483647;
  }

  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  floats(shape: readonly number[], dtype: DType = "f32"): NDArray {
    return nd(
      shape,
      Float32Array.from({ length: count(shape) }, () => this.next() * 2 - 1),
      dtype,
    );
  }

  ints(shape: readonly number[], dtype: DType, min: number, max: number): NDArray {
    return nd(
      shape,
      Array.from({ length: count(shape) }, () => this.int(min, max)),
      dtype,
    );
  }
}

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every index of a shape, row by row. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  for (let n = 0; n < count(shape); n++) yield unflat(n, shape);
}

function unflat(n: number, shape: readonly number[]): number[] {
  const out: number[] = [];
  let rest = n;
  for (let d = shape.length - 1; d >= 0; d--) {
    out.unshift(rest % shape[d]);
    rest = Math.floor(rest / shape[d]);
  }
  return out;
}

/** The position of an index; undefined outside of the shape. */
export function position(i: readonly number[], shape: readonly number[]): number | undefined {
  let at = 0;
  for (let d = 0; d < shape.length; d++) {
    if (i[d] < 0 || i[d] >= shape[d]) return undefined;
    at = at * shape[d] + i[d];
  }
  return at;
}

/** The result of a function at every index. */
export const fill = (shape: readonly number[], f: (i: number[]) => number): number[] =>
  Array.from(indices(shape), f);

/** The sum of a function over every index. */
export function total(shape: readonly number[], f: (i: number[]) => number): number {
  let sum = 0;
  for (const i of indices(shape)) sum += f(i);
  return sum;
}
