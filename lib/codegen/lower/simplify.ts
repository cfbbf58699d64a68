/** Simplification with the ranges of loops: indices, bounds, conditions; branches that are decided; loops that run once. */
import { boundsOf, simplify } from "../../arith/index.ts";
import {
  constant,
  constInt,
  type Expr,
  type Interval,
  intervalOf,
  loopRange,
  mapExpr,
  mapStmt,
  type Stmt,
  seq,
  substStmt,
} from "../../ir/index.ts";
import { plainDigits } from "./access.ts";
import type { PassContext } from "./pass.ts";

/** A statement that does nothing. */
export const NOTHING: Stmt = { kind: "seq", stmts: [] };

export const isNothing = (s: Stmt): boolean => s.kind === "seq" && s.stmts.length === 0;

/** Simplifies everything that is integer arithmetic; arithmetic on data stays as it is. */
export function simplifyStmt(s: Stmt, c: PassContext): Stmt {
  return simplifier(c, true)(s);
}

/** Only decides conditions: for after unrolling, where indices are many and code generation sums them up anyway. */
export function decideConditions(s: Stmt, c: PassContext): Stmt {
  return simplifier(c, false)(s);
}

function simplifier(c: PassContext, indices: boolean): (s: Stmt) => Stmt {
  const ranges = new Map<number, Interval>(c.sizes);
  const index = (e: Expr): Expr => {
    if (e.kind === "const" || e.kind === "var") return e;
    return simplify(mapExpr(e, value), ranges);
  };
  const cond = (e: Expr): Expr => {
    const x = simplify(mapExpr(e, value), ranges);
    const known = boundsOf(x, ranges);
    return known.min === known.max ? constant(known.min, "bool") : x;
  };
  /** Inside data only indices and conditions are touched: data wraps and rounds. */
  const value = (e: Expr): Expr => {
    if (e.kind === "load") {
      if (!indices) return e;
      const x = mapExpr(e, index);
      if (x.kind !== "load") return x;
      const digits = plainDigits(x.buffer, x.indices, ranges);
      return digits === x.indices ? x : { ...x, indices: digits };
    }
    if (e.kind === "select") {
      const test = cond(e.cond);
      const known = constInt(test);
      if (known !== undefined) return value(known ? e.a : e.b);
      return mapExpr(e, (x) => (x === e.cond ? test : value(x)));
    }
    return mapExpr(e, value);
  };
  const go = (s: Stmt): Stmt => {
    switch (s.kind) {
      case "for": {
        const min = index(s.min);
        const extent = index(s.extent);
        const n = constInt(extent);
        if (n !== undefined && n <= 0) return NOTHING;
        if (n === 1) return go(substStmt(s.body, new Map([[s.v.id, min]])));
        ranges.set(s.v.id, loopRange(min, extent, ranges));
        const body = go(s.body);
        if (isNothing(body)) return NOTHING;
        return min === s.min && extent === s.extent && body === s.body ? s : { ...s, min, extent, body };
      }
      case "if": {
        const test = cond(s.cond);
        const known = constInt(test);
        if (known !== undefined) return known ? go(s.then) : s.else ? go(s.else) : NOTHING;
        return mapStmt(s, { stmt: go, expr: () => test });
      }
      case "seq": {
        const stmts = s.stmts.map(go).filter((x) => !isNothing(x));
        return stmts.length === s.stmts.length && stmts.every((x, i) => x === s.stmts[i]) ? s : seq(stmts);
      }
      case "let":
        ranges.set(s.v.id, intervalOf(s.value, ranges));
        return mapStmt(s, { stmt: go, expr: value });
      case "store": {
        const expr = (e: Expr): Expr => (e === s.value ? value(e) : indices ? index(e) : e);
        const x = mapStmt(s, { stmt: go, expr });
        if (!indices || x.kind !== "store") return x;
        const digits = plainDigits(x.buffer, x.indices, ranges);
        return digits === x.indices ? x : { ...x, indices: digits };
      }
      case "block":
        return mapStmt(s, { stmt: go });
      case "extern":
        return mapStmt(s, {
          stmt: go,
          expr: (e) => (s.args.includes(e) ? value(e) : indices ? index(e) : e),
        });
    }
  };
  return go;
}
