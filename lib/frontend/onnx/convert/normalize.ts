/** Normalisations. */
import { R } from "../../../graph/index.ts";
import { constInt, type DType, type GraphExpr } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { cast, scalar } from "./elementwise.ts";

const epsilonOf = (cx: NodeContext): number => cx.attr.float("epsilon", 1e-5);

/** Scale, shift and statistics may have another float type than the data (opset 15). */
const parameters = (cx: NodeContext, t: DType): GraphExpr[] =>
  [1, 2, 3, 4].map((i) => cx.emit(cast(cx.input(i), t)));

/** In training mode by the statistics of the batch, which also move the running ones. */
const batchNorm: Converter = (cx) => {
  if (!cx.attr.flag("spatial", true))
    return cx.refuse("statistics for each position are not supported", "spatial");
  const [x, epsilon] = [cx.input(0), epsilonOf(cx)];
  const p = parameters(cx, cx.dtype(0));
  if (!cx.attr.flag("training_mode")) return [R.op("nn.batchNorm", [x, ...p], { epsilon })];
  const others = cx.shape(0).flatMap((_, d) => (d === 1 ? [] : [d]));
  const mean = cx.emit(R.op("mean", [x], { axis: others }));
  const variance = cx.emit(R.op("variance", [x], { axis: others }));
  const momentum = cx.attr.float("momentum", 0.9);
  const moved = (i: number, now: GraphExpr): GraphExpr => {
    const t = cx.dtype(i);
    const old = cx.emit(R.op("multiply", [cx.input(i), scalar(momentum, t)]));
    const part = cx.emit(R.op("multiply", [cx.emit(cast(now, t)), scalar(1 - momentum, t)]));
    return R.op("add", [old, part]);
  };
  const y = R.op("nn.batchNorm", [x, p[0], p[1], mean, variance], { epsilon });
  return [y, cx.wants(1) ? moved(3, mean) : undefined, cx.wants(2) ? moved(4, variance) : undefined];
};

const instanceNorm: Converter = (cx) => R.op("nn.instanceNorm", cx.inputs(), { epsilon: epsilonOf(cx) });

/** Scale and shift are given for each group before opset 21, then for each channel. */
const groupNorm: Converter = (cx) => {
  const groups = cx.attr.int("num_groups");
  const channels = constInt(cx.shape(0)[1]) ?? cx.refuse("the number of channels must be known");
  const wide = (i: number): GraphExpr => {
    const own = constInt(cx.shape(i)[0]);
    if (own === channels || groups === channels) return cx.input(i);
    return cx.emit(R.op("repeat", [cx.input(i)], { repeats: Math.floor(channels / groups) }));
  };
  return R.op("nn.groupNorm", [cx.input(0), wide(1), wide(2)], { numGroups: groups, epsilon: epsilonOf(cx) });
};

/** The axes from the attribute `axis` on. */
function lastAxes(cx: NodeContext): number[] {
  const rank = cx.rank(0);
  const given = cx.attr.int("axis", -1);
  if (given < -rank || given >= rank)
    cx.refuse(`axis ${given} is not in ${-rank} … ${rank - 1} (the rank is ${rank})`, "axis");
  const from = given < 0 ? given + rank : given;
  return Array.from({ length: rank - from }, (_, k) => from + k);
}

/** The second and third result are the mean and 1 / sqrt(variance + epsilon), in f32 or better. */
const layerNorm: Converter = (cx) => {
  const axes = lastAxes(cx);
  const epsilon = epsilonOf(cx);
  const y = R.op("nn.layerNorm", cx.inputs(), { axes, epsilon });
  if (!cx.wants(1) && !cx.wants(2)) return [y];
  const t: DType = cx.dtype(0) === "f64" ? "f64" : "f32";
  const x = cx.emit(cast(cx.input(0), t));
  const over = { axis: axes, keepdims: true };
  const spread = (): GraphExpr => {
    const variance = cx.emit(R.op("variance", [x], over));
    return R.op("rsqrt", [cx.emit(R.op("add", [variance, scalar(epsilon, t)]))]);
  };
  return [y, cx.wants(1) ? R.op("mean", [x], over) : undefined, cx.wants(2) ? spread() : undefined];
};

/**
 * Divided by the root of the mean square in the precision that `stash_type` says (at least f32), then in the dtype of
 * the scale, which may have another one than the data.
 */
const rmsNorm: Converter = (cx) => {
  const [x, scale] = cx.inputs();
  const axes = lastAxes(cx);
  const epsilon = epsilonOf(cx);
  const [t, out] = [cx.dtype(0), cx.dtype(1)];
  const wide = cx.attr.dtype("stash_type", "f32") === "f64" || t === "f64" ? "f64" : "f32";
  const fits = cx.rank(1) <= axes.length;
  if (t === out && (wide === "f32" || t === wide) && fits)
    return R.op("nn.rmsNorm", [x, scale], { axes, epsilon });
  const stage = t === "f16" && wide === "f32" ? x : cx.emit(cast(x, wide));
  const even = cx.emit(R.op("nn.rmsNorm", [stage], { axes, epsilon }));
  const narrowed = cx.emit(cast(cx.emit(cast(even, t)), out));
  return R.op("multiply", [narrowed, scale]);
};

const lpNorm: Converter = (cx) =>
  R.op("nn.lpNorm", [cx.input(0)], { axis: cx.attr.int("axis", -1), p: cx.attr.int("p", 2) });

const lrn: Converter = (cx) =>
  R.op("nn.lrn", [cx.input(0)], {
    size: cx.attr.int("size"),
    alpha: cx.attr.float("alpha", 1e-4),
    beta: cx.attr.float("beta", 0.75),
    bias: cx.attr.float("bias", 1),
  });

const meanVarianceNorm: Converter = (cx) =>
  R.op("nn.meanVarianceNorm", [cx.input(0)], { axes: cx.attr.ints("axes", [0, 2, 3]) });

export const NORMALIZE: ConverterTable = {
  BatchNormalization: batchNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  LRN: lrn,
  LayerNormalization: layerNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
  RMSNormalization: rmsNorm,
};
