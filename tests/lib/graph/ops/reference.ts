/** What references of operators share beside tests/support/nd.ts: shapes to try, random data by dtype, broadcasting. */
import { type DType, type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { count, Numbers, position } from "../../../support/nd.ts";
import { nd } from "../../../support/run-op.ts";

export const SHAPES: readonly (readonly number[])[] = [[], [1], [5], [0], [2, 3], [3, 0, 2], [2, 1, 4]];

/** Data that repeats from run to run: small whole numbers for integers, between -range and range for floats. */
export function random(shape: readonly number[], dtype: DType = "f32", range = 3, seed = 1): NDArray {
  const source = new Numbers(seed * 7919 + count(shape));
  const one = (): number => {
    if (dtype === "bool") return source.int(0, 1);
    if (dtype[0] === "f") return (source.next() * 2 - 1) * range;
    return source.int(dtype === "u8" ? 0 : -range, range);
  };
  return nd(shape, Array.from({ length: count(shape) }, one), dtype);
}

/** An element of an array by its indices. */
export function reader(a: NDArray): (i: readonly number[]) => number {
  const data = numbersOf(a);
  return (i) => data[position(i, a.shape) as number];
}

/** The shape that several broadcast to. */
export function broadcast(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, d) => {
    const sizes = shapes.map((s) => s[d - rank + s.length] ?? 1);
    return sizes.find((s) => s !== 1) ?? 1;
  });
}

/** The indices at which a tensor of `shape` is read where the result, to which it broadcasts, has index `i`. */
export const broadcastAt = (i: readonly number[], shape: readonly number[]): number[] =>
  shape.map((s, d) => (s === 1 ? 0 : i[i.length - shape.length + d]));
