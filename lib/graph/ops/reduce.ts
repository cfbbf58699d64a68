/** Reductions. Over `axis: null` all axes are reduced, over `axis: []` none. */
import { type DType, type Expr, isFloat, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TeCall } from "../op.ts";
import { axisOf, knownIsZero } from "../shape.ts";
import { castTo, checkDtype, dtypeAttr, like, type Takes, X } from "./elementwise-form.ts";
import { flatIndex } from "./te-index.ts";
import {
  axesAttr,
  type Combiner,
  countOf,
  moments,
  type Reduced,
  reducedOver,
  reducedType,
  reduceTo,
  sumType,
} from "./te-reduce.ts";

const KEEP = {
  keepdims: { doc: "keep the reduced axes with size 1", default: false },
} as const;
const OVER = {
  axis: { doc: "which axis, or axes; all where it is null", default: null },
  ...KEEP,
} as const;

const over = (c: TeCall): Reduced =>
  reducedOver(c.x(0).shape, axesAttr(c, c.x(0).shape.length), c.flag("keepdims"));

interface Parts {
  readonly takes?: Takes;
  readonly before?: (x: Expr) => Expr;
  readonly after?: (x: Expr, count: () => Expr) => Expr;
  /** What it is computed in; `sumType` otherwise. */
  readonly inside?: (t: DType) => DType;
}

/** A reduction of values that `before` makes; `after` makes the result of what comes out. */
function reduction(doc: string, combiner: Combiner, parts: Parts = {}): OpDef {
  const { takes = "number", before = (x) => x, after, inside = sumType } = parts;
  return {
    doc,
    args: X,
    attrs: OVER,
    infer: (c): TensorType => {
      checkDtype(c, c.tensor(0).dtype, takes);
      return reducedType(c);
    },
    te: (c) => {
      const x = c.x(0);
      const r = over(c);
      const t = inside(x.dtype);
      const source = (i: readonly Expr[], k: readonly Expr[]) => before(castTo(x.get(r.at(i, k)), t));
      const raw = reduceTo(combiner, r.shape, r.extents, source, after ? `${c.op}_raw` : c.op);
      if (!after && t === x.dtype) return raw;
      const finish = (e: Expr) => castTo(after ? after(e, () => countOf(r.extents, t)) : e, x.dtype);
      return te.compute(r.shape, (...i) => finish(raw.get(i)), c.op);
    },
  };
}

/** bool has no order in programs; 0 and 1 as i32 have. */
const ordered = (t: DType): DType => (t === "bool" ? "i32" : t);

const divided = (x: Expr, n: Expr): Expr => (isFloat(x.dtype) ? te.div(x, n) : te.truncdiv(x, n));

function spread(doc: string, after: (v: Expr) => Expr): OpDef {
  return {
    doc,
    args: X,
    attrs: OVER,
    infer: (c): TensorType => {
      checkDtype(c, c.tensor(0).dtype, "float");
      return reducedType(c);
    },
    te: (c) => {
      const x = c.x(0);
      const r = over(c);
      const { variance } = moments(x, r.axes);
      // The kept shape has a 1 for each reduced axis; the result may lack them.
      const at = (i: readonly Expr[]) =>
        r.at(
          i,
          r.axes.map(() => te.const(0)),
        );
      return te.compute(r.shape, (...i) => castTo(after(variance.get(at(i))), x.dtype), c.op);
    },
  };
}

/** With the maximum taken out, so that no exponential overflows. */
function logSumExp(c: TeCall): te.Tensor {
  const x = c.x(0);
  const r = over(c);
  const t = sumType(x.dtype);
  const read = (i: readonly Expr[], k: readonly Expr[]) => castTo(x.get(r.at(i, k)), t);
  const top = reduceTo("max", r.shape, r.extents, read, "top");
  // An infinite maximum would give NaN by subtracting it from itself.
  const base = te.compute(
    r.shape,
    (...i) => {
      const m = top.get(i);
      return te.select(te.eq(te.abs(m), like(m, Number.POSITIVE_INFINITY)), like(m, 0), m);
    },
    "base",
  );
  const sum = reduceTo("sum", r.shape, r.extents, (i, k) => te.exp(te.sub(read(i, k), base.get(i))), "sum");
  return te.compute(r.shape, (...i) => castTo(te.add(te.log(sum.get(i)), base.get(i)), x.dtype), "logSumExp");
}

function positionAxis(c: OpArgs): number[] {
  const rank = c.tensor(0).shape.length;
  return c.attrs.axis === null ? axesAttr(c, rank) : [axisOf(c.op, c.num("axis"), rank)];
}

function position(doc: string, name: "argmax" | "argmin"): OpDef {
  return {
    doc,
    args: X,
    attrs: {
      axis: { doc: "which axis; the position in the flattened tensor where it is null", default: null },
      ...KEEP,
      selectLastIndex: { doc: "of equals the last, not the first", default: false },
      dtype: { doc: "dtype of the positions", default: "i64" },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      checkDtype(c, x.dtype, "number");
      const dtype = dtypeAttr(c);
      if (dtype !== "i32" && dtype !== "i64") c.refuse(`positions are i32 or i64, not ${dtype}`);
      const axes = positionAxis(c);
      const r = reducedOver(x.shape, axes, c.flag("keepdims"));
      const nothing = r.extents.some(knownIsZero) && !r.shape.some(knownIsZero);
      if (nothing) c.refuse("there is no position along an axis of size 0");
      return { kind: "tensor", dtype, shape: r.shape };
    },
    te: (c) => {
      const x = c.x(0);
      const dtype = c.out().dtype as "i32" | "i64";
      const r = reducedOver(x.shape, positionAxis(c), c.flag("keepdims"));
      // A scalar, and a result without elements.
      if (r.axes.length === 0 || r.extents.some(knownIsZero))
        return te.compute(r.shape, () => te.const(0, dtype), name);
      const last = c.flag("selectLastIndex");
      // First the value, then where it stands: reductions of one number each, which go in lanes.
      const worst = name === "argmax" ? te.minValue(x.dtype) : te.maxValue(x.dtype);
      const read = (i: readonly Expr[], k: readonly Expr[]): Expr => x.get(r.at(i, k));
      const known = (e: Expr): Expr => (isFloat(e.dtype) ? te.select(te.eq(e, e), e, worst) : e);
      const best = reduceTo(
        name === "argmax" ? "max" : "min",
        r.shape,
        r.extents,
        (i, k) => known(read(i, k)),
        "best",
      );
      const end = te.sub(countOf(r.extents, "i32"), te.const(1));
      const [start, none] = last ? [end, te.const(-1)] : [te.const(0), te.add(end, te.const(1))];
      const place = reduceTo(
        last ? "max" : "min",
        r.shape,
        r.extents,
        (i, k) => te.select(te.eq(read(i, k), best.get(i)), castTo(flatIndex(k, r.extents), "i32"), none),
        "place",
      );
      // Where nothing is better than the worst, all are equal, but for what is no number.
      const at = (i: readonly Expr[]): Expr => te.select(te.eq(best.get(i), worst), start, place.get(i));
      return te.compute(r.shape, (...i) => castTo(at(i), dtype), name);
    },
  };
}

export const REDUCE = {
  sum: reduction("the sum", "sum"),
  prod: reduction("the product", "prod"),
  max: reduction("the greatest", "max", { takes: "any", inside: ordered }),
  min: reduction("the smallest", "min", { takes: "any", inside: ordered }),
  mean: reduction("the mean; of integers without its fraction", "sum", { after: (x, n) => divided(x, n()) }),
  sumSquare: reduction("the sum of squares", "sum", { before: (x) => te.mul(x, x) }),
  l1: reduction("the sum of absolute values", "sum", { before: te.abs }),
  l2: reduction("the root of the sum of squares", "sum", {
    before: (x) => te.mul(x, x),
    inside: (t) => (isFloat(t) ? sumType(t) : "f64"),
    after: te.sqrt,
  }),
  logSum: reduction("the logarithm of the sum", "sum", {
    inside: (t) => (isFloat(t) ? sumType(t) : "f64"),
    after: te.log,
  }),
  logSumExp: {
    doc: "the logarithm of the sum of exponentials",
    args: X,
    attrs: OVER,
    infer: (c): TensorType => {
      checkDtype(c, c.tensor(0).dtype, "float");
      return reducedType(c);
    },
    te: logSumExp,
  },
  variance: spread("the variance of the population", (v) => v),
  std: spread("the standard deviation of the population", te.sqrt),
  argmax: position("the position of the greatest; of equals the first", "argmax"),
  argmin: position("the position of the smallest; of equals the first", "argmin"),
} as const satisfies Record<string, OpDef>;
