/** Finding blocks and loops by id, and what stands around and below them. */
import {
  type Block,
  childStmts,
  type For,
  type Interval,
  loopRange,
  type PrimFunc,
  pathTo,
  replaceStmt,
  type Stmt,
  seq,
  visitStmt,
  withBody,
} from "../ir/index.ts";

/** A node with everything around it, from the root block down; the node itself is the last. */
export interface Located<S extends Stmt> {
  readonly node: S;
  /** From the root block to the node, both included. */
  readonly path: readonly Stmt[];
}

/** The block of that id with its path. Throws when the function has none: callers pass ids that exist. */
export function findBlock(f: PrimFunc, id: number): Located<Block> {
  return locate(f, (s): s is Block => s.kind === "block" && s.id === id, `block ${id}`);
}

/** The loop whose variable has that id, with its path. Throws when the function has none. */
export function findLoop(f: PrimFunc, id: number): Located<For> {
  return locate(f, (s): s is For => s.kind === "for" && s.v.id === id, `loop ${id}`);
}

function locate<S extends Stmt>(f: PrimFunc, is: (s: Stmt) => s is S, what: string): Located<S> {
  const path = pathTo(f.body, is);
  if (!path) throw new Error(`the function has no ${what}`);
  return { node: path[path.length - 1] as S, path };
}

/** The loops around a node inside its scope block, outermost first; a loop counts itself. */
export function loopsOf(at: Located<Stmt>): For[] {
  const from = at.path.lastIndexOf(scopeBlock(at));
  return at.path.slice(from + 1).filter((s): s is For => s.kind === "for");
}

/** The nearest block around a node (for the root block itself, the root). */
export function scopeBlock(at: Located<Stmt>): Block {
  for (let i = at.path.length - 2; i >= 0; i--) {
    const s = at.path[i];
    if (s.kind === "block") return s;
  }
  return at.path[0] as Block;
}

/** The outermost blocks below a statement: not the statement itself, and nothing inside another block. */
export function childBlocks(s: Stmt): Block[] {
  const out: Block[] = [];
  const visit = (x: Stmt): void => {
    if (x.kind === "block") out.push(x);
    // What stands in an init is part of its block, no stage of the scope.
    else for (const c of childStmts(x)) visit(c);
  };
  for (const c of s.kind === "block" ? [s.body] : childStmts(s)) visit(c);
  return out;
}

/** The blocks of a name anywhere in the function (the root block excepted), in program order. */
export function blocksNamed(f: PrimFunc, name: string): Block[] {
  return allBlocks(f).filter((b) => b.name === name);
}

/** Every block but the root, in program order. */
export function allBlocks(f: PrimFunc): Block[] {
  const out: Block[] = [];
  visitStmt(f.body, {
    stmt: (s) => {
      if (s.kind === "block" && s !== f.body) out.push(s);
    },
  });
  return out;
}

/** The values each loop variable on a path takes, and of sizes in parameters what is known (not negative). */
export function rangesOf(f: PrimFunc, path: readonly Stmt[]): Map<number, Interval> {
  const ranges = sizeRanges(f);
  for (const s of path) {
    if (s.kind === "for") ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
    if (s.kind === "block") for (const a of s.axes) ranges.set(a.v.id, loopRange(ZERO, a.extent, ranges));
  }
  return ranges;
}

const ZERO = { kind: "const", dtype: "i32", value: 0 } as const;

/** Symbolic sizes of the parameters are not negative. */
function sizeRanges(f: PrimFunc): Map<number, Interval> {
  const ranges = new Map<number, Interval>();
  for (const p of f.params) {
    if (p.kind !== "buffer") continue;
    for (const s of p.shape)
      if (s.kind === "var") ranges.set(s.id, { min: 0, max: Number.POSITIVE_INFINITY });
  }
  return ranges;
}

/** The block or loop of that id: blocks and variables share one space of ids. */
export function findNode(f: PrimFunc, id: number): Located<Block | For> {
  const is = (s: Stmt): s is Block | For =>
    (s.kind === "block" ? s.id : s.kind === "for" ? s.v.id : -1) === id;
  return locate(f, is, `block or loop ${id}`);
}

/** The function with one statement replaced (by identity); a sequence put into a sequence becomes part of it. */
export function replaceIn(f: PrimFunc, at: Located<Stmt>, by: Stmt): PrimFunc {
  if (at.node === by) return f;
  const parent = at.path[at.path.length - 2];
  if (by.kind === "seq" && parent?.kind === "seq") {
    const joined = seq(parent.stmts.map((s) => (s === at.node ? by : s)));
    return withBody(f, replaceStmt(f.body, parent, joined));
  }
  return withBody(f, replaceStmt(f.body, at.node, by));
}
