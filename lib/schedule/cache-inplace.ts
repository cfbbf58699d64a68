/** cacheInplace: a block that updates a buffer does so in a copy, which is brought back afterwards. */
import { regionsOf, relaxRegion, unionRegion } from "../arith/index.ts";
import {
  type Buffer,
  blocksIn,
  type Expr,
  type PrimFunc,
  type Region,
  replaceStmt,
  rewriteStmt,
  type Stmt,
  seq,
  store,
} from "../ir/index.ts";
import { type IndexOrName, regionAt } from "./buffer-ref.ts";
import {
  cacheOf,
  copyBlock,
  redirectCalls,
  redirectLoads,
  redirectRegions,
  shifted,
  withCache,
} from "./cache-copy.ts";
import { refuse } from "./error.ts";
import { rangesBelow } from "./inline-parts.ts";
import { findBlock, rangesOf, scopeBlock } from "./lookup.ts";
import { atLoops, domainsFrom } from "./region-cover.ts";
import type { WithBlocks } from "./types.ts";

const NAME = "cacheInplace";

/**
 * Copies what the block updates of a buffer (its number among the reads, or its name; the block must also write it) to a new buffer in
 * storage scope `scope`, lets the block's whole nest work there, and copies it back. Returns the two copies, the one
 * before the nest and the one behind it, `<buffer>_<scope>` and `<buffer>_<scope>_back`.
 */
export function cacheInplace(f: PrimFunc, block: number, ref: IndexOrName, scope: string): WithBlocks {
  const at = findBlock(f, block);
  const b = at.node;
  if (typeof scope !== "string" || scope === "") {
    const detail = `${JSON.stringify(scope)} names no storage; usual ones are "global", "shared" and "local"`;
    refuse(NAME, "the storage scope has no name", detail, [b]);
  }
  const outer = scopeBlock(at);
  const { writes } = regionsOf(b);
  const { buffer } = regionAt(NAME, b, "read", ref);
  if (!writes.some((w) => w.buffer.id === buffer.id)) {
    const detail = `${b.name} reads ${buffer.name}, but does not write it`;
    refuse(NAME, "the block must both read and write the buffer", detail, [b], (n) => {
      return `sch.cacheRead(${n(b)}, ${JSON.stringify(ref)}, ${JSON.stringify(scope)})`;
    });
  }
  const depth = at.path.indexOf(outer) + 1;
  const inSeq = at.path[depth].kind === "seq";
  const nest = at.path[inSeq ? depth + 1 : depth];
  const ranges = rangesOf(f, at.path.slice(0, depth));
  const part = regionIn(nest, buffer, f);
  const sized = part.ranges.map((range, i) => ({ range, limit: buffer.shape[i] }));
  const cache = cacheOf(buffer, sized, scope, ranges, true);
  const [before, behind] = [copyBlock(cache, "in", [], ranges), copyBlock(cache, "out", [], ranges)];
  const below = rangesBelow(nest, ranges);
  const mine = (rs: readonly Region[] | undefined): boolean =>
    rs?.some((r) => r.buffer.id === buffer.id) ?? false;
  const moved = rewriteStmt(nest, {
    expr: (e: Expr) => (e.kind === "load" ? redirectLoads(e, cache, below) : e),
    stmt: (s: Stmt) => {
      if (s.kind === "store" && s.buffer.id === buffer.id) {
        return store(cache.buffer, shifted(cache, s.indices, below), s.value);
      }
      if (s.kind !== "block" || (!mine(s.reads) && !mine(s.writes))) return redirectCalls(s, cache);
      return {
        ...s,
        ...(s.reads ? { reads: redirectRegions(s.reads, cache) } : {}),
        ...(s.writes ? { writes: redirectRegions(s.writes, cache) } : {}),
      };
    },
  });
  const back = rewriteStmt(behind.nest, {
    stmt: (s) => (s.kind === "block" ? { ...s, name: `${s.name}_back` } : s),
  });
  const around = seq([before.nest, moved, back]);
  const body = inSeq ? rebuilt(at.path[depth], nest, around) : around;
  const func = withCache(f, outer, body, cache.buffer);
  return { func, blocks: [before.id, behind.id] };
}

const rebuilt = (sequence: Stmt, nest: Stmt, by: Stmt): Stmt =>
  sequence.kind === "seq"
    ? seq(sequence.stmts.flatMap((s) => (s === nest ? [by] : [s])))
    : replaceStmt(sequence, nest, by);

/** All that the nest touches of the buffer. */
function regionIn(nest: Stmt, buffer: Buffer, f: PrimFunc): Region {
  let all: Region | undefined;
  for (const x of blocksIn(nest)) {
    const at = findBlock(f, x.id);
    // Blocks inside blocks are part of what their outermost block touches.
    if (at.path.slice(at.path.indexOf(nest), -1).some((s) => s.kind === "block")) continue;
    const { reads, writes } = regionsOf(x);
    for (const r of [...reads, ...writes]) {
      if (r.buffer.id !== buffer.id) continue;
      const whole = relaxRegion(atLoops(x, r), domainsFrom(at.path, at.path.indexOf(nest)));
      all = all ? unionRegion(all, whole) : whole;
    }
  }
  return all as Region;
}
