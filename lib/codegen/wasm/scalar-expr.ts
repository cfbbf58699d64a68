/** Scalar expressions: one handler for each kind of node. */
import { boundsOf } from "../../arith/index.ts";
import {
  type ArithOp,
  type Binary,
  type Buffer,
  type Expr,
  type ExprKind,
  isCompareOp,
  isLogicOp,
  type Load,
  visitExpr,
} from "../../ir/index.ts";
import { type Poly, polyConst } from "../lower/poly.ts";
import { address, linearIndex } from "./access.ts";
import { callIntrinsic } from "./calls.ts";
import type { Context } from "./context.ts";
import type { Value } from "./graph.ts";
import { packLanes, scalarLanes, unpackLanes } from "./half-float.ts";
import { getHeld, setHeld } from "./held.ts";
import { ARITH, cast, compare, literal, NEG, REPR } from "./scalar.ts";

type Handlers = { [K in ExprKind]: (c: Context, e: Extract<Expr, { kind: K }>) => Value };

const HANDLERS: Handlers = {
  const: (c, e) => literal(c.g, e),
  var: (c, e) => {
    const n = c.known.get(e.id);
    if (n !== undefined) return e.dtype === "i64" ? c.g.const("i64", BigInt(n)) : c.g.i32(n);
    const vector = c.vectorVars.get(e.id);
    const lane = vector && c.lane && c.known.get(c.lane.v.id);
    if (vector && lane !== undefined) return extractLane(c, e.dtype, vector, lane);
    const v = c.vars.get(e.id);
    if (!v) throw new Error(`variable ${e.name} has no value here`);
    return v;
  },
  binary: binaryValue,
  unary: (c, e) => (e.op === "not" ? c.g.make("i32.eqz", [c.scalar(e.a)]) : NEG[e.dtype](c.g, c.scalar(e.a))),
  select: (c, e) => {
    const cond = c.scalar(e.cond);
    const type = REPR[e.dtype];
    if (isCheap(c, e.a) && isCheap(c, e.b)) {
      return c.g.make(`select.${type}`, [c.scalar(e.a), c.scalar(e.b), cond]);
    }
    return c.g.choose(
      cond,
      type,
      () => c.scalar(e.a),
      () => c.scalar(e.b),
    );
  },
  cast: (c, e) => cast(c.g, e.value.dtype, e.dtype, c.scalar(e.value)),
  call: (c, e) =>
    callIntrinsic(
      c.g,
      e.op,
      e.args[0].dtype,
      e.args.map((a) => c.scalar(a)),
    ),
  load: (c, e) => loadElement(c, e.buffer, linearIndex(c, e.buffer, e.indices)),
};

/** The value of an expression, in the normal form of its dtype. */
export function scalarValue(c: Context, e: Expr): Value {
  return (HANDLERS[e.kind] as (c: Context, e: Expr) => Value)(c, e);
}

function binaryValue(c: Context, e: Binary): Value {
  const { g } = c;
  const { op } = e;
  if (isLogicOp(op)) {
    const a = c.scalar(e.a);
    if (isCheap(c, e.b)) return g.make(`i32.${op}`, [a, c.scalar(e.b)]);
    return op === "and"
      ? g.choose(
          a,
          "i32",
          () => c.scalar(e.b),
          () => g.i32(0),
        )
      : g.choose(
          a,
          "i32",
          () => g.i32(1),
          () => c.scalar(e.b),
        );
  }
  const a = c.scalar(e.a);
  const b = c.scalar(e.b);
  if (isCompareOp(op)) return compare(g, op, e.a.dtype, a, b);
  return ARITH[e.dtype][shorterDivision(c, e, op)](g, a, b);
}

/** Of a number that is not negative, floor and truncation are the same, and truncation is shorter. */
function shorterDivision(c: Context, e: Binary, op: ArithOp): ArithOp {
  if (op !== "floordiv" && op !== "floormod") return op;
  const n = e.b.kind === "const" ? Number(e.b.value) : 0;
  const powerOfTwo = (n & (n - 1)) === 0;
  if (n <= 0 || powerOfTwo || boundsOf(e.a, c.ranges).min < 0) return op;
  return op === "floordiv" ? "truncdiv" : "truncmod";
}

const LOAD: Record<string, string> = {
  f32: "f32.load",
  f64: "f64.load",
  f16: "i32.load16_u",
  i8: "i32.load8_s",
  u8: "i32.load8_u",
  i32: "i32.load",
  i64: "i64.load",
  bool: "i32.load8_u",
};

/** The element at a linear index, from memory or from the local that holds it. */
function loadElement(c: Context, buffer: Buffer, index: Poly): Value {
  const file = c.registers.get(buffer.id);
  if (file) {
    const n = polyConst(index);
    if (n === undefined) throw new Error(`${buffer.name} is kept in locals but indexed by a variable`);
    if (file.lanes === 1) return c.g.get(file.locals[n]);
    const vector = getHeld(c, buffer, file, Math.floor(n / file.lanes));
    return extractLane(c, buffer.dtype, vector, n % file.lanes);
  }
  const { addr, offset } = address(c, buffer, index);
  const raw = c.g.load(LOAD[buffer.dtype], addr, { offset }, buffer.id);
  return buffer.dtype === "f16" ? unpackLanes(scalarLanes(c.g), raw) : raw;
}

const STORE: Record<string, string> = {
  f32: "f32.store",
  f64: "f64.store",
  f16: "i32.store16",
  i8: "i32.store8",
  u8: "i32.store8",
  i32: "i32.store",
  i64: "i64.store",
  bool: "i32.store8",
};

/** Stores a scalar in its normal form at a linear index. */
export function storeElement(c: Context, buffer: Buffer, index: Poly, value: Value): void {
  const { g } = c;
  const file = c.registers.get(buffer.id);
  if (file) {
    const n = polyConst(index);
    if (n === undefined) throw new Error(`${buffer.name} is kept in locals but indexed by a variable`);
    const at = Math.floor(n / file.lanes);
    const all = (): Value => getHeld(c, buffer, file, at);
    setHeld(
      c,
      buffer,
      file,
      at,
      file.lanes === 1 ? value : replaceLane(c, buffer.dtype, all(), n % file.lanes, value),
    );
    return;
  }
  const { addr, offset } = address(c, buffer, index);
  const raw = buffer.dtype === "f16" ? packLanes(scalarLanes(g), value) : value;
  g.store(STORE[buffer.dtype], [addr, raw], { offset }, buffer.id);
}

/** A lane of a vector as a scalar in normal form. Lanes of bool are masks. */
export function extractLane(c: Context, dtype: Expr["dtype"], vector: Value, lane: number): Value {
  const wide = c.lane?.lanes === 2;
  switch (dtype) {
    case "f32":
    case "f16":
      return c.g.make("f32x4.extract_lane", [vector], { lane });
    case "f64":
      return c.g.make("f64x2.extract_lane", [vector], { lane });
    case "i64":
      return c.g.make("i64x2.extract_lane", [vector], { lane });
    case "bool": {
      const at = wide ? lane * 2 : lane;
      return c.g.make("i32.and", [c.g.make("i32x4.extract_lane", [vector], { lane: at }), c.g.i32(1)]);
    }
    default:
      return c.g.make("i32x4.extract_lane", [vector], { lane });
  }
}

/** The vector with one lane replaced by a scalar in normal form. */
export function replaceLane(
  c: Context,
  dtype: Expr["dtype"],
  vector: Value,
  lane: number,
  value: Value,
): Value {
  switch (dtype) {
    case "f32":
    case "f16":
      return c.g.make("f32x4.replace_lane", [vector, value], { lane });
    case "f64":
      return c.g.make("f64x2.replace_lane", [vector, value], { lane });
    case "i64":
      return c.g.make("i64x2.replace_lane", [vector, value], { lane });
    case "bool": {
      const mask = c.g.make("i32.sub", [c.g.i32(0), value]);
      if (c.lane?.lanes !== 2) return c.g.make("i32x4.replace_lane", [vector, mask], { lane });
      return c.g.make("i64x2.replace_lane", [vector, c.g.make("i64.extend_i32_s", [mask])], { lane });
    }
    default:
      return c.g.make("i32x4.replace_lane", [vector, value], { lane });
  }
}

/** More nodes than this are worth a branch. */
const CHEAP_NODES = 12;

/** Whether evaluating `e` where the program would not have is harmless and costs little. */
export function isCheap(c: Context, e: Expr): boolean {
  return countSafe(c, e, CHEAP_NODES);
}

/** Whether evaluating `e` anywhere is harmless: no division that may trap, no load that may leave its buffer. */
export function isSafe(c: Context, e: Expr): boolean {
  return countSafe(c, e, Number.POSITIVE_INFINITY);
}

function countSafe(c: Context, e: Expr, limit: number): boolean {
  let nodes = 0;
  let safe = true;
  visitExpr(e, (x) => {
    nodes++;
    if (x.kind === "load") safe &&= c.registers.has(x.buffer.id) || isInside(c, x);
    else if (x.kind === "call") nodes += 8;
    else if (x.kind === "binary" && /div|mod/.test(x.op) && x.op !== "div") {
      safe &&= x.b.kind === "const" && Number(x.b.value) !== 0;
    }
    return safe && nodes <= limit;
  });
  return safe && nodes <= limit;
}

/** Whether a load is proven to stay inside its buffer, wherever it is evaluated. */
export function isInside(c: Context, e: Load): boolean {
  return e.indices.every((i, d) => {
    const size = e.buffer.shape[d];
    const bounds = boundsOf(i, c.ranges);
    return bounds.min >= 0 && size.kind === "const" && bounds.max < Number(size.value);
  });
}
