/**
 * The blocks of a function, who makes what they use, and which part of each buffer they touch: the JSON twin of the
 * block graph, and its text.
 */
import { regionsOf, relaxRegion, substRegion, type VarDomain, withDomains } from "../arith/index.ts";
import { evalSize } from "../codegen/index.ts";
import {
  type Block,
  type Buffer,
  childStmts,
  type Expr,
  intervalOf,
  type PrimFunc,
  type Region,
  type Stmt,
  substExpr,
} from "../ir/index.ts";
import { stagesOf } from "../schedule/index.ts";
import { boundText, count, take } from "./bounds.ts";
import { exprText } from "./expr-text.ts";
import { plain } from "./html.ts";
import { nodeKey, type Program, tensorPrograms } from "./lines.ts";
import type { LoopRef } from "./structural-change.ts";

/** Part of a buffer, in elements. */
export interface Box {
  readonly min: readonly number[];
  readonly extent: readonly number[];
}

export interface GraphAccess {
  readonly buffer: string;
  /** Sizes that are not known are null. */
  readonly shape: readonly (number | null)[];
  /** The blocks that made what is read. */
  readonly from: readonly string[];
  /**
   * What one iteration of each loop touches, outermost first, and what one instance touches (`loop` is null), at an
   * iteration in the first half. Loops that make no difference are left out; boxes that are not known too.
   */
  readonly levels: readonly { readonly loop: string | null; readonly box: Box }[];
}

export interface GraphBlock {
  readonly key: string;
  readonly name: string;
  /** 0 directly below the root; 1 inside a block of that kind, and so on. */
  readonly depth: number;
  /** Loops between the block and the block around it, outermost first. */
  readonly loops: readonly LoopRef[];
  readonly axes: readonly {
    readonly type: "S" | "R" | "O";
    readonly name: string;
    readonly extent: string;
  }[];
  readonly reads: readonly GraphAccess[];
  readonly writes: readonly GraphAccess[];
}

export interface GraphEdge {
  /** Keys of blocks. */
  readonly from: string;
  readonly to: string;
  readonly buffer: string;
  readonly kind: "readAfterWrite" | "writeAfterWrite" | "writeAfterRead";
}

export interface BlockGraph {
  readonly name: string;
  readonly blocks: readonly GraphBlock[];
  readonly edges: readonly GraphEdge[];
}

/** The block graphs of the functions of a program. */
export function blockGraphs(x: Program): BlockGraph[] {
  if (x.kind === "primFunc") return [blockGraph(x)];
  return tensorPrograms(x).map(([name, f]) => blockGraph(f, name));
}

/** The blocks of a function in program order, with the edges between the blocks of each scope. */
export function blockGraph(f: PrimFunc, name = "primFunc"): BlockGraph {
  const blocks: GraphBlock[] = [];
  const edges: GraphEdge[] = [];
  const scopeEdges = (scope: Block): void => {
    for (const d of stagesOf(scope).dependencies) {
      edges.push({ from: nodeKey(d.from)!, to: nodeKey(d.to)!, buffer: d.buffer.name, kind: d.kind });
    }
  };
  const go = (s: Stmt, w: Where): void => {
    if (s.kind === "for") {
      const range = { v: s.v, min: substExpr(s.min, w.bound), extent: substExpr(s.extent, w.bound) };
      const kind = s.thread ?? (s.loopKind === "serial" ? undefined : s.loopKind);
      const ref = { key: nodeKey(s)!, name: s.v.name, extent: exprText(s.extent), ...(kind ? { kind } : {}) };
      go(s.body, { ...w, domains: [...w.domains, range], loops: [...w.loops, ref] });
      return;
    }
    if (s.kind === "block") {
      const bound = new Map(w.bound);
      for (const a of s.axes) bound.set(a.v.id, substExpr(a.binding, w.bound));
      const here = { ...w, bound };
      blocks.push(blockNode(s, here, edges));
      if (holdsBlock(s.body)) scopeEdges(s);
      go(s.body, { ...here, depth: w.depth + 1, loops: [] });
      return;
    }
    for (const c of childStmts(s)) go(c, w);
  };
  scopeEdges(f.body);
  go(f.body.body, { domains: [], loops: [], bound: new Map(), depth: 0 });
  return { name, blocks, edges };
}

interface Where {
  /** All loops around, also those outside the scope. */
  readonly domains: readonly VarDomain[];
  readonly loops: readonly LoopRef[];
  /** Axes of the blocks around, in terms of loops. */
  readonly bound: ReadonlyMap<number, Expr>;
  readonly depth: number;
}

const holdsBlock = (s: Stmt): boolean => s.kind === "block" || childStmts(s).some(holdsBlock);

function blockNode(b: Block, w: Where, edges: readonly GraphEdge[]): GraphBlock {
  const { reads, writes } = regionsOf(b);
  const key = nodeKey(b)!;
  const makers = (buffer: Buffer): string[] =>
    edges
      .filter((e) => e.to === key && e.buffer === buffer.name && e.kind === "readAfterWrite")
      .map((e) => e.from);
  const access = (r: Region, from: readonly string[]): GraphAccess => ({
    buffer: r.buffer.name,
    shape: r.buffer.shape.map((e) => evalSize(e, new Map()) ?? null),
    from,
    levels: levelsOf(substRegion(r, w.bound), w.domains),
  });
  return {
    key,
    name: b.name,
    depth: w.depth,
    loops: w.loops,
    axes: b.axes.map((a) => ({ type: a.type, name: a.v.name, extent: exprText(a.extent) })),
    reads: reads.map((r) => access(r, makers(r.buffer))),
    writes: writes.map((r) => access(r, [])),
  };
}

/** Boxes of the region at one iteration, the more loops stand still the smaller. */
function levelsOf(r: Region, domains: readonly VarDomain[]): GraphAccess["levels"] {
  const env = new Map<number, number>();
  for (const d of domains) {
    const [min, extent] = [evalSize(d.min, env), evalSize(d.extent, env)];
    if (min === undefined || extent === undefined) return [];
    env.set(d.v.id, min + Math.floor(Math.max(0, extent - 1) / 3));
  }
  const out: { loop: string | null; box: Box }[] = [];
  for (let fixed = 1; fixed <= domains.length; fixed++) {
    const inner = domains.slice(fixed);
    const box = boxOf(relaxRegion(r, inner, withDomains(domains.slice(0, fixed), new Map())), env);
    if (!box) return [];
    const last = out.at(-1);
    if (last && JSON.stringify(last.box) === JSON.stringify(box)) out.pop();
    out.push({ loop: fixed === domains.length ? null : domains[fixed - 1].v.name, box });
  }
  if (domains.length > 0) return out;
  const box = boxOf(r, env);
  return box ? [{ loop: null, box }] : [];
}

/** The region as numbers, clipped to the buffer. */
function boxOf(r: Region, env: ReadonlyMap<number, number>): Box | undefined {
  const [min, extent]: [number[], number[]] = [[], []];
  for (const [d, x] of r.ranges.entries()) {
    const low = evalSize(x.min, env);
    const n = evalSize(x.extent, env) ?? intervalOf(x.extent, new Map()).max;
    const size = evalSize(r.buffer.shape[d], env);
    if (low === undefined || size === undefined || !Number.isFinite(n)) return undefined;
    const from = Math.min(Math.max(0, low), size);
    min.push(from);
    extent.push(Math.max(0, Math.min(size, low + n) - from));
  }
  return { min, extent };
}

/** `3 × 8`; a scalar is one element. */
export const extentText = (b: Box): string => (b.extent.length === 0 ? "1" : b.extent.join(" × "));

/** `A[128, 128]: 1 × 1, each i 1 × 128`. */
function accessLine(a: GraphAccess): string {
  const shape = `${a.buffer}[${a.shape.map((s) => s ?? "?").join(", ")}]`;
  if (a.levels.length === 0) return `${shape}: not known`;
  return `${shape}: ${[...a.levels]
    .reverse()
    .map((l) => (l.loop === null ? extentText(l.box) : `${extentText(l.box)} in each ${l.loop}`))
    .join(", ")}`;
}

/** The graph as text: a paragraph for each block. */
export function blockGraphText(g: BlockGraph, most = 200): string {
  const names = new Map(g.blocks.map((b) => [b.key, b.name]));
  const { shown, left } = take(g.blocks, most);
  const out = [g.name];
  for (const b of shown) {
    const lead = "  ".repeat(b.depth + 1);
    const loops = b.loops.map((l) => `${l.name} ${l.extent}${l.kind ? ` ${l.kind}` : ""}`).join(", ");
    out.push(`${lead}block ${b.name}${loops && ` in ${loops}`}`);
    for (const a of b.reads) {
      const from = a.from.map((k) => names.get(k) ?? "?").join(", ");
      out.push(`${lead}  reads  ${accessLine(a)}${from && `, from ${from}`}`);
    }
    for (const a of b.writes) out.push(`${lead}  writes ${accessLine(a)}`);
    const to = g.edges.filter((e) => e.from === b.key && e.kind === "readAfterWrite");
    if (to.length > 0)
      out.push(`${lead}  → ${to.map((e) => `${names.get(e.to) ?? "?"} (${e.buffer})`).join(", ")}`);
  }
  if (left > 0) out.push(`  … ${count(left, "more block")} left out`);
  return boundText(out.map(plain).join("\n"));
}
