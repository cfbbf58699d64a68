/** What there is to say about a tensor: the JSON twin of the tensor card. */
import { BYTES, type DType, f16FromBits } from "../ir/index.ts";
import { BOUNDS } from "./bounds.ts";

/** Anything with a dtype, a shape and its elements in row-major order: runtime tensors, and plain objects. */
export interface TensorLike {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

export interface TensorStats {
  /** Of the finite elements; NaN when there is none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Standard deviation of the finite elements. */
  readonly std: number;
  readonly zeros: number;
  readonly nans: number;
  readonly infinities: number;
  /** Elements looked at: all of them, or an evenly spaced sample of a very large tensor. */
  readonly seen: number;
}

export interface TensorSummary {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  readonly stats: TensorStats;
  /** The first and last elements of the last two dimensions, first slice; null stands for what is left out. */
  readonly values: readonly (readonly (number | null)[] | null)[];
}

/** Elements beyond which statistics come from a sample (a pass over this many takes some 50 ms). */
const SAMPLE = 1 << 24;

export function tensorSummary(t: TensorLike): TensorSummary {
  const elements = elementsOf(t.shape);
  const { rows, cols } = lastTwo(t.shape);
  const js = edges(cols);
  const at = reader(t);
  const values = edges(rows).map((i) =>
    i === null ? null : js.map((j) => (j === null ? null : at(i * cols + j))),
  );
  return {
    dtype: t.dtype,
    shape: [...t.shape],
    elements,
    bytes: elements * BYTES[t.dtype],
    stats: tensorStats(t),
    values,
  };
}

export const elementsOf = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);

/** A scalar is one row of one column, a vector one row; of higher ranks the last two dimensions are shown. */
export function lastTwo(shape: readonly number[]): { rows: number; cols: number } {
  if (shape.length < 2) return { rows: elementsOf(shape) === 0 ? 0 : 1, cols: shape[0] ?? 1 };
  const [rows, cols] = shape.slice(-2);
  return elementsOf(shape) === 0 ? { rows: 0, cols } : { rows, cols };
}

/** Element number `i` as a number: an i64 beyond 2^53 is rounded, the bits of an f16 are decoded. */
export function reader(t: TensorLike): (i: number) => number {
  const data = t.data;
  if (t.dtype === "f16" && data instanceof Uint16Array) return (i) => f16FromBits(data[i]);
  return (i) => Number(data[i]);
}

/** The first and last indices of `n`, with null between them when some are left out. */
export function edges(n: number, edge: number = BOUNDS.edge): (number | null)[] {
  if (n <= 2 * edge + 1) return Array.from({ length: n }, (_, i) => i);
  const ends = Array.from({ length: edge }, (_, i) => i);
  return [...ends, null, ...ends.map((i) => n - edge + i)];
}

export function tensorStats(t: TensorLike): TensorStats {
  const n = elementsOf(t.shape);
  const at = reader(t);
  const step = Math.max(1, Math.ceil(n / SAMPLE));
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  let [zeros, nans, infinities, finite, seen] = [0, 0, 0, 0, 0];
  // Deviations from the first finite element: their squares do not cancel when the mean is large.
  let shift = Number.NaN;
  for (let i = 0; i < n; i += step) {
    const x = at(i);
    seen++;
    if (x === 0) zeros++;
    if (!Number.isFinite(x)) {
      if (Number.isNaN(x)) nans++;
      else infinities++;
      continue;
    }
    if (Number.isNaN(shift)) shift = x;
    finite++;
    if (x < min) min = x;
    if (x > max) max = x;
    sum += x - shift;
    squares += (x - shift) ** 2;
  }
  if (finite === 0) {
    const none = Number.NaN;
    return { min: none, max: none, mean: none, std: none, zeros, nans, infinities, seen };
  }
  const mean = sum / finite;
  const std = Math.sqrt(Math.max(0, squares / finite - mean * mean));
  return { min, max, mean: mean + shift, std, zeros, nans, infinities, seen };
}
