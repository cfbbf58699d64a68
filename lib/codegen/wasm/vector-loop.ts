/**
 * Vectorised loops. Up to 64 iterations become straight-line code; more become a loop over whole vectors and scalar
 * code for what is left. A loop whose lanes depend on each other, or whose body chooses per lane what to run, stays
 * scalar: the result is always that of running one iteration after another.
 */
import {
  constInt,
  type Expr,
  type For,
  intervalOf,
  loop,
  ops,
  type Stmt,
  type Store,
  substStmt,
  variable,
} from "../../ir/index.ts";
import { isUnrolledVector } from "../lower/access.ts";
import { vectorLanesOf } from "../lower/lanes.ts";
import { linearIndex } from "./access.ts";
import type { Context, LaneFrame, RegisterFile } from "./context.ts";
import type { Value } from "./graph.ts";
import { getHeld, setHeld } from "./held.ts";
import { extractLane, storeElement } from "./scalar-expr.ts";
import { words as wordsOf } from "./vector.ts";
import { laneStride, varies, vectorValue, wholeLocal } from "./vector-expr.ts";
import { storeVector } from "./vector-memory.ts";
import { inLane, storeEach } from "./vector-strided.ts";

export interface LoopTools {
  /** Scalar code of a statement. */
  statement(c: Context, s: Stmt): void;
  /** A loop that stays a loop. */
  counted(c: Context, s: For, min: Expr, extent: Expr, step: number, body: () => void): void;
}

/** Generates the loop, with vector instructions where it may. */
export function vectorLoop(c: Context, s: For, tools: LoopTools): void {
  const lanes = c.lane ? undefined : vectorLanesOf(s);
  if (isUnrolledVector(s)) {
    const min = constInt(s.min) ?? 0;
    const n = constInt(s.extent) ?? 0;
    for (let i = 0; lanes && i < n; i += lanes)
      vectors(c, s, ops.toExpr(min + i), { lanes, active: Math.min(lanes, n - i) }, tools);
    for (let i = 0; !lanes && i < n; i++) scalarIteration(c, s, min + i, tools);
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
  tools.counted(c, main, s.min, whole, lanes, () => vectors(c, s, v, { lanes, active: lanes }, tools));
  const left = constInt(rest);
  const last = constInt(ops.add(s.min, whole));
  if (left !== undefined && left > 0 && last !== undefined)
    vectors(c, s, ops.toExpr(last), { lanes, active: left }, tools);
  else if (left !== 0) {
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

/** The iterations `first` … `first + active - 1` at once. */
function vectors(c: Context, s: For, first: Expr, lane: Omit<LaneFrame, "v">, tools: LoopTools): void {
  const v = variable(`${s.v.name}.lane`, s.v.dtype);
  c.lane = { v, ...lane };
  c.ranges.set(v.id, { min: 0, max: lane.active - 1 });
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
      c.ranges.set(s.v.id, intervalOf(s.value, c.ranges));
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
    const kept = (): Value => getHeld(c, buffer, file, local);
    setHeld(c, buffer, file, local, onlyActive(c, lane, file, local, value, kept));
  } else if (!file && stride === 1) {
    storeVector(c, buffer, base, lane, value);
  } else {
    const held = c.g.pin(value);
    if (!file && storeEach(c, lane, buffer, indices, held)) return;
    for (let i = 0; i < lane.active; i++) {
      const x = extractLane(c, buffer.dtype, held, i);
      inLane(c, lane, i, () => storeElement(c, buffer, linearIndex(c, buffer, indices), x));
    }
  }
}

/** What a local is set to: lanes that are not active keep the elements that the program has there. */
function onlyActive(
  c: Context,
  lane: LaneFrame,
  file: RegisterFile,
  local: number,
  value: Value,
  before: () => Value,
): Value {
  const own = Array.from({ length: lane.lanes }, (_, i) => i >= lane.active);
  if (!own.some((kept, i) => kept && file.used.has(local * lane.lanes + i))) return value;
  const words = lane.lanes === 4 ? own : own.flatMap((kept) => [kept, kept]);
  const mask = wordsOf(
    c.g,
    words.map((kept) => (kept ? -1 : 0)),
  );
  return c.g.make("v128.bitselect", [before(), value, mask]);
}
