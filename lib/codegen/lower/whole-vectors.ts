/**
 * Rows of small tiles start at whole vectors: the last dimension of a buffer that vectorised loops go along is made a
 * multiple of four, so that a tile of 2 rows by 14 sums is kept in eight vector registers and not element by element.
 */
import { type Buffer, constant, constInt, replaceBuffers, type Stmt } from "../../ir/index.ts";
import { accessesIn, isUnrolledVector, linearIndex, splitLane } from "./access.ts";
import { allocations } from "./storage.ts";

/** Larger buffers are in memory, where a vector may start anywhere. */
const MAX_ELEMENTS = 256;
const LANES = 4;

export function wholeVectors(s: Stmt): Stmt {
  const next = new Map<number, Buffer>();
  const small = new Map(allocations(s).flatMap((b) => (isRagged(b) ? [[b.id, b] as const] : [])));
  if (small.size === 0) return s;
  for (const a of accessesIn(s)) {
    const b = small.get(a.buffer.id);
    const vectors = new Set(a.loops.filter(isUnrolledVector).map((l) => l.v.id));
    if (!b || splitLane(linearIndex(b, a.indices), vectors)?.lane === undefined) continue;
    const last = b.shape.length - 1;
    const row = Math.ceil((constInt(b.shape[last]) ?? 0) / LANES) * LANES;
    next.set(b.id, { ...b, shape: b.shape.map((e, d) => (d === last ? constant(row, e.dtype) : e)) });
  }
  return next.size === 0 ? s : replaceBuffers(s, next);
}

/** Several rows whose length is no multiple of a vector's. */
function isRagged(b: Buffer): boolean {
  if (b.strides || b.shape.length < 2) return false;
  const sizes = b.shape.map((e) => constInt(e) ?? Number.NaN);
  const row = sizes[sizes.length - 1];
  const all = sizes.reduce((p, n) => p * n, 1);
  return all <= MAX_ELEMENTS && all > row && row > 1 && row % LANES !== 0;
}
