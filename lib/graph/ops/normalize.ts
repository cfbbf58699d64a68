/** Normalisations over axes. Statistics of halves are formed in f32. */
import { constInt, type Expr, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { ArgSpec, OpArgs, OpDef, TeCall } from "../op.ts";
import { axisOf, sameShape, sameSize } from "../shape.ts";
import { castTo, checkDtype, like } from "./elementwise-form.ts";
import { broadcastIndex } from "./te-index.ts";
import { axesAttr, countOf, moments, reducedOver, reduceTo, sumType, zeroAt } from "./te-reduce.ts";

const X_GAMMA_BETA = [
  { name: "x", kind: "tensor" },
  { name: "gamma", kind: "tensor", optional: true },
  { name: "beta", kind: "tensor", optional: true },
] as const satisfies readonly ArgSpec[];

const EPSILON = {
  epsilon: { doc: "added to the variance, so that nothing is divided by 0", default: 1e-5 },
} as const;

/** The last axes, over which layerNorm and rmsNorm go. */
function lastAxes(c: OpArgs): number[] {
  const rank = c.tensor(0).shape.length;
  const axes = axesAttr(c, rank, "axes");
  if (axes.some((a, k) => a !== rank - axes.length + k)) c.refuse("its axes must be the last ones");
  return axes;
}

/** Scale and shift broadcast to the axes that are normalised. */
function checkAffine(c: OpArgs, axes: readonly number[]): TensorType {
  const x = c.tensor(0);
  checkDtype(c, x.dtype, "float");
  for (let k = 1; c.has(k); k++) {
    const g = c.tensor(k);
    if (g.dtype !== x.dtype) c.refuse(`${k === 1 ? "gamma" : "beta"} is ${g.dtype}, x is ${x.dtype}`);
    const fits =
      g.shape.length <= axes.length &&
      g.shape.every((s, d) => constInt(s) === 1 || sameSize(s, x.shape[x.shape.length - g.shape.length + d]));
    if (!fits) c.refuse(`${k === 1 ? "gamma" : "beta"} must broadcast to the normalised axes of x`);
  }
  return x;
}

/** gamma * e + beta, as far as they are given; read at the end of the index. */
function affine(c: TeCall, e: Expr, at: (t: te.Tensor) => Expr[]): Expr {
  const read = (k: number): Expr => castTo(c.x(k).get(at(c.x(k))), e.dtype);
  const scaled = c.has(1) ? te.mul(e, read(1)) : e;
  return c.has(2) ? te.add(scaled, read(2)) : scaled;
}

function layerNorm(c: TeCall): te.Tensor {
  const x = c.x(0);
  const axes = lastAxes(c);
  const { mean, variance } = moments(x, axes);
  const value = (i: readonly Expr[]): Expr => {
    const k = zeroAt(i, axes);
    const t = mean.dtype;
    const spread = te.rsqrt(te.add(variance.get(k), te.const(c.num("epsilon"), t)));
    const e = te.mul(te.sub(castTo(x.get(i), t), mean.get(k)), spread);
    return castTo(
      affine(c, e, (g) => broadcastIndex(g, i)),
      x.dtype,
    );
  };
  return te.compute(x.shape, (...i) => value(i), "layerNorm");
}

function rmsNorm(c: TeCall): te.Tensor {
  const x = c.x(0);
  const r = reducedOver(x.shape, lastAxes(c), true);
  const t = sumType(x.dtype);
  const read = (i: readonly Expr[]) => castTo(x.get(i), t);
  const square = (i: readonly Expr[], k: readonly Expr[]): Expr => {
    const e = read(r.at(i, k));
    return te.mul(e, e);
  };
  const squares = reduceTo("sum", r.shape, r.extents, square, "squares");
  const value = (i: readonly Expr[]): Expr => {
    const mean = te.div(squares.get(zeroAt(i, r.axes)), countOf(r.extents, t));
    const e = te.mul(read(i), te.rsqrt(te.add(mean, te.const(c.num("epsilon"), t))));
    return castTo(
      affine(c, e, (g) => broadcastIndex(g, i)),
      x.dtype,
    );
  };
  return te.compute(x.shape, (...i) => value(i), "rmsNorm");
}

/** Groups of channels (axis 1), each normalised over its channels and all axes after them. */
function groupNorm(c: TeCall, groups: number): te.Tensor {
  const x = c.x(0);
  const [batch, channels, ...spatial] = x.shape;
  const each = te.floordiv(channels, groups);
  const t = sumType(x.dtype);
  const extents = [each, ...spatial];
  const n = countOf(extents, t);
  const shape = [batch, te.const(groups)];
  const read = (b: Expr, g: Expr, k: readonly Expr[]): Expr =>
    castTo(x.get([b, te.add(te.mul(g, each), k[0]), ...k.slice(1)]), t);
  const total = reduceTo("sum", shape, extents, ([b, g], k) => read(b, g, k), "total");
  const mean = te.compute(shape, (b, g) => te.div(total.at(b, g), n), "mean");
  const square = (b: Expr, g: Expr, k: readonly Expr[]): Expr => {
    const d = te.sub(read(b, g, k), mean.at(b, g));
    return te.mul(d, d);
  };
  const squares = reduceTo("sum", shape, extents, ([b, g], k) => square(b, g, k), "squares");
  const value = (i: readonly Expr[]): Expr => {
    const g = te.floordiv(i[1], each);
    const variance = te.div(squares.at(i[0], g), n);
    const spread = te.rsqrt(te.add(variance, te.const(c.num("epsilon"), t)));
    const e = te.mul(te.sub(castTo(x.get(i), t), mean.at(i[0], g)), spread);
    return castTo(
      affine(c, e, () => [i[1]]),
      x.dtype,
    );
  };
  return te.compute(x.shape, (...i) => value(i), c.op.slice(3));
}

function channelsType(c: OpArgs): TensorType {
  const x = c.tensor(0);
  checkDtype(c, x.dtype, "float");
  if (x.shape.length < 2) c.refuse("x has axes (batch, channel, …)");
  for (let k = 1; c.has(k); k++) {
    const g = c.tensor(k);
    if (g.dtype !== x.dtype || !sameShape(g.shape, [x.shape[1]]))
      c.refuse(`${k === 1 ? "gamma" : "beta"} is ${x.dtype} of one element for each channel`);
  }
  return x;
}

/** x divided by the sum of |x|^p, to the power of 1/p, along an axis; 0 where that is 0. */
function lpNorm(c: TeCall): te.Tensor {
  const x = c.x(0);
  const r = reducedOver(x.shape, [axisOf(c.op, c.num("axis"), x.shape.length)], true);
  const t = sumType(x.dtype);
  const read = (i: readonly Expr[]) => castTo(x.get(i), t);
  const one = c.num("p") === 1;
  const part = (e: Expr): Expr => (one ? te.abs(e) : te.mul(e, e));
  const total = reduceTo("sum", r.shape, r.extents, (i, k) => part(read(r.at(i, k))), "total");
  const value = (i: readonly Expr[]): Expr => {
    const sum = total.get(zeroAt(i, r.axes));
    const e = te.select(te.eq(sum, like(sum, 0)), like(sum, 0), te.div(read(i), one ? sum : te.sqrt(sum)));
    return castTo(e, x.dtype);
  };
  return te.compute(x.shape, (...i) => value(i), "lpNorm");
}

/** Krizhevsky et al. 2012, section 3.3, in ONNX's form: alpha is divided by the number of channels summed over. */
function localResponse(c: TeCall): te.Tensor {
  const x = c.x(0);
  const size = c.num("size");
  const t = sumType(x.dtype);
  const read = (i: readonly Expr[]) => castTo(x.get(i), t);
  const channels = constInt(x.shape[1]);
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  // A window beyond all channels is a sum over the channels.
  const all = channels !== undefined && before >= channels;
  const square = (i: readonly Expr[], [k]: readonly Expr[]): Expr => {
    const channel = all ? k : te.sub(te.add(i[1], k), before);
    const e = read([i[0], channel, ...i.slice(2)]);
    const inside = all
      ? te.le(te.sub(channel, i[1]), Math.min(after, channels))
      : te.and(te.ge(channel, 0), te.lt(channel, x.shape[1]));
    return te.select(inside, te.mul(e, e), like(e, 0));
  };
  const total = reduceTo("sum", x.shape, [te.const(all ? channels : size)], square, "squares");
  const value = (i: readonly Expr[]): Expr => {
    const sum = te.mul(total.get(i), te.const(c.num("alpha") / size, t));
    const base = te.add(te.const(c.num("bias"), t), sum);
    return castTo(te.div(read(i), te.pow(base, te.const(c.num("beta"), t))), x.dtype);
  };
  return te.compute(x.shape, (...i) => value(i), "lrn");
}

const LAST = { axes: { doc: "the last axes, over which it goes", default: [-1] }, ...EPSILON } as const;

export const NORMALIZE = {
  "nn.layerNorm": {
    doc: "(x - mean) / sqrt(variance + epsilon) * gamma + beta, over the last axes",
    args: X_GAMMA_BETA,
    attrs: LAST,
    infer: (c): TensorType => checkAffine(c, lastAxes(c)),
    te: layerNorm,
  },
  "nn.rmsNorm": {
    doc: "x / sqrt(mean of squares + epsilon) * gamma, over the last axes",
    args: X_GAMMA_BETA.slice(0, 2),
    attrs: LAST,
    infer: (c): TensorType => checkAffine(c, lastAxes(c)),
    te: rmsNorm,
  },
  "nn.groupNorm": {
    doc: "(x - mean) / sqrt(variance + epsilon) * gamma + beta, over groups of channels; x is (batch, channel, …)",
    args: X_GAMMA_BETA,
    attrs: { numGroups: { doc: "into how many groups the channels are divided" }, ...EPSILON },
    infer: (c): TensorType => {
      const x = channelsType(c);
      const [n, groups] = [constInt(x.shape[1]), c.num("numGroups")];
      if (!Number.isInteger(groups) || groups < 1) c.refuse(`${groups} is no number of groups`);
      if (n !== undefined && n % groups !== 0) c.refuse(`${n} channels do not divide into ${groups} groups`);
      return x;
    },
    te: (c) => groupNorm(c, c.num("numGroups")),
  },
  "nn.instanceNorm": {
    doc: "(x - mean) / sqrt(variance + epsilon) * gamma + beta, for each channel; x is (batch, channel, …)",
    args: X_GAMMA_BETA,
    attrs: EPSILON,
    infer: (c): TensorType => {
      const x = channelsType(c);
      if (constInt(x.shape[1]) === undefined) c.refuse("the number of channels must be known");
      return x;
    },
    te: (c) => groupNorm(c, constInt(c.x(0).shape[1]) as number),
  },
  "nn.lpNorm": {
    doc: "x divided by its 1-norm or 2-norm along an axis; 0 where that is 0",
    args: X_GAMMA_BETA.slice(0, 1),
    attrs: {
      axis: { doc: "along which axis", default: -1 },
      p: { doc: "1 or 2", default: 2 },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      checkDtype(c, x.dtype, "float");
      axisOf(c.op, c.num("axis"), x.shape.length);
      if (c.num("p") !== 1 && c.num("p") !== 2) c.refuse(`p is 1 or 2, not ${c.num("p")}`);
      return x;
    },
    te: lpNorm,
  },
  "nn.lrn": {
    doc: "x / (bias + alpha / size * sum of squares over `size` channels around)^beta; x is (batch, channel, …)",
    args: X_GAMMA_BETA.slice(0, 1),
    attrs: {
      size: { doc: "how many channels" },
      alpha: { doc: "weight of the sum", default: 1e-4 },
      beta: { doc: "exponent", default: 0.75 },
      bias: { doc: "what is added to the sum", default: 1 },
    },
    infer: (c): TensorType => {
      const x = channelsType(c);
      if (!Number.isInteger(c.num("size")) || c.num("size") < 1) c.refuse("size is a whole number from 1 on");
      return x;
    },
    te: localResponse,
  },
} as const satisfies Record<string, OpDef>;
