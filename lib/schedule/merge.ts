/** merge: neighbouring nests of the same shape become one. */
import { provablyEqual } from "../arith/index.ts";
import {
  type Block,
  blocksIn,
  type Expr,
  type For,
  loop,
  type PrimFunc,
  replaceStmt,
  type Stmt,
  seq,
  substStmt,
  variable,
  withBody,
} from "../ir/index.ts";
import { drives } from "./conditions.ts";
import { requireStagePipeline, stagesOf, whyNotStagePipeline } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { findBlock, findLoop, type Located, rangesOf, scopeBlock } from "./lookup.ts";
import { refuseMarkedLoop } from "./loop-rules.ts";
import { commonDepth } from "./region-cover.ts";
import type { WithLoop } from "./types.ts";

const NAME = "merge";

/**
 * Merges loops that stand side by side, each with the loops around it up to where the nests part: an iteration of the
 * new loops does that iteration of each nest, one after another. Returns the new loop in the place of the given ones.
 *
 * Legal when each nest needs of those before it only what they have made in the same iteration.
 */
export function merge(f: PrimFunc, loopIds: readonly number[]): WithLoop {
  const places = loopIds.map((id) => findLoop(f, id));
  const targets = places.map((p) => p.node);
  if (places.length < 2 || new Set(targets).size < places.length) {
    refuse(NAME, "two different loops are needed at least", `got ${names(targets)}`, targets);
  }
  const scope = scopeBlock(places[0]);
  if (places.some((p) => scopeBlock(p) !== scope)) {
    refuse(NAME, "the loops are not in the same scope", `${names(targets)} are in different blocks`, targets);
  }
  const depth = Math.min(...places.slice(1).map((p) => commonDepth(places[0].path, p.path)));
  const nests = places.map((p) => nestOf(p, depth));
  checkShape(f, nests, places, depth);
  const parent = places[0].path[depth - 1];
  const tops = nests.map((n) => n[0] as Stmt);
  const siblings = parent.kind === "seq" ? parent.stmts : [];
  const at = siblings.findIndex((s) => tops.includes(s));
  const order = siblings.slice(at, at + tops.length);
  if (at < 0 || !order.every((s) => tops.includes(s))) {
    const detail = `something stands between ${names(nests.map((n) => n[0]))}`;
    refuse(NAME, "the nests are not neighbours", detail, targets);
  }
  const [one] = stagesOf(scope).blocks;
  requireStagePipeline(NAME, f, findBlock(f, one.id));
  const sorted = order.map((s) => nests[tops.indexOf(s)]);
  checkFinished(scope, sorted);

  const vars = sorted[0].map((l) => variable(`${l.v.name}_m`, l.v.dtype));
  const bodies = sorted.map((nest) => {
    const map = new Map<number, Expr>(nest.map((l, i) => [l.v.id, vars[i]]));
    return substStmt(nest[nest.length - 1].body, map);
  });
  const merged = vars.reduceRight<Stmt>((s, v, i) => loop(v, sorted[0][i].extent, s), seq(bodies));
  const stmts = [...siblings.slice(0, at), merged, ...siblings.slice(at + tops.length)];
  const next = withBody(f, replaceStmt(f.body, parent, seq(stmts)));
  const why = whyNotStagePipeline(next, findBlock(next, scope.id).node);
  if (why) refuse(NAME, "a nest needs what another makes in a later iteration", why.detail, targets);
  return { func: next, loop: vars[vars.length - 1].id };
}

const names = (loops: readonly For[]): string => loops.map((l) => l.v.name).join(", ");

/** The loops from where the nests part down to the given one. */
function nestOf(p: Located<For>, depth: number): For[] {
  const below = p.path.slice(depth);
  const between = below.find((s) => s.kind !== "for");
  if (below.length > 0 && !between) return below as For[];
  if (below.length === 0) {
    return refuse(NAME, "a loop is inside another", `${p.node.v.name} is around the others`, [p.node]);
  }
  const above = below[below.indexOf(between as Stmt) - 1] as For | undefined;
  const detail = `${above?.v.name ?? "the common part"} contains more than the nest of ${p.node.v.name}`;
  return refuse(NAME, "a loop is not the only child of the one around it", detail, [p.node]);
}

function checkShape(
  f: PrimFunc,
  nests: readonly For[][],
  places: readonly Located<For>[],
  depth: number,
): void {
  const targets = places.map((p) => p.node);
  const [first, ...others] = nests;
  for (const nest of nests) for (const l of nest) refuseMarkedLoop(NAME, l);
  const ranges = rangesOf(f, places[0].path.slice(0, depth));
  for (const nest of others) {
    if (nest.length !== first.length) {
      const detail = `${names(first)} against ${names(nest)}`;
      refuse(NAME, "the loops are at different depths", detail, targets);
    }
    nest.forEach((l, i) => {
      if (l.v.dtype === first[i].v.dtype && provablyEqual(l.extent, first[i].extent, ranges)) return;
      const detail = `${first[i].v.name} and ${l.v.name} run over different ranges`;
      refuse(NAME, "the loops have different extents", detail, [first[i], l]);
    });
  }
}

/** What a later nest reads or writes again has its last value when the same iteration of an earlier one ends. */
function checkFinished(scope: Block, nests: readonly For[][]): void {
  const blocks = nests.map((n) => new Set(blocksIn(n[0]).map((b) => b.id)));
  for (const d of stagesOf(scope).dependencies) {
    const from = blocks.findIndex((s) => s.has(d.from.id));
    const to = blocks.findIndex((s) => s.has(d.to.id));
    if (from < 0 || to <= from) continue;
    if (d.kind === "writeAfterWrite") {
      const detail = `${d.from.name} and ${d.to.name} write ${d.buffer.name}`;
      refuse(NAME, "two of the nests write the same buffer", detail, [d.from, d.to]);
    }
    const open = nests[from].find((l) => drives(l, d.from, "R"));
    if (!open) continue;
    const detail = `${open.v.name} drives a reduce axis of ${d.from.name}, which ${d.to.name} reads`;
    refuse(NAME, "a nest would read a result that is not finished", detail, [open, d.from, d.to]);
  }
}
