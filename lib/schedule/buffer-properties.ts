/** setScope, unsafeSetDtype, storageAlign: properties of an intermediate buffer. */
import {
  type Block,
  type Buffer,
  cast,
  DTYPES,
  type DType,
  type Expr,
  type PrimFunc,
  replaceBuffers,
  rewriteStmt,
  type Stmt,
  store,
  withBody,
} from "../ir/index.ts";
import { allocatorOf, type BufferRef, regionMeant } from "./buffer-ref.ts";
import { refuse } from "./error.ts";
import { refuseCalls } from "./inline-parts.ts";
import { findBlock, type Located, replaceIn } from "./lookup.ts";

/** A number means that output of the block. */
export type OutputRef = number | BufferRef;

function allocated(primitive: string, f: PrimFunc, at: Located<Block>, ref: OutputRef): Buffer {
  const { buffer } = regionMeant(primitive, at.node, typeof ref === "number" ? ["write", ref] : ref);
  if (allocatorOf(f, buffer)) return buffer;
  const detail = `${buffer.name} is a parameter: who calls the function decides`;
  return refuse(primitive, "the buffer is not allocated in the function", detail, [at.node], (n) => {
    return `sch.cacheWrite(${n(at.node)}, 0, "local"), whose buffer is`;
  });
}

/** Moves a buffer of the block to another storage scope, in the whole function. */
export function setScope(f: PrimFunc, block: number, ref: OutputRef, scope: string): PrimFunc {
  const at = findBlock(f, block);
  if (typeof scope !== "string" || scope === "") {
    const detail = `${JSON.stringify(scope)} names no storage; usual ones are "global", "shared" and "local"`;
    refuse("setScope", "the storage scope has no name", detail, [at.node]);
  }
  const buffer = allocated("setScope", f, at, ref);
  if (buffer.scope === scope) return f;
  return withBody(f, replaceBuffers(f.body, new Map([[buffer.id, { ...buffer, scope }]])));
}

/**
 * Stores a buffer of the block with another dtype, in the whole function: what is stored is cast to it, what is
 * loaded is cast back. Values may lose precision or range, which is why it is called unsafe.
 */
export function unsafeSetDtype(f: PrimFunc, block: number, ref: OutputRef, dtype: DType): PrimFunc {
  const NAME = "unsafeSetDtype";
  const at = findBlock(f, block);
  if (!DTYPES.includes(dtype)) {
    const detail = `${JSON.stringify(dtype)} is none of ${DTYPES.join(", ")}`;
    refuse(NAME, "unknown dtype", detail, [at.node]);
  }
  const buffer = allocated(NAME, f, at, ref);
  if (buffer.dtype === dtype) return f;
  refuseCalls(NAME, f.body, buffer);
  const next = { ...buffer, dtype };
  const mine = (b: Buffer): boolean => b.id === buffer.id;
  const body = rewriteStmt(f.body, {
    buffer: (b) => (mine(b) ? next : b),
    expr: (e: Expr) => (e.kind === "load" && mine(e.buffer) ? cast(e, buffer.dtype) : e),
    stmt: (s: Stmt) =>
      s.kind === "store" && mine(s.buffer) ? store(next, s.indices, cast(s.value, dtype)) : s,
  });
  return withBody(f, body as Block);
}

/** Key of the annotation that asks for aligned rows: `[[write index, axis, factor, offset], …]`. */
export const ALIGN_KEY = "buffer_dim_align";

/**
 * Asks that the step between neighbours along `axis` of the block's output (in elements) be `offset` more than a
 * multiple of `factor`: banks of shared memory are then met in turn. Noted on the block; the layout follows when the
 * function is lowered.
 */
export function storageAlign(
  f: PrimFunc,
  block: number,
  writeBufferIndex: number,
  axis: number,
  factor: number,
  offset: number,
): PrimFunc {
  const NAME = "storageAlign";
  const at = findBlock(f, block);
  const b = at.node;
  const buffer = allocated(NAME, f, at, writeBufferIndex);
  const rank = buffer.shape.length;
  const position = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || position < 0 || position >= rank) {
    const detail = `${axis}, but ${buffer.name} has ${rank} dimension(s)`;
    refuse(NAME, "the axis is out of range", detail, [b]);
  }
  if (!Number.isInteger(factor) || factor <= 0) {
    refuse(NAME, "the factor must be a whole number above 0", `got ${factor}`, [b], (n) => {
      return `sch.storageAlign(${n(b)}, ${writeBufferIndex}, ${axis}, 32, 1)`;
    });
  }
  if (!Number.isInteger(offset) || offset < 0) {
    refuse(NAME, "the offset must be a whole number, not negative", `got ${offset}`, [b]);
  }
  const before = b.annotations[ALIGN_KEY];
  const others = (Array.isArray(before) ? before : []).filter(
    (x) => !(Array.isArray(x) && x[0] === writeBufferIndex && x[1] === position),
  );
  const noted = [...others, [writeBufferIndex, position, factor, offset]];
  return replaceIn(f, at, { ...b, annotations: { ...b.annotations, [ALIGN_KEY]: noted } });
}
