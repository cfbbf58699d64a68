/**
 * Storage: where in the workspace each allocated buffer lies. What parallel loops allocate comes last, once for each
 * thread; loops run one after another, so all of them use the same bytes.
 */
import {
  type Buffer,
  BYTES,
  constInt,
  type Expr,
  type For,
  ops,
  type Stmt,
  visitStmt,
} from "../../ir/index.ts";
import { parallelLoops } from "./parallel.ts";

/** Every buffer starts at a multiple of this many bytes: one v128. */
export const ALIGN = 16;

export interface Slot {
  readonly buffer: Buffer;
  /** Bytes from the start of the workspace, in terms of the symbolic sizes. */
  readonly offset: Expr;
}

export interface Storage {
  /** Buffers outside of parallel loops. */
  readonly slots: readonly Slot[];
  /** Buffers inside of each parallel loop: offsets in the part of a thread. */
  readonly perThread: ReadonlyMap<For, readonly Slot[]>;
  /** Where the threads' parts begin, and the bytes of each. */
  readonly threadsAt: Expr;
  readonly threadBytes: Expr;
  /** Bytes of the whole workspace. */
  readonly size: Expr;
}

/** Parts of threads start at cache lines of their own: a line that two of them write goes back and forth. */
const LINE = 64;

/**
 * Lays out the buffers that blocks of `body` allocate and `skip` does not keep elsewhere, one after another. `threads`
 * share the parallel loops.
 */
export function planStorage(body: Stmt, skip: (b: Buffer) => boolean, threads = 1): Storage {
  const loops = parallelLoops(body);
  const inside = new Set(loops.flatMap((l) => allocations(l).map((b) => b.id)));
  const shared = layOut(
    allocations(body).filter((b) => !inside.has(b.id)),
    skip,
  );
  const perThread = new Map<For, readonly Slot[]>();
  let most: Expr = ops.toExpr(0);
  for (const l of loops) {
    const own = layOut(allocations(l), skip);
    perThread.set(l, own.slots);
    most = ops.max(most, own.size);
  }
  if (constInt(most) === 0) {
    const { slots, size } = shared;
    return { slots, perThread, threadsAt: size, threadBytes: most, size };
  }
  const threadsAt = roundUp(shared.size, LINE);
  const threadBytes = roundUp(most, LINE);
  const size = ops.add(threadsAt, ops.mul(threadBytes, threads));
  return { slots: shared.slots, perThread, threadsAt, threadBytes, size };
}

function layOut(buffers: readonly Buffer[], skip: (b: Buffer) => boolean): { slots: Slot[]; size: Expr } {
  const slots: Slot[] = [];
  let size: Expr = ops.toExpr(0);
  for (const b of buffers) {
    if (skip(b)) continue;
    slots.push({ buffer: b, offset: size });
    size = ops.add(size, bytesOf(b));
  }
  return { slots, size };
}

/** A number of bytes rounded up to a multiple of `to`. */
function roundUp(bytes: Expr, to: number): Expr {
  const n = constInt(bytes);
  if (n !== undefined) return ops.toExpr(Math.ceil(n / to) * to);
  return ops.mul(ops.floordiv(ops.add(bytes, to - 1), to), to);
}

/** Bytes a buffer takes, rounded up to the alignment. */
export function bytesOf(b: Buffer): Expr {
  let elements: Expr = ops.toExpr(1);
  for (const e of b.shape) elements = ops.mul(elements, e);
  if (b.strides) {
    // The last element plus one.
    elements = ops.toExpr(1);
    b.shape.forEach((e, d) => {
      elements = ops.add(elements, ops.mul(ops.sub(e, 1), (b.strides as readonly Expr[])[d]));
    });
  }
  return roundUp(ops.mul(elements, BYTES[b.dtype]), ALIGN);
}

/** All buffers allocated in a statement. Unrolling may have copied an allocation: it counts once. */
export function allocations(s: Stmt): Buffer[] {
  const out = new Map<number, Buffer>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "block") for (const b of x.allocs) out.set(b.id, b);
    },
  });
  return [...out.values()];
}
