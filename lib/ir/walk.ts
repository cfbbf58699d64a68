/**
 * Walking and rewriting, written once for all: `mapExpr` and `mapStmt` rebuild a node from its rewritten children
 * and return the node itself when no child changed. They do not recurse; callers do.
 */
import type { Range, Region } from "./buffer.ts";
import type { Buffer, Expr, Var } from "./expr.ts";
import type { AccessPtr, Block, BlockAxis, Stmt } from "./stmt.ts";

/** Maps an array, returning the array itself when every element stayed the same object. */
export function mapSame<X>(xs: readonly X[], f: (x: X) => X): readonly X[] {
  let out: X[] | undefined;
  for (let i = 0; i < xs.length; i++) {
    const y = f(xs[i]);
    if (out) out.push(y);
    else if (y !== xs[i]) out = [...xs.slice(0, i), y];
  }
  return out ?? xs;
}

/** Rewrites the direct sub-expressions of `e` (and the buffer of a load, where `buf` is given). */
export function mapExpr(e: Expr, f: (e: Expr) => Expr, buf: (b: Buffer) => Buffer = same): Expr {
  switch (e.kind) {
    case "var":
    case "const":
      return e;
    case "binary": {
      const a = f(e.a);
      const b = f(e.b);
      return a === e.a && b === e.b ? e : { kind: "binary", op: e.op, a, b, dtype: e.dtype };
    }
    case "unary": {
      const a = f(e.a);
      return a === e.a ? e : { kind: "unary", op: e.op, a, dtype: e.dtype };
    }
    case "select": {
      const cond = f(e.cond);
      const a = f(e.a);
      const b = f(e.b);
      return cond === e.cond && a === e.a && b === e.b ? e : { kind: "select", cond, a, b, dtype: e.dtype };
    }
    case "cast": {
      const value = f(e.value);
      return value === e.value ? e : { kind: "cast", value, dtype: e.dtype };
    }
    case "call": {
      const args = mapSame(e.args, f);
      return args === e.args ? e : { kind: "call", op: e.op, args, dtype: e.dtype };
    }
    case "load": {
      const indices = mapSame(e.indices, f);
      const b = buf(e.buffer);
      return indices === e.indices && b === e.buffer
        ? e
        : { kind: "load", buffer: b, indices, dtype: b.dtype };
    }
    default:
      return unreachable(e);
  }
}

export interface StmtMaps {
  readonly stmt: (s: Stmt) => Stmt;
  readonly expr?: (e: Expr) => Expr;
  readonly buffer?: (b: Buffer) => Buffer;
}

/** Rewrites the direct children of `s`: sub-statements, expressions and buffers, each by its function. */
export function mapStmt(s: Stmt, m: StmtMaps): Stmt {
  const expr = m.expr ?? same;
  const buf = m.buffer ?? same;
  switch (s.kind) {
    case "for": {
      const min = expr(s.min);
      const extent = expr(s.extent);
      const body = m.stmt(s.body);
      return min === s.min && extent === s.extent && body === s.body ? s : { ...s, min, extent, body };
    }
    case "block":
      return mapBlock(s, m);
    case "seq": {
      const stmts = mapSame(s.stmts, m.stmt);
      return stmts === s.stmts ? s : { kind: "seq", stmts };
    }
    case "store": {
      const b = buf(s.buffer);
      const indices = mapSame(s.indices, expr);
      const value = expr(s.value);
      return b === s.buffer && indices === s.indices && value === s.value
        ? s
        : { kind: "store", buffer: b, indices, value };
    }
    case "if": {
      const cond = expr(s.cond);
      const then = m.stmt(s.then);
      const other = s.else && m.stmt(s.else);
      if (cond === s.cond && then === s.then && other === s.else) return s;
      return other ? { kind: "if", cond, then, else: other } : { kind: "if", cond, then };
    }
    case "let": {
      const value = expr(s.value);
      const body = m.stmt(s.body);
      return value === s.value && body === s.body ? s : { kind: "let", v: s.v, value, body };
    }
    case "extern": {
      const args = mapSame(s.args, (a): AccessPtr | Expr => {
        if (a.kind !== "accessPtr") return expr(a);
        const region = mapRegion(a.region, expr, buf);
        return region === a.region ? a : { kind: "accessPtr", region, access: a.access };
      });
      return args === s.args ? s : { kind: "extern", func: s.func, args };
    }
    default:
      return unreachable(s);
  }
}

function mapBlock(s: Block, m: StmtMaps): Block {
  const expr = m.expr ?? same;
  const buf = m.buffer ?? same;
  const axes = mapSame(s.axes, (a): BlockAxis => {
    const extent = expr(a.extent);
    const binding = expr(a.binding);
    return extent === a.extent && binding === a.binding ? a : { v: a.v, type: a.type, extent, binding };
  });
  const predicate = s.predicate && expr(s.predicate);
  const init = s.init && m.stmt(s.init);
  const body = m.stmt(s.body);
  const allocs = mapSame(s.allocs, buf);
  const reads = s.reads && mapSame(s.reads, (r) => mapRegion(r, expr, buf));
  const writes = s.writes && mapSame(s.writes, (r) => mapRegion(r, expr, buf));
  if (
    axes === s.axes &&
    predicate === s.predicate &&
    init === s.init &&
    body === s.body &&
    allocs === s.allocs &&
    reads === s.reads &&
    writes === s.writes
  ) {
    return s;
  }
  return {
    kind: "block",
    id: s.id,
    name: s.name,
    axes,
    ...(predicate ? { predicate } : {}),
    ...(init ? { init } : {}),
    body,
    allocs,
    ...(reads ? { reads } : {}),
    ...(writes ? { writes } : {}),
    annotations: s.annotations,
  };
}

function mapRegion(r: Region, expr: (e: Expr) => Expr, buf: (b: Buffer) => Buffer): Region {
  const b = buf(r.buffer);
  const ranges = mapSame(r.ranges, (x): Range => {
    const min = expr(x.min);
    const extent = expr(x.extent);
    return min === x.min && extent === x.extent ? x : { min, extent };
  });
  return b === r.buffer && ranges === r.ranges ? r : { buffer: b, ranges };
}

const same = <X>(x: X): X => x;

/** For the default branch of a switch over a union: a missing kind is a compile error. */
export function unreachable(x: never): never {
  throw new Error(`unknown node ${JSON.stringify((x as { kind?: unknown })?.kind)}`);
}

/** Calls `f` on `e` and everything below it, parents first; `f` returning false skips what is below. */
export function visitExpr(e: Expr, f: (e: Expr) => boolean | void): void {
  if (f(e) === false) return;
  switch (e.kind) {
    case "var":
    case "const":
      return;
    case "binary":
      visitExpr(e.a, f);
      visitExpr(e.b, f);
      return;
    case "unary":
      visitExpr(e.a, f);
      return;
    case "select":
      visitExpr(e.cond, f);
      visitExpr(e.a, f);
      visitExpr(e.b, f);
      return;
    case "cast":
      visitExpr(e.value, f);
      return;
    case "call":
      for (const a of e.args) visitExpr(a, f);
      return;
    case "load":
      for (const i of e.indices) visitExpr(i, f);
      return;
    default:
      unreachable(e);
  }
}

/** The statements directly below `s` (a block's init before its body). */
export function childStmts(s: Stmt): readonly Stmt[] {
  switch (s.kind) {
    case "for":
    case "let":
      return [s.body];
    case "block":
      return s.init ? [s.init, s.body] : [s.body];
    case "seq":
      return s.stmts;
    case "if":
      return s.else ? [s.then, s.else] : [s.then];
    case "store":
    case "extern":
      return [];
    default:
      return unreachable(s);
  }
}

/** The expressions that belong to `s` itself, not to statements below it. */
export function ownExprs(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for":
      return [s.min, s.extent];
    case "let":
      return [s.value];
    case "block":
      return [
        ...s.axes.flatMap((a) => [a.extent, a.binding]),
        ...(s.predicate ? [s.predicate] : []),
        ...s.allocs.flatMap((b) => b.shape),
        ...[...(s.reads ?? []), ...(s.writes ?? [])].flatMap((r) =>
          r.ranges.flatMap((x) => [x.min, x.extent]),
        ),
      ];
    case "seq":
      return [];
    case "if":
      return [s.cond];
    case "store":
      return [...s.indices, s.value];
    case "extern":
      return s.args.flatMap((a) =>
        a.kind === "accessPtr" ? a.region.ranges.flatMap((x) => [x.min, x.extent]) : [a],
      );
    default:
      return unreachable(s);
  }
}

export interface Visitor {
  /** Parents first; returning false skips what is below. */
  readonly stmt?: (s: Stmt) => boolean | void;
  /** Every expression and sub-expression. */
  readonly expr?: (e: Expr) => boolean | void;
}

/** Visits a statement, everything below it and their expressions. */
export function visitStmt(s: Stmt, v: Visitor): void {
  if (v.stmt?.(s) === false) return;
  const onExpr = v.expr;
  switch (s.kind) {
    // These are most statements: no lists are made for them.
    case "for":
      if (onExpr) {
        visitExpr(s.min, onExpr);
        visitExpr(s.extent, onExpr);
      }
      visitStmt(s.body, v);
      return;
    case "store":
      if (!onExpr) return;
      for (const i of s.indices) visitExpr(i, onExpr);
      visitExpr(s.value, onExpr);
      return;
    default:
      if (onExpr) for (const e of ownExprs(s)) visitExpr(e, onExpr);
      for (const c of childStmts(s)) visitStmt(c, v);
  }
}

/** Bottom-up rewriting of an expression: `f` sees nodes whose children are already rewritten. */
export function rewriteExpr(e: Expr, f: (e: Expr) => Expr, buf?: (b: Buffer) => Buffer): Expr {
  const go = (x: Expr): Expr => f(mapExpr(x, go, buf));
  return go(e);
}

/** Bottom-up rewriting of a statement; each function may be left out. */
export function rewriteStmt(
  s: Stmt,
  m: { stmt?: (s: Stmt) => Stmt; expr?: (e: Expr) => Expr; buffer?: (b: Buffer) => Buffer },
): Stmt {
  const { stmt = same, expr, buffer } = m;
  const onExpr = expr || buffer ? (e: Expr) => rewriteExpr(e, expr ?? same, buffer) : undefined;
  const go = (x: Stmt): Stmt => stmt(mapStmt(x, { stmt: go, expr: onExpr, buffer }));
  return go(s);
}

export type VarMap = ReadonlyMap<number, Expr>;

/** Replaces variables by id. */
export function substExpr(e: Expr, map: VarMap): Expr {
  return map.size === 0 ? e : rewriteExpr(e, (x) => (x.kind === "var" ? (map.get(x.id) ?? x) : x));
}

export function substStmt<S extends Stmt>(s: S, map: VarMap): S {
  if (map.size === 0) return s;
  return rewriteStmt(s, { expr: (x) => (x.kind === "var" ? (map.get(x.id) ?? x) : x) }) as S;
}

/** Replaces buffers by id, wherever they occur. */
export function replaceBuffers<S extends Stmt>(s: S, map: ReadonlyMap<number, Buffer>): S {
  return map.size === 0 ? s : (rewriteStmt(s, { buffer: (b) => map.get(b.id) ?? b }) as S);
}

/** Variables that occur in an expression, by id. */
export function varsOf(e: Expr, into: Map<number, Var> = new Map()): Map<number, Var> {
  visitExpr(e, (x) => {
    if (x.kind === "var") into.set(x.id, x);
  });
  return into;
}

export function usesVar(e: Expr, ids: ReadonlySet<number>): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "var" && ids.has(x.id)) found = true;
    return !found;
  });
  return found;
}
