/**
 * Loop versions. A tile that may hang over the edge of its buffer tests every element. Most tiles lie inside: one
 * test before the tile chooses between a copy without tests and the copy with them. The test is the condition at its
 * worst, over the variables of unrolled and vectorised loops; it stands in the outermost loop body where everything
 * it mentions is known.
 */
import { exprKey, simplify } from "../../arith/index.ts";
import {
  constant,
  constInt,
  type Expr,
  type For,
  type Interval,
  ifThen,
  loopRange,
  mapStmt,
  ops,
  type Stmt,
  substExpr,
  varsOf,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import type { PassContext } from "./pass.ts";
import { polyOf } from "./poly.ts";

/** Statements that may be copied at one place. */
const MAX_STATEMENTS = 200;

export function versionTiles(root: Stmt, c: PassContext): Stmt {
  const ranges = new Map<number, Interval>(c.sizes);
  const body = (s: Stmt): Stmt => {
    const tests = hoistable(s, ranges);
    if (tests.size === 0) return inside(s);
    const fast = assume(s, tests);
    const all = ops.allOf([...tests.values()].map((t) => t.worst));
    return all ? ifThen(all, body(fast), s) : inside(s);
  };
  const inside = (s: Stmt): Stmt => {
    if (s.kind !== "for") return mapStmt(s, { stmt: inside });
    ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
    return isTile(s) ? mapStmt(s, { stmt: inside }) : mapStmt(s, { stmt: body });
  };
  return body(root);
}

/** Loops that become straight-line code: the test is made for all their values at once. */
function isTile(s: For): boolean {
  const flat = s.loopKind === "unrolled" || s.loopKind === "vectorized";
  return flat && constInt(s.extent) !== undefined && constInt(s.min) !== undefined;
}

interface Test {
  /** Implies the condition for all values of the tile's variables. */
  readonly worst: Expr;
}

/** Conditions in `s` that can be decided, or made sure of, before it: by key, with the test to make. */
function hoistable(s: Stmt, ranges: ReadonlyMap<number, Interval>): Map<string, Test> {
  const out = new Map<string, Test>();
  const inner = new Map<number, For>();
  let statements = 0;
  const bound = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      statements++;
      if (x.kind === "let") bound.add(x.v.id);
      if (x.kind !== "for") return;
      if (isTile(x)) inner.set(x.v.id, x);
      else bound.add(x.v.id);
    },
  });
  if (statements > MAX_STATEMENTS) return out;
  const walk = (x: Stmt, loops: number): void => {
    if (x.kind === "if") {
      for (const cond of conjuncts(x.cond)) {
        const worst = worstCase(cond, inner, ranges);
        if (!worst || loops === 0 || [...varsOf(worst).keys()].some((id) => bound.has(id))) continue;
        if (constInt(worst) === 0) continue;
        out.set(exprKey(cond), { worst });
      }
    }
    const below = x.kind === "for" ? loops + 1 : loops;
    mapStmt(x, {
      stmt: (y) => {
        walk(y, below);
        return y;
      },
    });
  };
  walk(s, 0);
  return out;
}

function conjuncts(e: Expr): Expr[] {
  return e.kind === "binary" && e.op === "and" ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e];
}

/** A condition free of the tile's variables that implies `e`; undefined when there is none of this simple kind. */
function worstCase(
  e: Expr,
  tile: ReadonlyMap<number, For>,
  ranges: ReadonlyMap<number, Interval>,
): Expr | undefined {
  if (e.kind !== "binary" || (e.op !== "lt" && e.op !== "le" && e.op !== "gt" && e.op !== "ge"))
    return undefined;
  let reads = false;
  visitExpr(e, (x) => {
    if (x.kind === "load" || x.kind === "call") reads = true;
  });
  if (reads) return undefined;
  // For < and <= the left side should be at its greatest and the right side at its least.
  const up = e.op === "lt" || e.op === "le";
  const a = extreme(e.a, tile, up);
  const b = extreme(e.b, tile, !up);
  if (!a || !b) return undefined;
  return simplify({ ...e, a, b }, ranges);
}

/** `e` at its greatest (or least) over the tile's variables, in which it must be linear. */
function extreme(e: Expr, tile: ReadonlyMap<number, For>, greatest: boolean): Expr | undefined {
  const at = new Map<number, Expr>();
  for (const t of polyOf(e).values()) {
    for (const x of t.atoms) {
      for (const id of varsOf(x).keys()) {
        const l = tile.get(id);
        if (!l) continue;
        if (t.atoms.length !== 1 || x.kind !== "var") return undefined;
        const min = constInt(l.min) ?? 0;
        const max = min + (constInt(l.extent) ?? 1) - 1;
        at.set(id, constant(t.coef > 0 === greatest ? max : min, x.dtype));
      }
    }
  }
  return substExpr(e, at);
}

/** The statement where the conditions in `tests` hold. */
function assume(s: Stmt, tests: ReadonlyMap<string, Test>): Stmt {
  const truth = constant(1, "bool");
  const go = (x: Stmt): Stmt => {
    if (x.kind !== "if") return mapStmt(x, { stmt: go });
    const left = conjuncts(x.cond).filter((c) => !tests.has(exprKey(c)));
    const cond = left.length === conjuncts(x.cond).length ? x.cond : (ops.allOf(left) ?? truth);
    if (constInt(cond) === 1) return go(x.then);
    return mapStmt(x, { stmt: go, expr: () => cond });
  };
  return go(s);
}
