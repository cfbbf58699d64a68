/** softmax and its kin, along one axis. */
import type { Expr, TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TeCall } from "../op.ts";
import { axisOf, knownIsZero } from "../shape.ts";
import { castTo, checkDtype, like, X } from "./elementwise-form.ts";
import { type Reduced, reducedOver, reduceTo, sumType, zeroAt } from "./te-reduce.ts";

const AXIS = { axis: { doc: "along which axis", default: -1 } } as const;

function axis(c: OpArgs): number {
  return axisOf(c.op, c.num("axis"), c.tensor(0).shape.length);
}

function infer(c: OpArgs): TensorType {
  checkDtype(c, c.tensor(0).dtype, "float");
  axis(c);
  return c.tensor(0);
}

const along = (c: TeCall): Reduced => reducedOver(c.x(0).shape, [axis(c)], true);

/** x minus its greatest along the axis, and the sum of the exponentials of that. */
function shifted(c: TeCall): { r: Reduced; minus: (i: readonly Expr[]) => Expr; top: te.Tensor } {
  const x = c.x(0);
  const r = along(c);
  const t = sumType(x.dtype);
  const top = reduceTo("max", r.shape, r.extents, (i, k) => castTo(x.get(r.at(i, k)), t), "top");
  return { r, top, minus: (i) => te.sub(castTo(x.get(i), t), top.get(zeroAt(i, r.axes))) };
}

function softmax(c: TeCall): te.Tensor {
  const x = c.x(0);
  const { r, minus } = shifted(c);
  const e = te.compute(x.shape, (...i) => te.exp(minus(i)), "exponential");
  const sum = reduceTo("sum", r.shape, r.extents, (i, k) => e.get(r.at(i, k)), "sum");
  // One division for a row. The sum is at least 1: the greatest element's exponential is in it.
  const one = te.const(1, sumType(x.dtype));
  const value = (i: readonly Expr[]) => te.mul(e.get(i), te.div(one, sum.get(zeroAt(i, r.axes))));
  return te.compute(x.shape, (...i) => castTo(value(i), x.dtype), "softmax");
}

function logSoftmax(c: TeCall): te.Tensor {
  const x = c.x(0);
  const { r, minus } = shifted(c);
  const sum = reduceTo("sum", r.shape, r.extents, (i, k) => te.exp(minus(r.at(i, k))), "sum");
  const value = (i: readonly Expr[]) => te.sub(minus(i), te.log(sum.get(zeroAt(i, r.axes))));
  return te.compute(x.shape, (...i) => castTo(value(i), x.dtype), "logSoftmax");
}

function hardmax(c: TeCall): te.Tensor {
  const x = c.x(0);
  const r = along(c);
  if (r.extents.some(knownIsZero)) return te.compute(x.shape, () => te.const(0, x.dtype), "hardmax");
  const k = te.reduceAxis(r.extents[0], "k");
  const first = te.compute(r.shape, (...i) => te.argmax(x.get(r.at(i, [k.v])), k), "first");
  const value = (i: readonly Expr[]): Expr => {
    const here = te.eq(i[r.axes[0]], first.get(zeroAt(i, r.axes)));
    const one = te.const(1, x.dtype);
    return te.select(here, one, like(one, 0));
  };
  return te.compute(x.shape, (...i) => value(i), "hardmax");
}

export const SOFTMAX = {
  "nn.softmax": { doc: "exp(x) divided by its sum along an axis", args: X, attrs: AXIS, infer, te: softmax },
  "nn.logSoftmax": { doc: "the logarithm of softmax", args: X, attrs: AXIS, infer, te: logSoftmax },
  "nn.hardmax": {
    doc: "1 where the first of the greatest along an axis stands, 0 elsewhere",
    args: X,
    attrs: AXIS,
    infer,
    te: hardmax,
  },
} as const satisfies Record<string, OpDef>;
