/** Storage: where in the workspace each allocated buffer lies. */
import { type Buffer, BYTES, constInt, type Expr, ops, type Stmt, visitStmt } from "../../ir/index.ts";

/** Every buffer starts at a multiple of this many bytes: one v128. */
export const ALIGN = 16;

export interface Slot {
  readonly buffer: Buffer;
  /** Bytes from the start of the workspace, in terms of the symbolic sizes. */
  readonly offset: Expr;
}

export interface Storage {
  readonly slots: readonly Slot[];
  /** Bytes of the whole workspace. */
  readonly size: Expr;
}

/** Lays out the buffers that blocks of `body` allocate and `skip` does not keep elsewhere, one after another. */
export function planStorage(body: Stmt, skip: (b: Buffer) => boolean): Storage {
  const slots: Slot[] = [];
  let size: Expr = ops.toExpr(0);
  for (const b of allocations(body)) {
    if (skip(b)) continue;
    slots.push({ buffer: b, offset: size });
    size = ops.add(size, bytesOf(b));
  }
  return { slots, size };
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
  const n = constInt(elements);
  if (n !== undefined) return ops.toExpr(Math.ceil((n * BYTES[b.dtype]) / ALIGN) * ALIGN);
  const bytes = ops.mul(elements, BYTES[b.dtype]);
  return ops.mul(ops.floordiv(ops.add(bytes, ALIGN - 1), ALIGN), ALIGN);
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
