/** Activation functions, softmax and its kin. */
import { product, R } from "../../../graph/index.ts";
import type { Attrs } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

/** The operator of that name, with attributes (theirs: ours and the standard's default). */
const activation =
  (op: string, names: Readonly<Record<string, readonly [ours: string, otherwise: number]>> = {}): Converter =>
  (cx) =>
    R.op(op, [cx.input(0)], floats(cx, names));

function floats(cx: NodeContext, names: Readonly<Record<string, readonly [string, number]>>): Attrs {
  return Object.fromEntries(
    Object.entries(names).map(([name, [ours, otherwise]]) => [ours, cx.attr.float(name, otherwise)]),
  );
}

const gelu: Converter = (cx) =>
  R.op(cx.attr.string("approximate", "none") === "tanh" ? "nn.geluTanh" : "nn.gelu", [cx.input(0)]);

/** x · sigmoid(alpha · x) */
const swish: Converter = (cx) => {
  const [x, alpha] = [cx.input(0), cx.attr.float("alpha", 1)];
  if (alpha === 1) return R.op("nn.silu", [x]);
  const scaled = cx.emit(R.op("multiply", [x, R.const(alpha, cx.dtype(0))]));
  return R.op("multiply", [x, cx.emit(R.op("sigmoid", [scaled]))]);
};

/** Before opset 13 all axes from `axis` on are one. */
const softmax =
  (op: string): Converter =>
  (cx) => {
    const x = cx.input(0);
    if (cx.opset >= 13) return R.op(op, [x], { axis: cx.attr.int("axis", -1) });
    const shape = cx.shape(0);
    const given = cx.attr.int("axis", 1);
    const axis = given < 0 ? given + shape.length : given;
    if (axis === shape.length - 1) return R.op(op, [x], { axis });
    const flat = cx.emit(R.op("reshape", [x, [product(shape.slice(0, axis)), product(shape.slice(axis))]]));
    return R.op("reshape", [cx.emit(R.op(op, [flat], { axis: 1 })), shape]);
  };

/** The standard's constants of selu are floats: 1.6732632 and 1.0507010. */
const SELU = { alpha: ["alpha", 1.6732631921768188], gamma: ["gamma", 1.0507010221481323] } as const;

export const ACTIVATION: ConverterTable = {
  Celu: activation("nn.celu", { alpha: ["alpha", 1] }),
  Elu: activation("nn.elu", { alpha: ["alpha", 1] }),
  Gelu: gelu,
  HardSigmoid: activation("nn.hardSigmoid", { alpha: ["alpha", 0.2], beta: ["beta", 0.5] }),
  HardSwish: activation("nn.hardSwish"),
  Hardmax: softmax("nn.hardmax"),
  LeakyRelu: activation("nn.leakyRelu", { alpha: ["alpha", 0.01] }),
  LogSoftmax: softmax("nn.logSoftmax"),
  Mish: activation("nn.mish"),
  Relu: activation("nn.relu"),
  Selu: activation("nn.selu", SELU),
  Shrink: activation("nn.shrink", { lambd: ["lambd", 0.5], bias: ["bias", 0] }),
  Sigmoid: activation("sigmoid"),
  Softmax: softmax("nn.softmax"),
  Softplus: activation("nn.softplus"),
  Softsign: activation("nn.softsign"),
  Swish: swish,
  Tanh: activation("tanh"),
  ThresholdedRelu: activation("nn.thresholdedRelu", { alpha: ["alpha", 1] }),
};
