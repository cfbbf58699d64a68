/** cacheRead and cacheWrite: staging copies of a buffer in another storage scope. */
import { prove, regionsOf, relaxRegion, simplify, wholeBuffer } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  type Expr,
  mapStmt,
  ops,
  type PrimFunc,
  type Range,
  type Ranges,
  type Region,
  rewriteStmt,
  type Stmt,
  store,
} from "../ir/index.ts";
import { type IndexOrName, regionAt } from "./buffer-ref.ts";
import {
  type Cache,
  cacheOf,
  copyBlock,
  inScope,
  insertCopy,
  type Place,
  placeBehind,
  redirectCalls,
  redirectLoads,
  redirectRegions,
  shifted,
  withCache,
} from "./cache-copy.ts";
import { requireStage, stagesOf } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { rangesBelow } from "./inline-parts.ts";
import { findBlock, type Located, rangesOf } from "./lookup.ts";
import { atLoops, domainsFrom, whyNotCovered, writtenSpans } from "./region-cover.ts";
import type { WithBlock } from "./types.ts";

export interface CacheReadOptions {
  /** The blocks (their ids) that read the copy; all that read the buffer where nothing is said. */
  readonly consumerBlocks?: readonly number[];
}

/**
 * Copies a buffer that the block reads (its number among those, or its name) into a new buffer in storage scope
 * `scope`; the blocks of the scope block that read the buffer read the copy. The copy stands behind the block that
 * writes the buffer, or first where nothing in the scope block writes it. Refuses an index out of range, several
 * writers, a writer behind a reader, reads that the writer does not cover, and consumers that do not read the buffer.
 */
export function cacheRead(
  f: PrimFunc,
  block: number,
  ref: IndexOrName,
  scope: string,
  { consumerBlocks }: CacheReadOptions = {},
): WithBlock {
  const NAME = "cacheRead";
  const at = findBlock(f, block);
  const { buffer } = accessed(NAME, at.node, ref, "read", scope);
  const outer = requireStage(NAME, at);
  const stages = stagesOf(outer).blocks;
  const touches = (list: readonly Region[]): boolean => list.some((r) => r.buffer.id === buffer.id);
  const writers = stages.filter((b) => touches(regionsOf(b).writes));
  if (writers.length > 1) refuseWriters(NAME, buffer, writers);
  const writer = writers[0];
  const every = stages.filter((b) => b !== writer && touches(regionsOf(b).reads));
  const readers = consumerBlocks ? every.filter((b) => consumerBlocks.includes(b.id)) : every;
  for (const id of consumerBlocks ?? []) {
    if (every.some((b) => b.id === id)) continue;
    const other = findBlock(f, id).node;
    const detail = `${other.name} does not read ${buffer.name} in ${outer.name}`;
    refuse(NAME, "a consumer does not read the buffer", detail, [at.node, other]);
  }
  const others = new Set<Stmt>(every.filter((b) => !readers.includes(b)));
  if (readers.length === 0) {
    const detail = `only ${at.node.name} itself reads ${buffer.name}, which it also writes`;
    refuse(NAME, "the block makes what it reads", detail, [at.node]);
  }

  const made = writer && findBlock(f, writer.id);
  const place = made ? placeOfRead(NAME, f, made, readers, buffer, outer) : "first";
  const path =
    made && place !== "first"
      ? made.path.slice(0, place.depth)
      : at.path.slice(0, at.path.indexOf(outer) + 1);
  const ranges = rangesOf(f, path);
  const part =
    made && place !== "first" ? writtenPart(made, buffer, place, ranges) : partRead(f, outer, buffer);
  const shrink = !made || place === "first" || inScope(made, place, outer);
  const cache = cacheOf(
    buffer,
    part.map((range, i) => ({ range, limit: buffer.shape[i] })),
    scope,
    ranges,
    shrink,
  );
  const around = path.filter((s) => s.kind === "for");
  const copy = copyBlock(cache, "in", around, ranges);
  const below = rangesBelow(outer.body, ranges);
  const body = insertCopy(outer.body, copy.nest, place, (s, go) => {
    if (s === writer || others.has(s)) return s;
    const next = redirectCalls(mapStmt(s, { stmt: go, expr: (e) => redirectLoads(e, cache, below) }), cache);
    if (next.kind !== "block" || !next.reads || !touches(next.reads)) return next;
    return { ...next, reads: redirectRegions(next.reads, cache) };
  });
  return { func: withCache(f, outer, body, cache.buffer), block: copy.id };
}

/**
 * Lets the block write an output (its number, or its name) to a new buffer in storage scope `scope`, and copies that to
 * the original. Other blocks go on reading the original. The copy stands before the first of them, or last in the scope
 * block. Refuses an index out of range, several writers, a block that reads the buffer's old values, and writes that
 * may leave gaps.
 */
export function cacheWrite(f: PrimFunc, block: number, ref: IndexOrName, scope: string): WithBlock {
  const NAME = "cacheWrite";
  const at = findBlock(f, block);
  const b = at.node;
  const { buffer } = accessed(NAME, b, ref, "write", scope);
  const outer = requireStage(NAME, at);
  const { blocks, dependencies } = stagesOf(outer);
  const touches = (list: readonly Region[]): boolean => list.some((r) => r.buffer.id === buffer.id);
  const writers = blocks.filter((x) => touches(regionsOf(x).writes));
  if (writers.length > 1) refuseWriters(NAME, buffer, writers);
  if (touches(regionsOf(b).reads)) {
    const detail = `${b.name} reads ${buffer.name} before it writes it; the cache would not hold the old values`;
    refuse(NAME, "the block reads what it writes", detail, [b]);
  }
  const readers = dependencies.filter(
    (d) => d.from === b && d.kind === "readAfterWrite" && d.buffer.id === buffer.id,
  );
  const place = placeBehind(
    at,
    readers.map((d) => findBlock(f, d.to.id)),
    outer,
  );
  const path = at.path.slice(0, place.depth);
  const ranges = rangesOf(f, path);
  const spans = writtenSpans(at, buffer.id, domainsFrom(at.path, place.depth), ranges);
  const part = spans?.map(({ starts, ends }, i) => {
    const range = { min: starts[0], extent: simplify(ops.sub(ends[0], starts[0]), ranges) };
    const limit = [buffer.shape[i], ...ends.slice(1)].reduce((x, y) => (prove(ops.le(y, x), ranges) ? y : x));
    const known = ends.slice(1).every((e) => prove(ops.ge(e, limit), ranges)) && starts.length === 1;
    return known ? { range, limit } : undefined;
  });
  if (!part?.every((p) => p !== undefined)) {
    const detail = `${b.name} may leave gaps in ${buffer.name}, which the copy would overwrite`;
    return refuse(NAME, "the written region is not covered", detail, [b]);
  }
  const cache = cacheOf(buffer, part, scope, ranges, inScope(at, place, outer));
  const around = path.filter((s) => s.kind === "for");
  const copy = copyBlock(cache, "out", around, ranges);
  const body = insertCopy(outer.body, copy.nest, place, (s, go) =>
    s === b ? writeTo(cache, b, ranges) : mapStmt(s, { stmt: go }),
  );
  return { func: withCache(f, outer, body, cache.buffer), block: copy.id };
}

/** The part of a buffer to copy first in a scope: all of it in the root block, else what one instance reads. */
function partRead(f: PrimFunc, scope: Block, buffer: Buffer): readonly Range[] {
  const read = scope === f.body ? undefined : regionsOf(scope).reads.find((r) => r.buffer.id === buffer.id);
  return (read ?? wholeBuffer(buffer)).ranges;
}

/** The region of an access, and a scope that has a name. */
function accessed(
  primitive: string,
  b: Block,
  ref: IndexOrName,
  what: "read" | "write",
  scope: string,
): Region {
  if (typeof scope !== "string" || scope === "") {
    const detail = `${JSON.stringify(scope)} names no storage; usual ones are "global", "shared" and "local"`;
    refuse(primitive, "the storage scope has no name", detail, [b]);
  }
  return regionAt(primitive, b, what, ref);
}

function refuseWriters(primitive: string, buffer: Buffer, writers: readonly Block[]): never {
  const detail = `${buffer.name} is written by ${writers.map((w) => w.name).join(", ")}`;
  return refuse(primitive, "the buffer has more than one writer", detail, writers);
}

function placeOfRead(
  primitive: string,
  f: PrimFunc,
  writer: Located<Block>,
  readers: readonly Block[],
  buffer: Buffer,
  scope: Block,
): Place {
  const order = stagesOf(scope).blocks;
  for (const r of readers) {
    if (order.indexOf(r) < order.indexOf(writer.node)) {
      const detail = `${r.name} reads ${buffer.name} before ${writer.node.name} writes it`;
      refuse(primitive, "the buffer is written behind a reader", detail, [r, writer.node]);
    }
    const read = regionsOf(r).reads.find((x) => x.buffer.id === buffer.id) as Region;
    const why = whyNotCovered(f, [writer.node], r, read);
    if (why) refuse(primitive, "the read region is not covered", why, [writer.node, r]);
  }
  return placeBehind(
    writer,
    readers.map((r) => findBlock(f, r.id)),
    scope,
  );
}

/** What the writer has written of the buffer at a place; too large a part does no harm to a reading copy. */
function writtenPart(writer: Located<Block>, buffer: Buffer, place: Place, ranges: Ranges): readonly Range[] {
  const region = regionsOf(writer.node).writes.find((w) => w.buffer.id === buffer.id) as Region;
  return relaxRegion(atLoops(writer.node, region), domainsFrom(writer.path, place.depth), ranges).ranges;
}

/** The block with all its accesses of the original redirected to the cache. */
function writeTo(c: Cache, b: Block, ranges: Ranges): Stmt {
  const below = rangesBelow(b, ranges);
  const mine = (r: readonly Region[]): boolean => r.some((x) => x.buffer.id === c.original.id);
  return rewriteStmt(b, {
    expr: (e: Expr) => (e.kind === "load" ? redirectLoads(e, c, below) : e),
    stmt: (s) => {
      if (s.kind === "store" && s.buffer.id === c.original.id) {
        return store(c.buffer, shifted(c, s.indices, below), s.value);
      }
      if (s.kind !== "block") return redirectCalls(s, c);
      const reads = s.reads && mine(s.reads) ? redirectRegions(s.reads, c) : s.reads;
      const writes = s.writes && mine(s.writes) ? redirectRegions(s.writes, c) : s.writes;
      return reads === s.reads && writes === s.writes ? s : { ...s, reads, writes };
    },
  });
}
