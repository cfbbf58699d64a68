/**
 * Expressions inside a vectorised loop. What does not vary with the lane is computed once as a scalar and broadcast;
 * what has vector instructions uses them; everything else is computed lane by lane, which is always right.
 */

import { factorsOfPairs, factorsOfQuads } from "../../arith/index.ts";
import {
  type Binary,
  type Buffer,
  type Expr,
  type ExprKind,
  isCompareOp,
  isLogicOp,
  type Load,
  type Select,
  visitExpr,
} from "../../ir/index.ts";
import { addPoly, type Poly, polyConst } from "../lower/poly.ts";
import { linearIndex } from "./access.ts";
import type { Context, LaneFrame, RegisterFile } from "./context.ts";
import type { Value } from "./graph.ts";
import { getHeld } from "./held.ts";
import { isSafe, replaceLane } from "./scalar-expr.ts";
import {
  allTrue,
  fuse,
  maskFor,
  splat,
  vectorArith,
  vectorCall,
  vectorCast,
  vectorCompare,
  vectorNeg,
  words,
} from "./vector.ts";
import { loadSplat, loadVector } from "./vector-memory.ts";
import { inLane, loadAcross, loadBytesAcross, loadEach, loadStrided } from "./vector-strided.ts";

type Handlers = { [K in ExprKind]: (c: Context, lane: LaneFrame, e: Extract<Expr, { kind: K }>) => Value };

const HANDLERS: Handlers = {
  const: (c, lane, e) => splat(c.g, e.dtype, lane.lanes, c.scalar(e)),
  var: (c, lane, e) => {
    const bound = c.vectorVars.get(e.id);
    if (bound) return bound;
    if (e.id !== lane.v.id) return splat(c.g, e.dtype, lane.lanes, c.scalar(e));
    return words(c.g, e.dtype === "i64" ? [0, 0, 1, 0] : [0, 1, 2, 3]);
  },
  binary: binaryVector,
  unary: (c, _, e) => {
    const a = vectorValue(c, e.a);
    return e.op === "not" ? c.g.make("v128.not", [a]) : vectorNeg(c.g, e.dtype, a);
  },
  select: selectVector,
  cast: (c, lane, e) =>
    vectorCast(c.g, lane.lanes, e.value.dtype, e.dtype, vectorValue(c, e.value)) ?? laneByLane(c, lane, e),
  call: (c, lane, e) => {
    const t = e.args[0].dtype;
    const shift = e.op === "shiftLeft" ? "shl" : e.op === "shiftRight" ? "shr_s" : undefined;
    if (shift && t === "i32" && !varies(c, e.args[1])) {
      return c.g.make(`i32x4.${shift}`, [vectorValue(c, e.args[0]), c.scalar(e.args[1])]);
    }
    const args = e.args.map((a) => vectorValue(c, a));
    return vectorCall(c.g, lane.lanes, e.op, t, args) ?? laneByLane(c, lane, e);
  },
  load: loadLanes,
};

/** The value of `e` in every lane of the vectorised loop under construction. */
export function vectorValue(c: Context, e: Expr): Value {
  const { lane } = c;
  if (!lane) throw new Error("vector code outside a vectorised loop");
  if (!varies(c, e)) {
    if (e.kind === "load" && !c.registers.has(e.buffer.id)) {
      const loaded = loadSplat(c, e.buffer, linearIndex(c, e.buffer, e.indices), lane.lanes);
      if (loaded) return loaded;
    }
    return splat(c.g, e.dtype, lane.lanes, c.scalar(e));
  }
  return (HANDLERS[e.kind] as (c: Context, lane: LaneFrame, e: Expr) => Value)(c, lane, e);
}

/** Whether the value differs between lanes. */
export function varies(c: Context, e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "var" && (x.id === c.lane?.v.id || c.vectorVars.has(x.id))) found = true;
    return !found;
  });
  return found;
}

/** Each lane on its own, as scalar code. */
function laneByLane(c: Context, lane: LaneFrame, e: Expr): Value {
  let out: Value | undefined;
  for (let i = 0; i < lane.active; i++) {
    const x = inLane(c, lane, i, () => c.scalar(e));
    out = out === undefined ? splat(c.g, e.dtype, lane.lanes, x) : replaceLane(c, e.dtype, out, i, x);
  }
  return out as Value;
}

function binaryVector(c: Context, lane: LaneFrame, e: Binary): Value {
  const { g } = c;
  const { op } = e;
  if (isLogicOp(op)) {
    // The right side runs in every lane here, whatever the left side says.
    if (!isSafe(c, e.b)) return laneByLane(c, lane, e);
    return g.make(`v128.${op}`, [vectorValue(c, e.a), vectorValue(c, e.b)]);
  }
  const pairs = lane.lanes === 4 ? factorsOfPairs(e) : undefined;
  if (pairs)
    return g.make(
      "i32x4.dot_i16x8_s",
      pairs.map((x) => vectorValue(c, x)),
    );
  const quads = lane.lanes === 4 && c.options.relaxedDot ? quadsVector(c, e) : undefined;
  if (quads) return quads;
  const a = vectorValue(c, e.a);
  const b = vectorValue(c, e.b);
  if (isCompareOp(op)) return vectorCompare(g, lane.lanes, op, e.a.dtype, a, b);
  const fused = c.options.relaxedSimd ? fuse(g, e.dtype, op, a, b) : undefined;
  return fused ?? vectorArith(g, e.dtype, op, a, b, literalOf(e.b)) ?? laneByLane(c, lane, e);
}

/** The product of quads, alone or added to something: one instruction, exact because the second factor has seven bits. */
function quadsVector(c: Context, e: Binary): Value | undefined {
  const added = e.dtype === "i32" && e.op === "add" ? factorsOfQuads(e.b) : undefined;
  const factors = added ?? factorsOfQuads(e);
  if (!factors) return undefined;
  const [x, y] = factors.map((f) => vectorValue(c, f));
  const bits = words(
    c.g,
    Array.from({ length: 4 }, () => 0x7f7f7f7f),
  );
  const sum = added ? vectorValue(c, e.a) : words(c.g, [0, 0, 0, 0]);
  return c.g.make("i32x4.relaxed_dot_i8x16_i7x16_add_s", [x, c.g.make("v128.and", [y, bits]), sum]);
}

const literalOf = (e: Expr): number | undefined => (e.kind === "const" ? Number(e.value) : undefined);

function selectVector(c: Context, lane: LaneFrame, e: Select): Value {
  const { g } = c;
  if (!varies(c, e.cond)) {
    return g.choose(
      c.scalar(e.cond),
      "v128",
      () => vectorValue(c, e.a),
      () => vectorValue(c, e.b),
    );
  }
  const mask = vectorValue(c, e.cond);
  if (isSafe(c, e.a) && isSafe(c, e.b)) {
    const wide = maskFor(g, lane.lanes, e.dtype, mask);
    return g.make("v128.bitselect", [vectorValue(c, e.a), vectorValue(c, e.b), wide]);
  }
  // Mostly all lanes agree: padding, edges.
  return g.choose(
    allTrue(g, lane.lanes, mask),
    "v128",
    () => vectorValue(c, e.a),
    () => laneByLane(c, lane, e),
  );
}

/** The stride along the lanes in elements, and the index of lane 0; no stride when it is not constant. */
export function laneStride(lane: LaneFrame, index: Poly): { stride?: number; base: Poly } {
  let stride = 0;
  let base = index;
  for (const [key, t] of index) {
    const uses = t.atoms.some((a) => mentions(a, lane.v.id));
    if (!uses) continue;
    if (t.atoms.length !== 1 || t.atoms[0].kind !== "var") return { base };
    stride = t.coef;
    base = addPoly(base, new Map([[key, t]]), -1);
  }
  return { stride, base };
}

function mentions(e: Expr, id: number): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "var" && x.id === id) found = true;
    return !found;
  });
  return found;
}

function loadLanes(c: Context, lane: LaneFrame, e: Load): Value {
  // An index may hold a vector bound by a let: only lane by lane can follow that.
  if (e.indices.some((i) => mentionsAny(i, c.vectorVars))) return laneByLane(c, lane, e);
  const { stride, base } = laneStride(lane, linearIndex(c, e.buffer, e.indices));
  const file = c.registers.get(e.buffer.id);
  if (file) {
    const local = stride === 1 ? wholeLocal(file, lane, e.buffer, base) : undefined;
    return local === undefined ? laneByLane(c, lane, e) : getHeld(c, e.buffer, file, local);
  }
  if (stride === 1) return loadVector(c, e.buffer, base, lane.lanes);
  const strided =
    stride === undefined
      ? undefined
      : (loadStrided(c, lane, e.buffer, base, stride) ??
        loadAcross(c, lane, e.buffer, base, stride) ??
        loadBytesAcross(c, lane, e.buffer, base, stride));
  return strided ?? loadEach(c, lane, e.buffer, e.indices) ?? laneByLane(c, lane, e);
}

function mentionsAny(e: Expr, vars: ReadonlyMap<number, unknown>): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "var" && vars.has(x.id)) found = true;
    return !found;
  });
  return found;
}

/** The number of the local that holds exactly the lanes from `base` on. */
export function wholeLocal(
  file: RegisterFile,
  lane: LaneFrame,
  buffer: Buffer,
  base: Poly,
): number | undefined {
  const n = polyConst(base);
  if (n === undefined) throw new Error(`${buffer.name} is kept in locals but indexed by a variable`);
  return file.lanes === lane.lanes && n % lane.lanes === 0 ? n / lane.lanes : undefined;
}
