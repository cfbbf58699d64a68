/**
 * The pieces of cacheRead and cacheWrite: the new buffer, the block that copies, its place, and the rewriting of
 * accesses.
 *
 * The cache has the buffer's shape, except where the copy stands directly in the scope block and the part that is used
 * is known there as numbers and sizes: then it has the shape of that part. Names are `<buffer>_<scope>` for buffer and
 * block, ax0, ax1, … for loops, v0, v1, … for axes.
 */
import { provablyEqual, simplify } from "../arith/index.ts";
import {
  axis,
  type Block,
  type Buffer,
  block,
  buffer as bufferOf,
  constant,
  constInt,
  type Expr,
  type For,
  load,
  ops,
  type PrimFunc,
  type Range,
  type Ranges,
  type Region,
  replaceStmt,
  rewriteExpr,
  type Stmt,
  seq,
  store,
  variable,
  varsOf,
  withBody,
} from "../ir/index.ts";
import { nestOf } from "./compute-at-nest.ts";
import { type Iteration, iterationOf } from "./compute-at-regions.ts";
import type { Located } from "./lookup.ts";
import { commonDepth } from "./region-cover.ts";

export interface Cache {
  readonly original: Buffer;
  readonly buffer: Buffer;
  /** What is subtracted from the original's indices; undefined where the shape is the same. */
  readonly offsets?: readonly Expr[];
  readonly iterations: readonly Iteration[];
}

/** A cache for a part of a buffer. `shrink`: the copy stands directly in the scope block. */
export function cacheOf(
  original: Buffer,
  part: readonly { readonly range: Range; readonly limit: Expr }[],
  scope: string,
  ranges: Ranges,
  shrink: boolean,
): Cache {
  const iterations = part.map(({ range, limit }, i) => {
    const it = iterationOf(range, limit, ranges, false);
    const size = original.shape[i];
    return provablyEqual(it.extent, size, ranges) && constInt(it.min) === 0 ? { ...it, extent: size } : it;
  });
  const name = `${original.name}_${scope}`;
  const fixed = (e: Expr): boolean => [...varsOf(e).keys()].every((id) => isSize(original, id));
  const small =
    shrink &&
    iterations.every((it) => !it.guardStart && !it.guardEnd && fixed(it.min) && fixed(it.extent)) &&
    iterations.some((it, i) => it.extent !== original.shape[i]);
  if (!small) return { original, buffer: bufferOf(name, original.shape, original.dtype, scope), iterations };
  return {
    original,
    buffer: bufferOf(
      name,
      iterations.map((it) => it.extent),
      original.dtype,
      scope,
    ),
    offsets: iterations.map((it) => it.min),
    iterations: iterations.map((it) => ({ ...it, min: constant(0, it.min.dtype) })),
  };
}

/** Symbolic sizes are visible everywhere, unlike loops and the axes of other blocks. */
const isSize = (b: Buffer, id: number): boolean => b.shape.some((s) => varsOf(s).has(id));

/** The block that copies between original and cache, under its loops; and its id. */
export function copyBlock(
  c: Cache,
  direction: "in" | "out",
  around: readonly For[],
  ranges: Ranges,
): { nest: Stmt; id: number } {
  const axes = c.iterations.map((it, i) => {
    const v = variable(`v${i}`, it.extent.dtype);
    return axis(v, "S", c.offsets ? it.extent : c.original.shape[i], v);
  });
  const here = axes.map((a): Expr => a.v);
  const there = here.map((v, i) => (c.offsets ? simplify(ops.add(v, c.offsets[i])) : v));
  const body =
    direction === "in"
      ? store(c.buffer, here, load(c.original, there))
      : store(c.original, there, load(c.buffer, here));
  const copy = block({ name: c.buffer.name, axes, body });
  return { nest: nestOf(copy, c.iterations, around, ranges, true), id: copy.id };
}

/** Where a copy is put: behind the part of a sequence in which the block stands, before the first reader there. */
export interface Place {
  /** The sequence and the statement of it behind which the copy goes; undefined: the whole body of the scope. */
  readonly after?: { readonly seq: Stmt; readonly child: Stmt };
  /** How many statements of the block's path stand around the copy. */
  readonly depth: number;
}

/** Behind `at`, in the innermost sequence that also holds one of the readers. */
export function placeBehind(at: Located<Block>, readers: readonly Located<Block>[], scope: Block): Place {
  const around = at.path.indexOf(scope) + 1;
  const depth = Math.max(0, ...readers.map((r) => commonDepth(at.path, r.path)));
  if (depth <= around) return { depth: around };
  return { after: { seq: at.path[depth - 1], child: at.path[depth] }, depth };
}

/** Whether a place is directly in the scope block, under no loop. */
export const inScope = (at: Located<Block>, place: Place, scope: Block): boolean =>
  !at.path.slice(at.path.indexOf(scope), place.depth).some((s) => s.kind === "for");

/** The function with another body of a scope block, which also allocates the cache. */
export function withCache(f: PrimFunc, scope: Block, body: Stmt, cache: Buffer): PrimFunc {
  const next: Block = { ...scope, body, allocs: [...scope.allocs, cache] };
  return withBody(f, replaceStmt(f.body, scope, next) as Block);
}

/**
 * Puts the copy into the body and redirects accesses on the way: `step` rewrites one statement, calling `go` for those
 * below it. The copy itself is not rewritten.
 */
export function insertCopy(
  body: Stmt,
  nest: Stmt,
  place: Place | "first",
  step: (s: Stmt, go: (s: Stmt) => Stmt) => Stmt,
): Stmt {
  const after = place === "first" ? undefined : place.after;
  const go = (s: Stmt): Stmt => {
    if (!after || s !== after.seq || s.kind !== "seq") return step(s, go);
    return seq(s.stmts.flatMap((c) => (c === after.child ? [go(c), nest] : [go(c)])));
  };
  if (after) return go(body);
  return seq(place === "first" ? [nest, go(body)] : [go(body), nest]);
}

/** An access of the original as an access of the cache. */
export const shifted = (c: Cache, indices: readonly Expr[], ranges: Ranges): Expr[] =>
  indices.map((e, i) => (c.offsets ? simplify(ops.sub(e, c.offsets[i]), ranges) : e));

/** Loads of the original below an expression, redirected. */
export function redirectLoads(e: Expr, c: Cache, ranges: Ranges): Expr {
  return rewriteExpr(e, (x) =>
    x.kind === "load" && x.buffer.id === c.original.id ? load(c.buffer, shifted(c, x.indices, ranges)) : x,
  );
}

/** Parts of the original that a call gets, redirected. */
export function redirectCalls(s: Stmt, c: Cache): Stmt {
  if (s.kind !== "extern") return s;
  const args = s.args.map((a) =>
    a.kind === "accessPtr" ? { ...a, region: redirectRegions([a.region], c)[0] } : a,
  );
  return { ...s, args };
}

/** Stated regions of the original, redirected. */
export function redirectRegions(regions: readonly Region[], c: Cache): Region[] {
  return regions.map((r) => {
    if (r.buffer.id !== c.original.id) return r;
    const starts = shifted(
      c,
      r.ranges.map((x) => x.min),
      new Map(),
    );
    return { buffer: c.buffer, ranges: r.ranges.map((x, i) => ({ min: starts[i], extent: x.extent })) };
  });
}
