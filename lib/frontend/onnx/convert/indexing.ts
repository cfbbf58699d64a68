/** Operators whose indices are data. */
import { R } from "../../../graph/index.ts";
import { type Expr, type GraphExpr, isInt, ops, tupleGet } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { cast, scalar } from "./elementwise.ts";

/** The first `size` elements along an axis. */
function first(x: GraphExpr, size: Expr, axis: number): GraphExpr {
  return R.op("stridedSlice", [x, [0], [size]], { axes: [axis] });
}

/** How many results count, as a size: the program reads it when it runs. */
function counted(cx: NodeContext, count: GraphExpr): Expr {
  return cx.bb.tensorToShape(cx.emit(count), ["n"])[0];
}

const gather: Converter = (cx) => R.op("take", [cx.input(0), cx.input(1)], { axis: cx.attr.int("axis", 0) });

const gatherElements: Converter = (cx) =>
  R.op("gatherElements", [cx.input(0), cx.input(1)], { axis: cx.attr.int("axis", 0) });

const gatherNd: Converter = (cx) =>
  R.op("gatherNd", [cx.input(0), cx.input(1)], { batchDims: cx.attr.int("batch_dims", 0) });

const scatterElements: Converter = (cx) =>
  R.op("scatterElements", cx.inputs(), {
    axis: cx.attr.int("axis", 0),
    reduction: cx.attr.string("reduction", "none"),
  });

const scatterNd: Converter = (cx) =>
  R.op("scatterNd", cx.inputs(), { reduction: cx.attr.string("reduction", "none") });

/** `values` is (off, on). Depth and indices may be of any numeric dtype. */
const oneHot: Converter = (cx) => {
  const indices = isInt(cx.dtype(0)) ? cx.input(0) : cx.emit(cast(cx.input(0), "i64"));
  const wide = cx.dtype(0) === "i32" ? indices : cx.emit(cast(indices, "i64"));
  const depth = cx.known(1) ? [ops.toExpr(Math.trunc(cx.scalar(1)))] : cx.sizes(1);
  const value = (k: number): GraphExpr => cx.emit(R.op("take", [cx.input(2), scalar(k, "i64")]));
  return R.op("oneHot", [wide, value(1), value(0), depth], { axis: cx.attr.int("axis", -1) });
};

/** Columns of a matrix, by the traditional operators' name for them. */
const arrayFeatureExtractor: Converter = (cx) => {
  const rank = cx.rank(0);
  const x = rank === 1 ? cx.emit(R.op("expandDims", [cx.input(0)], { axis: 0 })) : cx.input(0);
  const flat = cx.emit(R.op("flatten", [cx.input(1)]));
  return R.op("take", [x, flat], { axis: -1 });
};

/** A scalar has one index, of the one element. */
const nonzero: Converter = (cx) => {
  const x = cx.rank(0) === 0 ? cx.emit(R.op("reshape", [cx.input(0), [1]])) : cx.input(0);
  const found = cx.emit(R.op("nonzero", [x]));
  return first(cx.emit(tupleGet(found, 0)), counted(cx, tupleGet(found, 1)), 1);
};

/** The slices whose condition holds; of the flattened tensor without an axis. */
const compress: Converter = (cx) => {
  const flat = !cx.attr.has("axis");
  const x = flat ? cx.emit(R.op("flatten", [cx.input(0)])) : cx.input(0);
  const found = cx.emit(R.op("nonzero", [cx.input(1)]));
  const n = counted(cx, tupleGet(found, 1));
  const places = cx.emit(first(cx.emit(tupleGet(found, 0)), n, 1));
  const indices = cx.emit(R.op("squeeze", [places], { axis: 0 }));
  return R.op("take", [x, indices], { axis: flat ? 0 : cx.attr.int("axis") });
};

const unique: Converter = (cx) => {
  const axis = cx.attr.has("axis") ? cx.attr.int("axis") : null;
  const all = cx.emit(R.op("unique", [cx.input(0)], { axis, sorted: cx.attr.flag("sorted", true) }));
  const field = (k: number): GraphExpr => cx.emit(tupleGet(all, k));
  const n = counted(cx, tupleGet(all, 4));
  const part = (k: number, along: number): GraphExpr | undefined =>
    cx.wants(k) ? first(field(k), n, along) : undefined;
  return [part(0, axis ?? 0), part(1, 0), cx.wants(2) ? field(2) : undefined, part(3, 0)];
};

/** k is an attribute before opset 10. */
const topk: Converter = (cx) => {
  const k = cx.opset < 10 ? [ops.toExpr(cx.attr.int("k"))] : cx.sizes(1);
  return R.op("topk", [cx.input(0), k], {
    axis: cx.attr.int("axis", -1),
    largest: cx.attr.flag("largest", true),
  });
};

export const INDEXING: ConverterTable = {
  "ai.onnx.ml:ArrayFeatureExtractor": arrayFeatureExtractor,
  Compress: compress,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  NonZero: nonzero,
  OneHot: oneHot,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  TopK: topk,
  Unique: unique,
};
