/** Normalisations that are made of other operators, so that what depends on constants alone is folded. */
import type { GraphExpr, TensorType } from "../../ir/index.ts";
import { constantOf } from "../../ir/index.ts";
import type { BlockBuilder } from "../block-builder.ts";
import { constantData } from "../constant.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { callsOf } from "../op-call.ts";
import { axesOf, axisOf, sameShape } from "../shape.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { checkDtype, X } from "./elementwise-form.ts";
import { MANIPULATE } from "./manipulate.ts";
import { REDUCE } from "./reduce.ts";

const call = callsOf({ ...ELEMENTWISE, ...REDUCE, ...MANIPULATE });

const number = (x: number, like: TensorType): GraphExpr => constantOf(constantData(x, like.dtype));

/** x * scale + shift, both of one element for each channel: what is left when the statistics are constants. */
function batchNorm(c: OpArgs, bb: BlockBuilder): GraphExpr {
  const [x, gamma, beta, mean, variance] = c.args;
  const type = c.tensor(0);
  const axis = axisOf(c.op, c.num("axis"), type.shape.length);
  const after = Array.from({ length: type.shape.length - 1 - axis }, (_, d) => d + 1);
  const emit = (e: GraphExpr): GraphExpr => bb.emit(e);
  const spread = emit(call("rsqrt", [emit(call("add", [variance, number(c.num("epsilon"), c.tensor(4))]))]));
  const scale = emit(call("multiply", [gamma, spread]));
  const shift = emit(call("subtract", [beta, emit(call("multiply", [mean, scale]))]));
  const wide = (v: GraphExpr): GraphExpr =>
    after.length === 0 ? v : emit(call("expandDims", [v], { axis: after }));
  return call("add", [emit(call("multiply", [x, wide(scale)])), wide(shift)]);
}

/** (x - mean) / sqrt(variance), with ONNX's 1e-9 against division by 0. */
function meanVarianceNorm(c: OpArgs, bb: BlockBuilder): GraphExpr {
  const [x] = c.args;
  const attrs = { axis: c.nums("axes"), keepdims: true };
  const mean = bb.emit(call("mean", [x], attrs));
  const std = bb.emit(call("std", [x], attrs));
  const safe = bb.emit(call("add", [std, number(c.num("epsilon"), c.tensor(0))]));
  return call("divide", [bb.emit(call("subtract", [x, mean])), safe]);
}

export const BATCH_NORM = {
  "nn.batchNorm": {
    doc: "(x - mean) / sqrt(variance + epsilon) * gamma + beta, with given statistics for each channel (inference)",
    args: ["x", "gamma", "beta", "movingMean", "movingVar"].map((name) => ({
      name,
      kind: "tensor" as const,
    })),
    attrs: {
      axis: { doc: "the axis of channels", default: 1 },
      epsilon: { doc: "added to the variance, so that nothing is divided by 0", default: 1e-5 },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      checkDtype(c, x.dtype, "float");
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      for (let k = 1; k < 5; k++) {
        const t = c.tensor(k);
        if (t.dtype !== x.dtype || !sameShape(t.shape, [x.shape[axis]]))
          c.refuse(`argument ${k} is ${x.dtype} of one element for each channel`);
      }
      return x;
    },
    graph: batchNorm,
  },
  "nn.meanVarianceNorm": {
    doc: "(x - mean) / (standard deviation + epsilon) over axes",
    args: X,
    attrs: {
      axes: { doc: "over which axes", default: [0, 2, 3] },
      epsilon: { doc: "added to the deviation, so that nothing is divided by 0", default: 1e-9 },
    },
    infer: (c): TensorType => {
      checkDtype(c, c.tensor(0).dtype, "float");
      axesOf(c.op, c.nums("axes"), c.tensor(0).shape.length);
      return c.tensor(0);
    },
    graph: meanVarianceNorm,
  },
} as const satisfies Record<string, OpDef>;
