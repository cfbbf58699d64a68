/**
 * Vectorised loops. Up to 64 iterations become straight-line code; more become a loop over whole vectors and scalar
 * code for what is left. A loop whose lanes depend on each other, or whose body chooses per lane what to run, stays
 * scalar: the result is always that of running one iteration after another.
 */
import {
  type Buffer,
  constInt,
  type DType,
  type Expr,
  type For,
  loop,
  ops,
  type Stmt,
  type Store,
  substStmt,
  type Var,
  variable,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { distance, type Poly, polyOf } from "../lower/poly.ts";
import { linearIndex } from "./access.ts";
import type { Context } from "./context.ts";
import { extractLane, storeElement } from "./scalar-expr.ts";
import { inLane, laneStride, varies, vectorValue, wholeLocal } from "./vector-expr.ts";
import { storeVector } from "./vector-memory.ts";

/** A vectorised loop of at most this many iterations becomes straight-line code. */
const MAX_UNROLLED = 64;

export interface LoopTools {
  /** Scalar code of a statement. */
  statement(c: Context, s: Stmt): void;
  /** A loop that stays a loop. */
  counted(c: Context, s: For, min: Expr, extent: Expr, step: number, body: () => void): void;
}

export function isUnrolledVector(s: For): boolean {
  const n = constInt(s.extent);
  return s.loopKind === "vectorized" && n !== undefined && n <= MAX_UNROLLED && constInt(s.min) !== undefined;
}

/** Generates the loop, with vector instructions where it may. */
export function vectorLoop(c: Context, s: For, tools: LoopTools): void {
  const lanes = c.lane ? undefined : vectorLanesOf(s);
  if (isUnrolledVector(s)) {
    const min = constInt(s.min) ?? 0;
    const n = constInt(s.extent) ?? 0;
    const whole = lanes ? n - (n % lanes) : 0;
    for (let i = 0; lanes && i < whole; i += lanes) vectors(c, s, ops.toExpr(min + i), lanes, tools);
    for (let i = whole; i < n; i++) scalarIteration(c, s, min + i, tools);
    return;
  }
  if (!lanes) {
    tools.counted(c, s, s.min, s.extent, 1, () => inner(c, s.body, tools));
    return;
  }
  const rest = ops.floormod(s.extent, lanes);
  const whole = ops.sub(s.extent, rest);
  const v = variable(s.v.name, s.v.dtype);
  const main = loop(v, whole, s.body, { min: s.min });
  c.ranges.set(v.id, c.ranges.get(s.v.id) ?? { min: 0, max: Number.POSITIVE_INFINITY });
  tools.counted(c, main, s.min, whole, lanes, () => vectors(c, s, v, lanes, tools));
  const left = constInt(rest);
  if (left !== 0) {
    const tail = loop(s.v, rest, s.body, { min: ops.add(s.min, whole) });
    tools.counted(c, tail, tail.min, tail.extent, 1, () => tools.statement(c, s.body));
  }
}

function scalarIteration(c: Context, s: For, value: number, tools: LoopTools): void {
  c.known.set(s.v.id, value);
  c.ranges.set(s.v.id, { min: value, max: value });
  inner(c, s.body, tools);
  c.known.delete(s.v.id);
}

/** A body inside vector code stays vector code; outside it is scalar. */
function inner(c: Context, body: Stmt, tools: LoopTools): void {
  if (c.lane) vectorStatement(c, body, tools);
  else tools.statement(c, body);
}

/** The iterations `first` … `first + lanes - 1` at once. */
function vectors(c: Context, s: For, first: Expr, lanes: 2 | 4, tools: LoopTools): void {
  const v = variable(`${s.v.name}.lane`, s.v.dtype);
  c.lane = { v, lanes };
  c.ranges.set(v.id, { min: 0, max: lanes - 1 });
  const at = s.v.dtype === "i64" && first.dtype !== "i64" ? ops.toExpr(constInt(first) ?? 0, "i64") : first;
  vectorStatement(c, substStmt(s.body, new Map([[s.v.id, ops.add(at, v)]])), tools);
  c.lane = undefined;
  c.vectorVars.clear();
}

function vectorStatement(c: Context, s: Stmt, tools: LoopTools): void {
  const { lane } = c;
  if (!lane) throw new Error("vector code outside a vectorised loop");
  switch (s.kind) {
    case "seq":
      for (const x of s.stmts) vectorStatement(c, x, tools);
      return;
    case "block":
      vectorStatement(c, s.body, tools);
      return;
    case "let":
      if (varies(c, s.value)) c.vectorVars.set(s.v.id, c.g.pin(vectorValue(c, s.value), s.v.name));
      else c.vars.set(s.v.id, c.g.pin(c.scalar(s.value), s.v.name));
      vectorStatement(c, s.body, tools);
      return;
    case "if": {
      const other = s.else;
      const otherwise = other && (() => vectorStatement(c, other, tools));
      c.g.branch(c.scalar(s.cond), () => vectorStatement(c, s.then, tools), otherwise);
      return;
    }
    case "for":
      if (isUnrolledVector(s)) vectorLoop(c, s, tools);
      else tools.counted(c, s, s.min, s.extent, 1, () => vectorStatement(c, s.body, tools));
      return;
    case "store":
      storeLanes(c, s);
      return;
  }
}

function storeLanes(c: Context, { buffer, indices, value: e }: Store): void {
  const lane = c.lane;
  if (!lane) return;
  const value = vectorValue(c, e);
  const { stride, base } = laneStride(lane, linearIndex(c, buffer, indices));
  const file = c.registers.get(buffer.id);
  const local = file && stride === 1 ? wholeLocal(file, lane, buffer, base) : undefined;
  if (file && local !== undefined) {
    c.g.set(file.locals[local], value);
    c.g.bump(buffer.id);
  } else if (!file && stride === 1) {
    storeVector(c, buffer, base, lane.lanes, value);
  } else {
    const held = c.g.pin(value);
    for (let i = 0; i < lane.lanes; i++) {
      const x = extractLane(c, buffer.dtype, held, i);
      inLane(c, lane, i, () => storeElement(c, buffer, linearIndex(c, buffer, indices), x));
    }
  }
}

/** How many lanes the loop can run in, or undefined when it has to stay scalar. */
function vectorLanesOf(s: For): 2 | 4 | undefined {
  if (!isLaneParallel(s)) return undefined;
  const wide = (t: DType): boolean => t === "f64" || t === "i64";
  let lanes: 2 | 4 = wide(s.v.dtype) ? 2 : 4;
  const look = (e: Expr): void =>
    visitExpr(e, (x) => {
      if (wide(x.dtype)) lanes = 2;
      // Indices are scalar code.
      return x.kind !== "load";
    });
  visitStmt(s.body, {
    stmt: (x) => {
      if (x.kind === "store") look(x.value);
      if (x.kind === "let") look(x.value);
    },
  });
  return lanes;
}

interface Access {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly isStore: boolean;
}

/** Whether running the statements of the body for all iterations side by side gives what the loop gives. */
export function isLaneParallel(s: For): boolean {
  const bound = new Set<number>();
  const varying = new Set([s.v.id]);
  const accesses: Access[] = [];
  let uniform = true;
  const depends = (e: Expr): boolean => {
    let found = false;
    visitExpr(e, (x) => {
      if (x.kind === "var" && varying.has(x.id)) found = true;
      return !found;
    });
    return found;
  };
  visitStmt(s.body, {
    stmt: (x) => {
      if (x.kind === "for") bound.add(x.v.id);
      if (x.kind === "let") {
        bound.add(x.v.id);
        if (depends(x.value)) varying.add(x.v.id);
      }
      if (x.kind === "if" && depends(x.cond)) uniform = false;
      if (x.kind === "for" && (depends(x.min) || depends(x.extent))) uniform = false;
      if (x.kind === "store") accesses.push({ buffer: x.buffer, indices: x.indices, isStore: true });
    },
    expr: (e) => {
      if (e.kind === "load") accesses.push({ buffer: e.buffer, indices: e.indices, isStore: false });
    },
  });
  if (!uniform) return false;
  const stored = new Set(accesses.filter((a) => a.isStore).map((a) => a.buffer.id));
  for (const id of stored) {
    const own = accesses.filter((a) => a.buffer.id === id);
    if (!separateDimension(s.v, own, bound) && !separateElements(s, own, bound)) return false;
  }
  return true;
}

/** Coefficient of `v` in `p` when `p` is otherwise free of `v` and of `bound`; undefined when it is not. */
function coefficient(p: Poly, v: Var, bound: ReadonlySet<number>): number | undefined {
  let coef = 0;
  for (const t of p.values()) {
    const isV = t.atoms.length === 1 && t.atoms[0].kind === "var" && t.atoms[0].id === v.id;
    if (isV) coef = t.coef;
    else {
      for (const a of t.atoms) {
        let bad = false;
        visitExpr(a, (x) => {
          if (x.kind === "load" || (x.kind === "var" && (x.id === v.id || bound.has(x.id)))) bad = true;
        });
        if (bad) return undefined;
      }
    }
  }
  return coef;
}

/** Some dimension has the same index in all accesses, and it is another one in every lane. */
function separateDimension(v: Var, accesses: readonly Access[], bound: ReadonlySet<number>): boolean {
  return accesses[0].indices.some((_, d) => {
    const polys = accesses.map((a) => polyOf(a.indices[d]));
    const coef = coefficient(polys[0], v, bound);
    return coef !== undefined && coef !== 0 && polys.every((p) => distance(p, polys[0]) === 0);
  });
}

/** All accesses are apart by constants that no two lanes can bridge. */
function separateElements(s: For, accesses: readonly Access[], bound: ReadonlySet<number>): boolean {
  const n = constInt(s.extent);
  if (n === undefined) return false;
  const empty = { known: new Map<number, number>() } as Context;
  const polys = accesses.map((a) => linearIndex(empty, a.buffer, a.indices));
  const stride = coefficient(polys[0], s.v, bound);
  if (stride === undefined || stride === 0) return false;
  return polys.every((p) =>
    polys.every((q) => {
      const d = distance(p, q);
      return d !== undefined && (d === 0 || d % stride !== 0 || Math.abs(d / stride) >= n);
    }),
  );
}
