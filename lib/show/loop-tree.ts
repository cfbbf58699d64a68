/** The loops and blocks of a function as a tree: the JSON twin of the loop-tree picture, and its text. */
import { type Buffer, type Expr, type PrimFunc, type Stmt, visitExpr } from "../ir/index.ts";
import { boundText, cut } from "./bounds.ts";
import { accessText, exprText } from "./expr-text.ts";
import { plain } from "./html.ts";
import { nodeKey, type Program, tensorPrograms } from "./lines.ts";

export interface LoopNode {
  readonly kind: "loop";
  /** `loop:17`, the same as in scripts (`data-node`). */
  readonly key: string;
  readonly name: string;
  readonly min: string;
  readonly extent: string;
  readonly loopKind: string;
  /** The thread axis of a loop bound to one. */
  readonly thread?: string;
  readonly annotations: readonly string[];
  readonly children: readonly TreeNode[];
}

export interface BlockNode {
  readonly kind: "block";
  readonly key: string;
  readonly name: string;
  readonly axes: readonly {
    readonly type: "S" | "R" | "O";
    readonly name: string;
    readonly extent: string;
    readonly binding: string;
  }[];
  readonly predicate?: string;
  readonly init: boolean;
  /** Accesses as they stand in the body, each once: `A[vi, vk]`. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly allocs: readonly string[];
  readonly annotations: readonly string[];
  readonly children: readonly TreeNode[];
}

/** A branch. */
export interface BranchNode {
  readonly kind: "if";
  readonly cond: string;
  readonly children: readonly TreeNode[];
}

export type TreeNode = LoopNode | BlockNode | BranchNode;

export interface LoopTree {
  readonly name: string;
  /** Parameters and intermediates: `A: f32[128, 128]`. */
  readonly params: readonly string[];
  readonly allocs: readonly string[];
  readonly children: readonly TreeNode[];
}

/** The loop trees of the functions of a program. */
export function loopTrees(x: Program): LoopTree[] {
  if (x.kind === "primFunc") return [loopTree(x)];
  return tensorPrograms(x).map(([name, f]) => loopTree(f, name));
}

/** The loop tree of a function. The root block, which every function has, is not a node of its own. */
export function loopTree(f: PrimFunc, name = "primFunc"): LoopTree {
  return {
    name,
    params: f.params.map((p) => (p.kind === "buffer" ? bufferText(p) : `${p.name}: ${p.dtype}`)),
    allocs: f.body.allocs.map(bufferText),
    children: nodes(f.body.body),
  };
}

function bufferText(b: Buffer): string {
  const scope = b.scope === "global" ? "" : ` in ${b.scope}`;
  return `${b.name}: ${b.dtype}[${b.shape.map(exprText).join(", ")}]${scope}`;
}

function nodes(s: Stmt): TreeNode[] {
  switch (s.kind) {
    case "for":
      return [
        {
          kind: "loop",
          key: nodeKey(s)!,
          name: s.v.name,
          min: exprText(s.min),
          extent: exprText(s.extent),
          loopKind: s.loopKind,
          ...(s.thread === undefined ? {} : { thread: s.thread }),
          annotations: attrs(s.annotations),
          children: nodes(s.body),
        },
      ];
    case "block": {
      const { reads, writes } = accesses(s.init ? [s.init, s.body] : [s.body]);
      return [
        {
          kind: "block",
          key: nodeKey(s)!,
          name: s.name,
          axes: s.axes.map((a) => ({
            type: a.type,
            name: a.v.name,
            extent: exprText(a.extent),
            binding: exprText(a.binding),
          })),
          ...(s.predicate ? { predicate: exprText(s.predicate) } : {}),
          init: s.init !== undefined,
          reads,
          writes,
          allocs: s.allocs.map(bufferText),
          annotations: attrs(s.annotations),
          children: nodes(s.body),
        },
      ];
    }
    case "seq":
      return s.stmts.flatMap(nodes);
    case "if": {
      const children = [...nodes(s.then), ...(s.else ? nodes(s.else) : [])];
      return children.length === 0 ? [] : [{ kind: "if", cond: exprText(s.cond), children }];
    }
    case "let":
      return nodes(s.body);
    case "store":
    case "extern":
      return [];
  }
}

const attrs = (a: { readonly [k: string]: unknown }): string[] =>
  Object.entries(a).map(([k, v]) => `${k} = ${JSON.stringify(v)}`);

/** Loads and stores of a block's own statements (those of nested blocks belong to them). */
function accesses(bodies: readonly Stmt[]): { reads: string[]; writes: string[] } {
  const [reads, writes] = [new Set<string>(), new Set<string>()];
  const expr = (e: Expr): void =>
    visitExpr(e, (x) => {
      if (x.kind === "load") reads.add(accessText(x.buffer.name, x.indices));
    });
  const go = (s: Stmt): void => {
    switch (s.kind) {
      case "store":
        writes.add(accessText(s.buffer.name, s.indices));
        for (const i of s.indices) expr(i);
        expr(s.value);
        return;
      case "seq":
        s.stmts.forEach(go);
        return;
      case "if":
        expr(s.cond);
        go(s.then);
        if (s.else) go(s.else);
        return;
      case "let":
        expr(s.value);
        go(s.body);
        return;
      case "for":
        go(s.body);
        return;
      case "block":
        return;
    }
  };
  bodies.forEach(go);
  // A reduction reads what it writes; naming it once is enough.
  for (const w of writes) reads.delete(w);
  return { reads: [...reads], writes: [...writes] };
}

/** How a loop reads: its range and, when it is not serial, its kind. */
export function loopLabel(l: LoopNode): { range: string; kind: string } {
  const range = l.min === "0" ? l.extent : `${l.min} … +${l.extent}`;
  return { range, kind: l.thread ?? (l.loopKind === "serial" ? "" : l.loopKind) };
}

/** The tree as indented text. */
export function loopTreeText(t: LoopTree): string {
  const out = [t.name];
  const go = (children: readonly TreeNode[], lead: string): void => {
    children.forEach((n, i) => {
      const last = i === children.length - 1;
      out.push(`${lead}${last ? "└ " : "├ "}${cut(nodeText(n), 200)}`);
      go(n.children, lead + (last ? "  " : "│ "));
    });
  };
  go(t.children, "");
  return boundText(out.map(plain).join("\n"));
}

function nodeText(n: TreeNode): string {
  if (n.kind === "if") return `if ${n.cond}`;
  if (n.kind === "loop") {
    const { range, kind } = loopLabel(n);
    return [`for ${n.name} in ${range}`, kind && `(${kind})`, ...n.annotations].filter(Boolean).join(" ");
  }
  const axes = n.axes.map((a) => `${a.type} ${a.name} = ${a.binding}`).join(", ");
  const parts = [axes, n.predicate && `where ${n.predicate}`, n.init && "init"];
  if (n.reads.length > 0) parts.push(`reads ${n.reads.join(" ")}`);
  if (n.writes.length > 0) parts.push(`writes ${n.writes.join(" ")}`);
  return `block ${n.name}: ${[...parts, ...n.annotations].filter(Boolean).join("; ")}`;
}
