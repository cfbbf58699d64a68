/** Finding statements in a tree and replacing them. */
import type { Block, For, Stmt } from "./stmt.ts";
import { childStmts, mapStmt, visitStmt } from "./walk.ts";

/** The statements from `root` down to the first (in program order) that `is` accepts, both included. */
export function pathTo(root: Stmt, is: (s: Stmt) => boolean): Stmt[] | undefined {
  if (is(root)) return [root];
  for (const c of childStmts(root)) {
    const below = pathTo(c, is);
    if (below) {
      below.unshift(root);
      return below;
    }
  }
  return undefined;
}

/** The tree with the statement object `old` replaced (by identity); everything off its path keeps its identity. */
export function replaceStmt<S extends Stmt>(root: S, old: Stmt, by: Stmt): S {
  let done = false;
  const go = (s: Stmt): Stmt => {
    if (done) return s;
    if (s === old) {
      done = true;
      return by;
    }
    return mapStmt(s, { stmt: go });
  };
  const out = go(root);
  if (!done) throw new Error("replaceStmt: the statement is not in the tree");
  return out as S;
}

/** All blocks below (and including) `s`, in program order. */
export function blocksIn(s: Stmt): Block[] {
  const out: Block[] = [];
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "block") out.push(x);
    },
  });
  return out;
}

/** All loops below (and including) `s`, in program order. */
export function loopsIn(s: Stmt): For[] {
  const out: For[] = [];
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for") out.push(x);
    },
  });
  return out;
}
