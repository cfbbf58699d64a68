/** Comparing results with a tolerance. */
import type { BufferArg } from "../codegen/index.ts";
import { isFloat, type Scalar } from "../ir/index.ts";
import { readElement } from "./elements.ts";

export interface Tolerance {
  /** Allowed difference relative to the second tensor. Default 1e-5. */
  readonly rtol?: number;
  /** Allowed absolute difference, added to the relative one. Default 1e-8. */
  readonly atol?: number;
  /** Whether NaN equals NaN. Default false: a NaN on either side is a difference. */
  readonly equalNan?: boolean;
}

/** One pair of elements and how far apart they are. */
export interface Pair {
  readonly index: readonly number[];
  readonly a: Scalar;
  readonly b: Scalar;
  readonly absolute: number;
  /** Relative to `b`. */
  readonly relative: number;
}

export interface Closeness {
  readonly ok: boolean;
  /** A sentence that names the worst element. */
  readonly message: string;
  /** Number of elements, and of those too far apart. */
  readonly size: number;
  readonly differing: number;
  /** The pair that exceeds its tolerance most (or comes closest to it); absent when there are no elements. */
  readonly worst?: Pair;
}

/**
 * Whether |a - b| <= atol + rtol * |b| for every element. Infinities are close to themselves alone; NaN is close to
 * nothing unless `equalNan`. Shapes must agree, dtypes need not (a float reference may be wider).
 */
export function allclose(a: BufferArg, b: BufferArg, tolerance: Tolerance = {}): Closeness {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = tolerance;
  const [sa, sb] = [a.shape.join(", "), b.shape.join(", ")];
  if (sa !== sb || a.shape.length !== b.shape.length) {
    return { ok: false, message: `shapes differ: [${sa}] against [${sb}]`, size: 0, differing: 0 };
  }
  const size = a.shape.reduce((n, s) => n * s, 1);
  let differing = 0;
  let worst = -1;
  let worstExcess = -1;
  for (let i = 0; i < size; i++) {
    const x = readElement(a.data, a.dtype, i);
    const y = readElement(b.data, b.dtype, i);
    const excess = excessOf(x, y, rtol, atol, equalNan);
    if (excess > 1) differing++;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  const ok = differing === 0;
  const limits = `rtol ${rtol}, atol ${atol}`;
  if (worst < 0) return { ok, message: `no elements (${limits})`, size, differing };
  const pair = pairAt(a, b, worst);
  const text = (x: Scalar, of: BufferArg) => (isFloat(of.dtype) ? short(Number(x)) : String(x));
  const where = pair.index.length > 0 ? `at [${pair.index.join(", ")}]` : "the value";
  const values = `${where}: ${text(pair.a, a)} against ${text(pair.b, b)}`;
  const apart = `absolute ${short(pair.absolute)}, relative ${short(pair.relative)}`;
  const message = ok
    ? `all ${size} element(s) agree (${limits}); the largest difference is ${values} (${apart})`
    : `${differing} of ${size} element(s) differ by more than ${limits}; worst ${values} (${apart})`;
  return { ok, message, size, differing, worst: pair };
}

/** Throws an error that names the worst element unless the tensors are close. */
export function assertAllclose(a: BufferArg, b: BufferArg, tolerance: Tolerance = {}): void {
  const result = allclose(a, b, tolerance);
  if (!result.ok) throw new Error(result.message);
}

/** The difference in units of what is allowed: above 1 is too far. */
function excessOf(x: Scalar, y: Scalar, rtol: number, atol: number, equalNan: boolean): number {
  if (x === y) return 0;
  const [p, q] = [Number(x), Number(y)];
  if (Number.isNaN(p) || Number.isNaN(q)) {
    return equalNan && Number.isNaN(p) && Number.isNaN(q) ? 0 : Number.POSITIVE_INFINITY;
  }
  const apart = difference(x, y);
  if (apart === Number.POSITIVE_INFINITY) return apart;
  const allowed = atol + rtol * Math.abs(q);
  return allowed === 0 ? Number.POSITIVE_INFINITY : apart / allowed;
}

/** |x - y|; two i64 are subtracted exactly. */
function difference(x: Scalar, y: Scalar): number {
  if (typeof x === "bigint" && typeof y === "bigint") return Number(x > y ? x - y : y - x);
  return Math.abs(Number(x) - Number(y));
}

function pairAt(a: BufferArg, b: BufferArg, i: number): Pair {
  const index: number[] = [];
  let rest = i;
  for (let d = a.shape.length - 1; d >= 0; d--) {
    index.unshift(rest % a.shape[d]);
    rest = Math.floor(rest / a.shape[d]);
  }
  const x = readElement(a.data, a.dtype, i);
  const y = readElement(b.data, b.dtype, i);
  const absolute = x === y ? 0 : difference(x, y);
  return { index, a: x, b: y, absolute, relative: absolute === 0 ? 0 : absolute / Math.abs(Number(y)) };
}

const short = (x: number): string => (Number.isInteger(x) ? String(x) : String(Number(x.toPrecision(8))));
