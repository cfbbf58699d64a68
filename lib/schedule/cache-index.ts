/** cacheIndex: index arithmetic of a block is done once, into buffers of its own. */
import { exprKey, simplify } from "../arith/index.ts";
import {
  axis,
  type Block,
  type Buffer,
  block,
  buffer as bufferOf,
  type Expr,
  load,
  loop,
  type PrimFunc,
  replaceStmt,
  rewriteStmt,
  type Stmt,
  seq,
  store,
  substExpr,
  variable,
  varsOf,
  visitExpr,
  visitStmt,
  withBody,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findBlock, scopeBlock } from "./lookup.ts";
import type { WithBlocks } from "./types.ts";

const NAME = "cacheIndex";

/**
 * Computes the indices at which the block loads, where they take a division or a product, in blocks `index_0`, … of
 * their own first: each into a buffer `index_var_0`, … over the axes it depends on. Only indices that occur more than
 * `threshold` times. Returns the new blocks. Refuses when there is no such index.
 */
export function cacheIndex(f: PrimFunc, blockId: number, scope: string, threshold = 0): WithBlocks {
  const at = findBlock(f, blockId);
  const b = at.node;
  if (typeof scope !== "string" || scope === "") {
    const detail = `${JSON.stringify(scope)} names no storage; usual ones are "global", "shared" and "local"`;
    refuse(NAME, "the storage scope has no name", detail, [b]);
  }
  const found = indicesOf(b).filter((x) => x.times > threshold);
  if (found.length === 0) {
    const detail = `${b.name} loads at its axes, or sums of them, only${threshold > 0 ? ` (or not more than ${threshold} times)` : ""}`;
    refuse(NAME, "the block computes no index", detail, [b]);
  }
  const outer = scopeBlock(at);
  const cached = found.map(({ index }, n) => ({ index, ...computed(b, index, scope, n) }));
  const byKey = new Map(cached.map((c) => [exprKey(c.index), c.value]));
  const body = rewriteStmt(b, {
    expr: (e: Expr) =>
      e.kind === "load" ? { ...e, indices: e.indices.map((i) => byKey.get(exprKey(i)) ?? i) } : e,
  }) as Block;
  const { reads: _, writes: __, ...rest } = body;
  const next: Block = {
    ...outer,
    allocs: [...outer.allocs, ...cached.map((c) => c.buffer)],
    body: seq([...cached.map((c) => c.nest), replaceStmt(outer.body, b, b.reads || b.writes ? rest : body)]),
  };
  const func = withBody(f, replaceStmt(f.body, outer, next) as Block);
  return { func, blocks: cached.map((c) => c.id) };
}

interface Counted {
  readonly index: Expr;
  times: number;
}

/** Indices of loads that are more than sums, in terms of the block's axes alone, with how often they occur. */
function indicesOf(b: Block): Counted[] {
  const axes = new Set(b.axes.map((a) => a.v.id));
  const out = new Map<string, Counted>();
  const visit = (e: Expr): void => {
    if (e.kind !== "load") return;
    for (const i of e.indices) {
      if (!takesWork(i) || [...varsOf(i).keys()].some((id) => !axes.has(id))) continue;
      const key = exprKey(i);
      const known = out.get(key);
      if (known) known.times++;
      else out.set(key, { index: i, times: 1 });
    }
  };
  visitStmt(b.body, { expr: visit });
  return [...out.values()];
}

function takesWork(index: Expr): boolean {
  let work = false;
  let loads = false;
  visitExpr(index, (e) => {
    if (e.kind === "load") loads = true;
    if (e.kind === "select" || (e.kind === "binary" && e.op !== "add" && e.op !== "sub")) work = true;
  });
  return work && !loads;
}

/** The buffer of an index, the nest that fills it, and the load that stands for the index. */
function computed(
  b: Block,
  index: Expr,
  scope: string,
  n: number,
): { buffer: Buffer; nest: Stmt; id: number; value: Expr } {
  const used = varsOf(index);
  const from = b.axes.filter((a) => used.has(a.v.id));
  const buffer = bufferOf(
    `index_var_${n}`,
    from.map((a) => a.extent),
    index.dtype,
    scope,
  );
  const loops = from.map((a, i) => variable(`ax${i}`, a.v.dtype));
  const axes = from.map((a, i) => axis(variable(`v${i}`, a.v.dtype), "S", a.extent, loops[i]));
  const map = new Map<number, Expr>(from.map((a, i) => [a.v.id, axes[i].v]));
  const indices = axes.map((a) => a.v);
  const body = store(buffer, indices, simplify(substExpr(index, map)));
  const made = block({ name: `index_${n}`, axes, body });
  const nest = loops.reduceRight<Stmt>((s, v, i) => loop(v, from[i].extent, s), made);
  const value = load(
    buffer,
    from.map((a) => a.v),
  );
  return { buffer, nest, id: made.id, value };
}
