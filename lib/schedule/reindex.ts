/**
 * reindex, reindexCacheRead and reindexCacheWrite: a buffer is copied into one that is laid out by the axes of the
 * block that uses it, so that the block's own accesses become plain.
 *
 * The copy has an axis for each axis of the block that the access mentions; it stands directly in the scope, before the
 * nest of a reader or behind the nest of a writer.
 */
import {
  axisRanges,
  exprKey,
  indexMap,
  inverseIndexMap,
  mapShape,
  prove,
  regionsOf,
  simplify,
} from "../arith/index.ts";
import {
  axis,
  type Block,
  type BlockAxis,
  type Buffer,
  type Expr,
  load,
  loop,
  block as makeBlock,
  buffer as makeBuffer,
  ops,
  type PrimFunc,
  replaceStmt,
  rewriteStmt,
  type Scope,
  type Stmt,
  seq,
  store,
  substExpr,
  variable,
  varsOf,
  visitStmt,
} from "../ir/index.ts";
import { type BufferRef, type IndexOrName, regionAt, regionMeant } from "./buffer-ref.ts";
import { withCache } from "./cache-copy.ts";
import { consumersOf, producersOf, requireStagePipeline } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { dropStatedRegions, refuseOpaqueAccess } from "./inline-parts.ts";
import { childBlocks, findBlock, type Located } from "./lookup.ts";
import { whyNotCovered } from "./region-cover.ts";
import { readMap } from "./transform-layout.ts";
import type { WithBlock } from "./types.ts";

/**
 * Lets the block read from (or write to) a new buffer that has a dimension for each axis its access mentions, in the
 * order of the axes, and copies. Refuses a scope that is no stage pipeline, a block with blocks inside, several ways of
 * access, and indices of something else than axes.
 */
export function reindex(f: PrimFunc, block: number, ref: BufferRef): WithBlock {
  return relaid("reindex", f, block, ref, "global");
}

/** `reindex` of a read into a storage scope, laid out by a map of the block's axes. */
export function reindexCacheRead(
  f: PrimFunc,
  block: number,
  ref: IndexOrName,
  scope: Scope,
  map: string,
): WithBlock {
  return relaid("reindexCacheRead", f, block, { what: "read", ref }, scope, map);
}

/** `reindex` of a write to a storage scope, laid out by a map of the block's axes. */
export function reindexCacheWrite(
  f: PrimFunc,
  block: number,
  ref: IndexOrName,
  scope: Scope,
  map: string,
): WithBlock {
  return relaid("reindexCacheWrite", f, block, { what: "write", ref }, scope, map);
}

function relaid(
  primitive: string,
  f: PrimFunc,
  id: number,
  ref: BufferRef | { readonly what: "read" | "write"; readonly ref: IndexOrName },
  storage: Scope,
  mapText?: string,
): WithBlock {
  const at = findBlock(f, id);
  const b = at.node;
  const { buffer, isWrite } =
    typeof ref === "object" && "what" in ref
      ? { ...regionAt(primitive, b, ref.what, ref.ref), isWrite: ref.what === "write" }
      : regionMeant(primitive, b, ref);
  const scope = requireStagePipeline(primitive, f, at);
  const inside = childBlocks(b);
  if (inside.length > 0) {
    const detail = `${b.name} contains ${inside.map((x) => x.name).join(", ")}`;
    refuse(primitive, "the block is not a leaf", detail, [b, ...inside]);
  }
  refuseOpaqueAccess(primitive, scope, buffer);
  const { reads, writes } = regionsOf(b);
  if ([reads, writes].every((list) => list.some((r) => r.buffer.id === buffer.id))) {
    const detail = `${b.name} reads ${buffer.name} and writes it; the copy would not follow`;
    refuse(primitive, "the block reads what it writes", detail, [b]);
  }
  if (isWrite) refuseOtherWriter(primitive, scope, b, buffer);
  const top = topOf(primitive, at, scope, buffer, isWrite);

  const indices = onlyAccess(primitive, b, buffer);
  const used = b.axes.filter((a) => indices.some((e) => varsOf(e).has(a.v.id)));
  const layout = mapText === undefined ? used.map((a): Expr => a.v) : mapped(primitive, b, used, mapText);
  const [map, extents] = [
    indexMap(
      used.map((a) => a.v),
      layout,
    ),
    used.map((a) => a.extent),
  ];
  const shape = mapShape(map, extents);
  if (typeof shape === "string") return refuse(primitive, "the new layout has no shape", shape, [b]);
  const inverse = inverseIndexMap(map, extents);
  if (typeof inverse === "string") refuse(primitive, "the index map is not injective", inverse, [b]);
  const name = `${buffer.name}_${mapText === undefined ? "reindex" : storage}`;
  const made = makeBuffer(name, shape, buffer.dtype, storage);
  const copy = copyNest(buffer, made, used, indices, layout, isWrite);

  const swapped = redirected(b, buffer, made, layout);
  const nest = replaceStmt(top, b, swapped);
  const body = replaceStmt(scope.body, top, seq(isWrite ? [nest, copy.nest] : [copy.nest, nest]));
  const func = withCache(f, scope, flattened(body), made);
  if (isWrite) {
    const [writer, reader] = [findBlock(func, id).node, findBlock(func, copy.id).node];
    const read = regionsOf(reader).reads[0];
    const why = whyNotCovered(func, [writer], reader, read);
    if (why) refuse(primitive, "the written region is not covered", why, [b]);
  }
  return { func, block: copy.id };
}

/** The statement of the scope's body in which the block stands. Others that share the buffer may not stand there. */
function topOf(primitive: string, at: Located<Block>, scope: Block, buffer: Buffer, isWrite: boolean): Stmt {
  const path = at.path.slice(at.path.indexOf(scope) + 1);
  const top = path[0].kind === "seq" ? path[1] : path[0];
  const others = isWrite ? consumersOf(scope, at.node) : producersOf(scope, at.node);
  const inTop = new Set(childBlocks(top).map((x) => x.id));
  const shared = others.find((o) => {
    const { reads, writes } = regionsOf(o);
    return inTop.has(o.id) && (isWrite ? reads : writes).some((r) => r.buffer.id === buffer.id);
  });
  if (shared) {
    const detail = `${shared.name} ${isWrite ? "reads" : "writes"} ${buffer.name} in the nest of ${at.node.name}; the copy stands ${isWrite ? "behind" : "before"} that`;
    refuse(primitive, "the buffer is used by another block of the nest", detail, [shared, at.node]);
  }
  return top;
}

/** The copy behind the nest would overwrite what another block has written there. */
function refuseOtherWriter(primitive: string, scope: Block, b: Block, buffer: Buffer): void {
  const other = childBlocks(scope.body).find(
    (x) => x !== b && regionsOf(x).writes.some((r) => r.buffer.id === buffer.id),
  );
  if (!other) return;
  const detail = `${buffer.name} is written by ${b.name} and by ${other.name}`;
  refuse(primitive, "the buffer has more than one writer", detail, [other, b]);
}

/** The indices of every access of the buffer in the block, which have to be the same. */
function onlyAccess(primitive: string, b: Block, buffer: Buffer): readonly Expr[] {
  const found = new Map<string, readonly Expr[]>();
  const note = (indices: readonly Expr[]): void => {
    const simple = indices.map((e) => simplify(e));
    found.set(simple.map(exprKey).join(), simple);
  };
  visitStmt(b, {
    stmt: (s) => {
      if (s.kind === "store" && s.buffer.id === buffer.id) note(s.indices);
    },
    expr: (e) => {
      if (e.kind === "load" && e.buffer.id === buffer.id) note(e.indices);
    },
  });
  const [indices] = found.values();
  if (found.size !== 1) {
    const detail = `${b.name} accesses ${buffer.name} in ${found.size} ways`;
    refuse(primitive, "the block does not access the buffer in exactly one way", detail, [b]);
  }
  const own = new Set(b.axes.map((a) => a.v.id));
  for (const e of indices) {
    for (const v of varsOf(e).values()) {
      if (own.has(v.id)) continue;
      const detail = `an index of ${buffer.name} mentions ${v.name}, which is no axis of ${b.name}`;
      refuse(primitive, "the access is not a single point of the axes", detail, [b]);
    }
  }
  return indices;
}

/** The new indices by the map of all axes. */
function mapped(primitive: string, b: Block, used: readonly BlockAxis[], text: string): Expr[] {
  const map = readMap(primitive, text, b);
  if (map.vars.length !== b.axes.length) {
    const detail = `${b.name} has ${b.axes.length} axes, the index map takes ${map.vars.length}`;
    refuse(primitive, "the index map does not fit the block", detail, [b]);
  }
  const axes = new Map(map.vars.map((v, i) => [v.id, b.axes[i].v] as const));
  const layout = map.results.map((e) => simplify(substExpr(e, axes), axisRanges(b.axes)));
  const mentioned = new Set(layout.flatMap((e) => [...varsOf(e).keys()]));
  const other = b.axes.find((a) => mentioned.has(a.v.id) !== used.includes(a));
  if (other) {
    const [yes, no] = mentioned.has(other.v.id) ? ["index map", "access"] : ["access", "index map"];
    const detail = `the ${yes} mentions the axis ${other.v.name} of ${b.name}, the ${no} does not`;
    refuse(primitive, "index map and access use different axes", detail, [b]);
  }
  return layout;
}

/** The block that copies between the buffer and the new one, under its loops. */
function copyNest(
  buffer: Buffer,
  made: Buffer,
  used: readonly BlockAxis[],
  indices: readonly Expr[],
  layout: readonly Expr[],
  isWrite: boolean,
): { nest: Stmt; id: number } {
  const loops = used.map((a, i) => ({ v: variable(`ax${i}`, a.v.dtype), extent: a.extent }));
  const axes = used.map((a, i) => axis(variable(a.v.name, a.v.dtype), "S", a.extent, loops[i].v));
  const inAxes = new Map(used.map((a, i) => [a.v.id, axes[i].v] as const));
  const inLoops = new Map(used.map((a, i) => [a.v.id, loops[i].v] as const));
  const there = indices.map((e) => substExpr(e, inAxes));
  const here = layout.map((e) => substExpr(e, inAxes));
  // The block may run for some values of its axes only: elsewhere there may be nothing to copy.
  const known = axisRanges(used);
  const conds = indices.flatMap((e, i) => [ops.ge(e, 0), ops.lt(e, buffer.shape[i])]);
  const predicate = ops.allOf(conds.filter((c) => !prove(c, known)).map((c) => substExpr(c, inLoops)));
  const body = isWrite ? store(buffer, there, load(made, here)) : store(made, here, load(buffer, there));
  const copy = makeBlock({ name: made.name, axes, predicate, body });
  return { nest: loops.reduceRight<Stmt>((s, l) => loop(l.v, l.extent, s), copy), id: copy.id };
}

/** The block with its accesses of the buffer going to the new one. */
function redirected(b: Block, buffer: Buffer, made: Buffer, layout: readonly Expr[]): Block {
  return rewriteStmt(dropStatedRegions(b, buffer), {
    expr: (e) => (e.kind === "load" && e.buffer.id === buffer.id ? load(made, layout) : e),
    stmt: (s) => (s.kind === "store" && s.buffer.id === buffer.id ? store(made, layout, s.value) : s),
  }) as Block;
}

/** A sequence within a sequence becomes part of it. */
const flattened = (s: Stmt): Stmt => (s.kind === "seq" ? seq(s.stmts) : s);
