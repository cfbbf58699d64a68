/** Which keys a query of Attention sees (operator sets 23 to 25). */
import { simplify } from "../../../arith/index.ts";
import { R } from "../../../graph/index.ts";
import { constInt, type DType, type Expr, type GraphExpr, ops } from "../../../ir/index.ts";
import type { NodeContext } from "../context.ts";
import { cast, scalar } from "./elementwise.ts";

/** Inputs of the node. */
export const MASK = 3;
export const PAST_KEY = 4;
export const PAST_VALUE = 5;
const VALID_KEYS = 6;

/** Sizes and dtype of the scores: [batch, heads, queries, keys]. */
export interface ScoreSizes {
  readonly batch: Expr;
  readonly queries: Expr;
  readonly keys: Expr;
  readonly dtype: DType;
}

export interface Masks {
  /** What is added to the scores. */
  readonly bias?: GraphExpr;
  /** Where it is false the score is -∞. */
  readonly allowed?: GraphExpr;
  /** Whether a query may see no key at all: its weights are then 0. */
  readonly blind: boolean;
}

/** The masks of a node together: `attn_mask`, the causal one, windows, and keys that are only padding. */
export function masksOf(cx: NodeContext, s: ScoreSizes): Masks {
  const both = (a: GraphExpr | undefined, b: GraphExpr): GraphExpr =>
    a ? cx.emit(R.op("logicalAnd", [a, b])) : b;
  const given = cx.has(MASK) ? wholeMask(cx, s) : undefined;
  const isBool = given !== undefined && cx.dtype(MASK) === "bool";
  const causal = cx.attr.flag("is_causal");
  const [left, right] = [cx.attr.int("left_window_size", -1), cx.attr.int("right_window_size", -1)];
  let allowed = isBool ? given : undefined;
  const valid = cx.has(VALID_KEYS) ? validKeys(cx, s) : undefined;
  if (causal || left >= 0 || right >= 0) {
    const place = cx.emit(R.op("add", [counted(cx, s.queries, "rows"), offsetOf(cx, s, valid)]));
    const key = counted(cx, s.keys, "columns");
    const shifted = (by: number): GraphExpr =>
      by === 0 ? place : cx.emit(R.op("add", [place, scalar(by, "i32")]));
    const upper = causal ? 0 : right;
    if (upper >= 0) allowed = both(allowed, cx.emit(R.op("lessEqual", [key, shifted(upper)])));
    if (left >= 0) allowed = both(allowed, cx.emit(R.op("greaterEqual", [key, shifted(-left)])));
  }
  if (valid) allowed = both(allowed, cx.emit(R.op("less", [counted(cx, s.keys, "columns"), valid])));
  const blind = given !== undefined || valid !== undefined || left >= 0 || right >= 0;
  const bias = given && !isBool ? cx.emit(cast(given, s.dtype)) : undefined;
  return { ...(bias ? { bias } : {}), ...(allowed ? { allowed } : {}), blind };
}

/** 0, 1, 2, … as i32, along the rows or the columns of a matrix. */
function counted(cx: NodeContext, n: Expr, along: "rows" | "columns"): GraphExpr {
  const line = cx.emit(R.op("arange", [[n], scalar(0, "i32"), scalar(1, "i32")]));
  return cx.emit(R.op("expandDims", [line], { axis: along === "rows" ? 1 : 0 }));
}

/** How many keys stand before the first query: those of the cache. */
function offsetOf(cx: NodeContext, s: ScoreSizes, valid: GraphExpr | undefined): GraphExpr {
  if (valid) return cx.emit(R.op("subtract", [valid, size(cx, s.queries)]));
  return cx.has(PAST_KEY) ? size(cx, cx.shape(PAST_KEY)[2]) : scalar(0, "i32");
}

/** A size as a value. */
function size(cx: NodeContext, n: Expr): GraphExpr {
  const known = constInt(n);
  if (known !== undefined) return scalar(known, "i32");
  return cx.emit(R.op("shapeToTensor", [[n], []], { dtype: "i32" }));
}

/** The number of keys of each sample that are no padding, as [batch, 1, 1, 1]. */
function validKeys(cx: NodeContext, s: ScoreSizes): GraphExpr {
  if (cx.has(PAST_KEY))
    cx.refuse("nonpad_kv_seqlen and past_key are two ways to keep a cache: it takes one of them");
  return cx.emit(R.op("reshape", [cx.emit(cast(cx.input(VALID_KEYS), "i32")), [s.batch, 1, 1, 1]]));
}

/**
 * `attn_mask` for all keys. From operator set 24 on it may end early: the keys after its end are not seen. A last axis
 * of one element broadcasts before 24, and ends early from then on, as in the standard's reference.
 */
function wholeMask(cx: NodeContext, s: ScoreSizes): GraphExpr {
  const shape = cx.shape(MASK);
  const x = cx.input(MASK);
  if (cx.opset < 24 || shape.length === 0) return x;
  const more = simplify(ops.sub(s.keys, shape[shape.length - 1]));
  const count = constInt(more);
  if (count === 0) return x;
  if (count !== undefined && count < 0)
    return cx.refuse(`attn_mask is for ${-count} key(s) more than there are`);
  const zero = ops.toExpr(0);
  const width = shape.flatMap((_, d) => [zero, d === shape.length - 1 ? more : zero]);
  const t = cx.dtype(MASK);
  if (t !== "bool")
    return cx.emit(R.op("nn.pad", [cx.emit(cast(x, s.dtype)), width, scalar(-Infinity, s.dtype)]));
  return cx.emit(R.op("nn.pad", [x, width]));
}
