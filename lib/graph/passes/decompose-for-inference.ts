/** decomposeForInference: normalisation with given statistics becomes a scale and a shift; the scale joins the weights. */
import {
  type Constant,
  type GraphExpr,
  type GraphFunc,
  type OpCall,
  shapeLiteral,
  type TensorType,
} from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { deadCodeElimination } from "./dead-code.ts";
import { expandOps } from "./expand-ops.ts";
import { foldConstant } from "./fold-constant.ts";
import { graphPass, type Pass, sequential } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";
import { countUses } from "./uses.ts";

/**
 * A constant scale for each output channel of a convolution or product with constant weights is multiplied into the
 * weights, also where constants were added in between: (x W + b) s = x (W s) + b s. Only where nothing else uses the
 * unscaled value.
 */
const foldScaleIntoWeights: Pass = graphPass("foldScaleIntoWeights", scaled);

/**
 * `nn.batchNorm` becomes x * scale + shift, which are constants where the statistics are; then the scale joins the
 * weights before it. Results differ by rounding.
 */
export const decomposeForInference: Pass = {
  name: "decomposeForInference",
  run: (mod) =>
    sequential([
      expandOps(["nn.batchNorm"]),
      foldConstant(),
      foldScaleIntoWeights,
      foldConstant(),
      deadCodeElimination({ entry: Object.keys(mod.funcs) }),
    ]).run(mod),
};

function scaled(f: GraphFunc): GraphFunc {
  const uses = countUses(f.body);
  const known = new Map<number, GraphExpr>();
  const behind = (e: GraphExpr): OpCall | undefined => {
    const value = e.kind === "graphVar" && uses.get(e.id) === 1 ? known.get(e.id) : undefined;
    return value?.kind === "opCall" ? value : undefined;
  };
  return rewriteFunc(f, {
    value: (e, at) => {
      const value = e.kind === "opCall" && e.op === "multiply" ? (product(e, at, behind) ?? e) : e;
      if (at.binding.kind === "bind") known.set(at.binding.v.id, value);
      return value;
    },
  });
}

function product(e: OpCall, at: Place, behind: (e: GraphExpr) => OpCall | undefined): GraphExpr | undefined {
  const [x, scale] = e.args[0].kind === "constant" ? [e.args[1], e.args[0]] : [e.args[0], e.args[1]];
  if (scale.kind !== "constant") return undefined;
  const inner = behind(x);
  if (inner?.op === "add") {
    const [y, bias] = inner.args[0].kind === "constant" ? [inner.args[1], inner.args[0]] : inner.args;
    const linear = behind(y);
    const made = bias.kind === "constant" && linear ? weighted(linear, scale, at) : undefined;
    if (!made || !sameRanks(made, e)) return undefined;
    return callOp("add", [at.emit(made), at.emit(callOp("multiply", [bias, scale]))]);
  }
  const made = inner && weighted(inner, scale, at);
  return made && sameRanks(made, e) ? made : undefined;
}

const rank = (e: GraphExpr): number => (e.type as TensorType).shape.length;
const sameRanks = (a: GraphExpr, b: GraphExpr): boolean => rank(a) === rank(b);
const dims = (c: Constant): number[] => [...c.data.shape];

/** The convolution or product with its weights times the scale, when that has one number for each output channel. */
function weighted(e: OpCall, scale: Constant, at: Place): OpCall | undefined {
  const weight = e.args[1];
  if (weight?.kind !== "constant") return undefined;
  const isConv =
    /^nn\.conv[123]d$/.test(e.op) && ["dataLayout", "kernelLayout", "outLayout"].every((k) => !e.attrs[k]);
  if (!isConv && e.op !== "matmul") return undefined;
  const shape = dims(weight);
  if (!isConv && shape.length !== 2) return undefined;
  // The axis of channels, counted from the end of the result: [N, C, H, W] has it before its spatial axes.
  const [channels, fromEnd] = isConv ? [shape[0], shape.length - 1] : [shape[1], 1];
  const numbers = dims(scale).reduce((a, b) => a * b, 1);
  const own = dims(scale);
  if (own.length > rank(e)) return undefined;
  const perChannel = numbers === channels && own[own.length - fromEnd] === channels;
  if (numbers !== 1 && !perChannel) return undefined;
  const to = isConv ? [numbers, ...shape.slice(1).map(() => 1)] : [numbers];
  const factor = at.emit(callOp("reshape", [scale, shapeLiteral(to)]));
  const next = at.emit(callOp("multiply", [weight, factor]));
  return callOp(e.op, [e.args[0], next, ...e.args.slice(2)], e.attrs);
}
