/**
 * Attention of the standard's operator sets 23 to 25: scaled products of queries and keys, softmax, products with the
 * values. Heads that share a key head (grouped and multi-query attention) become rows of one product with it, so that
 * keys and values are never repeated. The meaning is that of the text as it was corrected later: the softcap comes
 * before the mask (and so do modes 1 and 2 of `qk_matmul_output_mode`), a query that sees no key gives 0.
 */
import { simplify } from "../../../arith/index.ts";
import { product, R, sameSize } from "../../../graph/index.ts";
import { constInt, type DType, type Expr, type GraphExpr, isFloat, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { dtypeName, dtypeOf } from "../decode-tensor.ts";
import { masksOf, PAST_KEY, PAST_VALUE } from "./attention-mask.ts";
import { cast, scalar } from "./elementwise.ts";

/** Queries, keys or values as [batch, heads, length, size]. */
interface Heads {
  readonly value: GraphExpr;
  readonly shape: readonly Expr[];
}

/** Which of them, and the attribute that says how many heads there are in [batch, length, heads · size]. */
const HEADS = ["q_num_heads", "kv_num_heads", "kv_num_heads"] as const;

function headsOf(cx: NodeContext, i: number): Heads {
  const shape = cx.shape(i);
  if (shape.length !== cx.rank(0)) cx.refuse("Q, K and V have not the same rank");
  if (shape.length === 4) return { value: cx.input(i), shape };
  if (shape.length !== 3) cx.refuse(`input ${i} has rank ${shape.length}, not 3 or 4`);
  const [batch, length, hidden] = shape;
  const n = cx.attr.int(HEADS[i]);
  const all = constInt(hidden);
  if (n < 1 || (all !== undefined && all % n !== 0))
    cx.refuse(`${all ?? "the last axis"} does not divide into ${n} heads`, HEADS[i]);
  const size = simplify(ops.floordiv(hidden, n));
  const apart = cx.emit(R.op("reshape", [cx.input(i), [batch, length, n, size]]));
  const value = cx.emit(R.op("permuteDims", [apart], { axes: [0, 2, 1, 3] }));
  return { value, shape: [batch, ops.toExpr(n), length, size] };
}

/** With what the cache holds before it. */
function cached(cx: NodeContext, now: Heads, past: number): Heads {
  if (!cx.has(past)) return now;
  if (cx.rank(past) !== 4) cx.refuse(`input ${past} has rank ${cx.rank(past)}, not 4`);
  const value = cx.emit(R.op("concat", [[cx.input(past), now.value]], { axis: 2 }));
  return { value, shape: now.shape.with(2, simplify(ops.add(cx.shape(past)[2], now.shape[2]))) };
}

function scaleOf(cx: NodeContext, size: Expr): number {
  if (cx.attr.has("scale")) return cx.attr.float("scale");
  const n = constInt(size) ?? cx.refuse("the size of a head must be known, or the attribute scale given");
  return 1 / Math.sqrt(n);
}

/** How many query heads share a key head. */
function sharing(cx: NodeContext, q: Heads, k: Heads): number {
  if (sameSize(q.shape[1], k.shape[1])) return 1;
  const [all, groups] = [constInt(q.shape[1]), constInt(k.shape[1])];
  if (all === undefined || groups === undefined) return cx.refuse("the numbers of heads must be known");
  if (groups < 1 || all % groups !== 0)
    return cx.refuse(`${groups} key heads cannot be shared by ${all} query heads`);
  return all / groups;
}

/** a · b for [batch, heads, rows, …] and [batch, heads / shared, …, columns]. */
function headProduct(cx: NodeContext, a: Heads, b: GraphExpr, columns: Expr, shared: number): GraphExpr {
  if (shared === 1) return cx.emit(R.op("matmul", [a.value, b]));
  const [batch, heads, rows, inner] = a.shape;
  const groups = simplify(ops.floordiv(heads, shared));
  const stacked = [batch, groups, product([rows, ops.toExpr(shared)]), inner];
  const made = cx.emit(R.op("matmul", [cx.emit(R.op("reshape", [a.value, stacked])), b]));
  return cx.emit(R.op("reshape", [made, [batch, heads, rows, columns]]));
}

function softcapped(cx: NodeContext, x: GraphExpr, dtype: DType): GraphExpr {
  const cap = cx.attr.float("softcap", 0);
  if (cap <= 0) return x;
  const small = cx.emit(R.op("divide", [x, scalar(cap, dtype)]));
  return cx.emit(R.op("multiply", [cx.emit(R.op("tanh", [small])), scalar(cap, dtype)]));
}

/** The dtype that softmax is computed in. */
function softmaxDtype(cx: NodeContext, otherwise: DType): DType {
  const code = cx.attr.int("softmax_precision", 0);
  if (code === 0) return otherwise;
  const t = dtypeOf(code);
  if (!t || !isFloat(t))
    return cx.refuse(`${dtypeName(code)} is no float type that is supported`, "softmax_precision");
  return t;
}

const attention: Converter = (cx) => {
  if (cx.has(PAST_KEY) !== cx.has(PAST_VALUE)) cx.refuse("past_key and past_value go together");
  const t = cx.dtype(0);
  const [q, newK, newV] = [0, 1, 2].map((i) => headsOf(cx, i));
  const [k, v] = [cached(cx, newK, PAST_KEY), cached(cx, newV, PAST_VALUE)];
  const shared = sharing(cx, q, k);
  const [batch, heads, queries, size] = q.shape;
  const [keys, columns] = [k.shape[2], v.shape[3]];

  const scaled = cx.emit(R.op("multiply", [q.value, scalar(scaleOf(cx, size), t)]));
  const turned = cx.emit(R.op("permuteDims", [k.value], { axes: [0, 1, 3, 2] }));
  const raw = headProduct(cx, { value: scaled, shape: q.shape }, turned, keys, shared);
  const capped = softcapped(cx, raw, t);
  const { bias, allowed, blind } = masksOf(cx, { batch, queries, keys, dtype: t });
  const biased = bias ? cx.emit(R.op("add", [capped, bias])) : capped;
  const scores = allowed ? cx.emit(R.op("where", [allowed, biased, scalar(-Infinity, t)])) : biased;

  const wide = cx.emit(cast(scores, softmaxDtype(cx, t)));
  const soft = cx.emit(cast(cx.emit(R.op("nn.softmax", [wide], { axis: -1 })), t));
  // Of a row that is -∞ everywhere, softmax is not a number.
  const unseen = (): GraphExpr => cx.emit(R.op("equal", [scores, scalar(-Infinity, t)]));
  const weights = blind ? cx.emit(R.op("where", [unseen(), scalar(0, t), soft])) : soft;

  const rows = [batch, heads, queries, keys];
  const values = cx.emit(cast(v.value, t));
  const mixed = headProduct(cx, { value: weights, shape: rows }, values, columns, shared);
  const y =
    cx.rank(0) === 4
      ? mixed
      : R.op("reshape", [
          cx.emit(R.op("permuteDims", [mixed], { axes: [0, 2, 1, 3] })),
          [batch, queries, product([heads, columns])],
        ]);
  const stages = [raw, capped, scores, weights];
  const mode = cx.attr.int("qk_matmul_output_mode", 0);
  const stage = stages[mode] ?? cx.refuse(`${mode} is no mode: there are 0 to 3`, "qk_matmul_output_mode");
  return [
    y,
    cx.wants(1) ? k.value : undefined,
    cx.wants(2) ? v.value : undefined,
    cx.wants(3) ? stage : undefined,
  ];
};

/** The cosines or sines of the positions, as they multiply [batch, heads, length, size] (or length before heads). */
function angles(cx: NodeContext, i: number, half: number, headAxis: number): GraphExpr {
  const POSITIONS = 3;
  const table = cx.has(POSITIONS)
    ? cx.emit(R.op("take", [cx.input(i), cx.input(POSITIONS)], { axis: 0 }))
    : cx.input(i);
  const rank = cx.has(POSITIONS) ? 2 : 3;
  if (cx.rank(i) !== rank) cx.refuse(`input ${i} has rank ${cx.rank(i)}, not ${rank}`);
  const own = constInt(cx.shape(i)[rank - 1]);
  if (own !== undefined && own !== half)
    cx.refuse(`input ${i} has ${own} angles for each position, not ${half}`);
  return cx.emit(R.op("expandDims", [table], { axis: headAxis }));
}

/** Pairs of numbers of each head turned by the angles of their position; the rest of a head stays as it is. */
const rotaryEmbedding: Converter = (cx) => {
  const own = cx.shape(0);
  const apart = own.length === 3;
  if (!apart && own.length !== 4) cx.refuse(`its input has rank ${own.length}, not 3 or 4`);
  const hidden = constInt(own[own.length - 1]) ?? cx.refuse("the size of a head must be known");
  const heads = apart ? cx.attr.int("num_heads") : 1;
  if (heads < 1 || hidden % heads !== 0)
    cx.refuse(`${hidden} does not divide into ${heads} heads`, "num_heads");
  const size = hidden / heads;
  const turned = cx.attr.int("rotary_embedding_dim", 0) || size;
  if (turned % 2 !== 0 || turned < 0 || turned > size)
    cx.refuse(`${turned} of ${size} numbers of a head cannot be turned in pairs`, "rotary_embedding_dim");
  const half = turned / 2;
  const x = apart ? cx.emit(R.op("reshape", [cx.input(0), [own[0], own[1], heads, size]])) : cx.input(0);
  const [cos, sin] = [1, 2].map((i) => angles(cx, i, half, apart ? 2 : 1));
  const between = cx.attr.flag("interleaved");
  const part = (begin: number, end: number, step = 1): GraphExpr =>
    cx.emit(R.op("stridedSlice", [x, [begin], [end], [step]], { axes: [3] }));
  const [a, b] = between ? [part(0, turned, 2), part(1, turned, 2)] : [part(0, half), part(half, turned)];
  const times = (u: GraphExpr, w: GraphExpr): GraphExpr => cx.emit(R.op("multiply", [u, w]));
  const real = cx.emit(R.op("subtract", [times(cos, a), times(sin, b)]));
  const imaginary = cx.emit(R.op("add", [times(sin, a), times(cos, b)]));
  const rest = turned < size ? [part(turned, size)] : [];
  const y = between ? [interleaved(cx, real, imaginary)] : [real, imaginary];
  const all = [...y, ...rest];
  const whole = all.length === 1 ? all[0] : cx.emit(R.op("concat", [all], { axis: 3 }));
  return apart ? R.op("reshape", [whole, own]) : whole;
};

/** Elements of both in turn along the last axis. */
function interleaved(cx: NodeContext, a: GraphExpr, b: GraphExpr): GraphExpr {
  if (a.type.kind !== "tensor") throw new TypeError("tensors are interleaved");
  const { shape } = a.type;
  const two = [a, b].map((e) => cx.emit(R.op("expandDims", [e], { axis: shape.length })));
  const pairs = cx.emit(R.op("concat", [two], { axis: shape.length }));
  const last = shape.length - 1;
  return cx.emit(R.op("reshape", [pairs, shape.with(last, product([shape[last], ops.toExpr(2)]))]));
}

/** A cache with new positions written into it, for each sample from its own place on. */
const tensorScatter: Converter = (cx) => {
  const mode = cx.attr.string("mode", "linear");
  if (mode !== "linear" && mode !== "circular")
    cx.refuse(`"${mode}" is no mode: there are linear and circular`, "mode");
  return R.op("cacheUpdate", cx.inputs(), { axis: cx.attr.int("axis", -2), circular: mode === "circular" });
};

export const ATTENTION: ConverterTable = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
  TensorScatter: tensorScatter,
};
