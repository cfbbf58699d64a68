/** Losses of classifications. */
import { constInt, type Expr, isFloat, isInt, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameShape } from "../shape.ts";

const REDUCTIONS = ["none", "sum", "mean"];

function check(c: OpArgs): void {
  const [x, t] = [c.tensor(0), c.tensor(1)];
  if (!isFloat(x.dtype)) c.refuse(`predictions must be floats, not ${x.dtype}`);
  if (!isInt(t.dtype)) c.refuse(`targets must be whole numbers (classes), not ${t.dtype}`);
  const r = c.str("reduction");
  if (!REDUCTIONS.includes(r)) c.refuse(`reduction "${r}" is none of ${REDUCTIONS.join(", ")}`);
  const [rx, rt] = [x.shape.length, t.shape.length];
  if (rx < 1 || rt !== rx - 1)
    c.refuse(`predictions of rank ${rx} need targets of rank ${rx - 1}, got ${rt}`);
  if (!sameShape(samples(x.shape), t.shape))
    c.refuse("targets must have the shape of the predictions without the axis of classes");
  if (!c.has(2)) return;
  const w = c.tensor(2);
  if (w.dtype !== x.dtype) c.refuse(`weights must be ${x.dtype}, not ${w.dtype}`);
  const [n, classes] = [constInt(w.shape[0]), constInt(x.shape[classAxis(x.shape)])];
  if (w.shape.length !== 1 || (n !== undefined && classes !== undefined && n !== classes))
    c.refuse(`weights must be one number for each of ${classes ?? "the"} classes`);
}

/** Classes stand on axis 1, or on the only axis. */
const classAxis = (shape: readonly Size[]): number => (shape.length > 1 ? 1 : 0);
const samples = (shape: readonly Size[]): Size[] => shape.filter((_, d) => d !== classAxis(shape));

const IGNORE = { doc: "samples of this class count as nothing", default: -100 } as const;

export const LOSS = {
  "nn.nllLoss": {
    doc: "negative log likelihood: -w[t] · predictions at the class t of the target; its sum, or its mean weighted by w",
    args: [
      { name: "predictions", kind: "tensor" },
      { name: "targets", kind: "tensor" },
      { name: "weights", kind: "tensor", optional: true },
    ],
    attrs: {
      reduction: { doc: `one of ${REDUCTIONS.join(", ")}`, default: "mean" },
      ignoreIndex: IGNORE,
    },
    infer: (c): TensorType => {
      check(c);
      const { dtype, shape } = c.tensor(0);
      return { kind: "tensor", dtype, shape: c.str("reduction") === "none" ? samples(shape) : [] };
    },
    te: (c) => {
      const [x, t] = [c.x(0), c.x(1)];
      const axis = classAxis(x.shape);
      const one = ops.toExpr(1, x.dtype);
      const zero = ops.toExpr(0, x.dtype);
      const counts = (i: readonly Expr[]): Expr =>
        ops.ne(t.get(i), ops.toExpr(c.num("ignoreIndex"), t.dtype));
      const target = (i: readonly Expr[]): Expr => te.cast(t.get(i), "i32");
      const weight = (i: readonly Expr[]): Expr => (c.has(2) ? c.x(2).get([target(i)]) : one);
      const loss = (i: readonly Expr[]): Expr => {
        const at = [...i.slice(0, axis), target(i), ...i.slice(axis)];
        return ops.select(counts(i), ops.mul(te.neg(x.get(at)), weight(i)), zero);
      };
      if (c.str("reduction") === "none") return te.compute(t.shape, (...i) => loss(i), "nll_loss");
      const overAll = (f: (i: readonly Expr[]) => Expr, name: string): te.Tensor => {
        const axes = t.shape.map((s, d) => te.reduceAxis(s, `k${d}`));
        const value = f(axes.map((a) => a.v));
        return te.compute([], () => (axes.length > 0 ? te.sum(value, axes) : value), name);
      };
      const sum = overAll(loss, "nll_loss");
      if (c.str("reduction") === "sum") return sum;
      const total = overAll((i) => ops.select(counts(i), weight(i), zero), "weight_sum");
      return te.compute([], () => ops.div(sum.at(), total.at()), "nll_loss_mean");
    },
  },
} as const satisfies Record<string, OpDef>;
