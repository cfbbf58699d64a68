/**
 * Peeling. A reduction that was not decomposed initialises its result under the condition that the reduce loop is at
 * its first value. Running the first iteration before the loop decides that condition in both places: no test in the
 * loop, and nothing that keeps its results out of registers.
 */
import { prove, simplify } from "../../arith/index.ts";
import {
  type Expr,
  type For,
  type Interval,
  ifThen,
  loop,
  loopRange,
  mapStmt,
  ops,
  type Stmt,
  seq,
  substStmt,
  usesVar,
  visitStmt,
} from "../../ir/index.ts";
import type { PassContext } from "./pass.ts";

/** Peeling copies the body; larger bodies are left alone. */
const MAX_STATEMENTS = 64;

export function peelFirst(root: Stmt, c: PassContext): Stmt {
  const ranges = new Map<number, Interval>(c.sizes);
  const go = (s: Stmt): Stmt => {
    if (s.kind !== "for") return mapStmt(s, { stmt: go });
    const range = loopRange(s.min, s.extent, ranges);
    ranges.set(s.v.id, range);
    if (s.loopKind !== "serial" || !hasFirstTest(s, ranges)) return mapStmt(s, { stmt: go });
    const first = substStmt(s.body, new Map([[s.v.id, s.min]]));
    const min = simplify(ops.add(s.min, ops.toExpr(1, s.v.dtype)), ranges);
    const extent = simplify(ops.sub(s.extent, ops.toExpr(1, s.v.dtype)), ranges);
    const rest = loop(s.v, extent, s.body, { min, annotations: s.annotations });
    // The copies keep the ids of inner loops: a variable is bound by the loop around its use, in either copy.
    const both = seq([go(first), rest]);
    const runs = ops.gt(s.extent, ops.toExpr(0, s.v.dtype));
    return prove(runs, ranges) ? both : ifThen(runs, both);
  };
  return go(root);
}

/** Whether the body tests for an equality that can only hold in the first iteration. */
function hasFirstTest(s: For, outer: ReadonlyMap<number, Interval>): boolean {
  const ranges = new Map(outer);
  const own = loopRange(s.min, s.extent, outer);
  if (!Number.isFinite(own.min)) return false;
  const later: Interval = { min: own.min + 1, max: Math.max(own.min + 1, own.max) };
  const v = new Set([s.v.id]);
  let statements = 0;
  let found = false;
  const onlyFirst = (e: Expr): boolean => {
    if (e.kind === "binary" && e.op === "and") return onlyFirst(e.a) || onlyFirst(e.b);
    if (e.kind !== "binary" || e.op !== "eq" || !usesVar(e, v)) return false;
    ranges.set(s.v.id, later);
    const never = prove(ops.ne(e.a, e.b), ranges);
    ranges.set(s.v.id, own);
    return never;
  };
  ranges.set(s.v.id, own);
  visitStmt(s.body, {
    stmt: (x) => {
      statements++;
      if (x.kind === "for") ranges.set(x.v.id, loopRange(x.min, x.extent, ranges));
      if (x.kind === "if" && onlyFirst(x.cond)) found = true;
    },
  });
  return found && statements <= MAX_STATEMENTS;
}
