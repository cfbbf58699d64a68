/** Matrix products. */
import { R } from "../../../graph/index.ts";
import { constInt, type GraphExpr, isFloat, typeText } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

const matmul: Converter = (cx) => R.op("matmul", [cx.input(0), cx.input(1)]);

/** A matrix, flipped where the attribute says so. */
function operand(cx: NodeContext, i: number, attribute: string): GraphExpr {
  if (cx.rank(i) !== 2) return cx.refuse(`input ${i} is ${typeText(cx.type(i))}, not a matrix`);
  const x = cx.input(i);
  return cx.attr.flag(attribute) ? cx.emit(R.op("permuteDims", [x], { axes: [1, 0] })) : x;
}

/** A factor as a constant of the dtype of input 0. Whole numbers can only be multiplied with whole ones. */
function scaled(cx: NodeContext, x: GraphExpr, attribute: string): GraphExpr {
  const factor = cx.attr.float(attribute, 1);
  if (factor === 1) return x;
  if (!isFloat(cx.dtype(0)) && !Number.isInteger(factor))
    return cx.refuse(`${factor} cannot be multiplied with ${cx.dtype(0)}`, attribute);
  return cx.emit(R.op("multiply", [x, R.const(factor, cx.dtype(0))]));
}

/** alpha · A' · B' + beta · C. */
const gemm: Converter = (cx) => {
  const product = cx.emit(R.op("matmul", [operand(cx, 0, "transA"), operand(cx, 1, "transB")]));
  const left = scaled(cx, product, "alpha");
  if (!cx.has(2) || cx.attr.float("beta", 1) === 0) return left;
  return R.op("add", [left, scaled(cx, cx.input(2), "beta")]);
};

const einsum: Converter = (cx) => R.op("einsum", [cx.inputs()], { equation: cx.attr.string("equation") });

const det: Converter = (cx) => {
  const n = constInt(cx.shape(0).at(-1) ?? R.shape([0]).values[0]);
  if (n === undefined) return cx.refuse("the size of its matrices must be known");
  return R.op("linalg.det", [cx.input(0)]);
};

export const LINEAR: ConverterTable = {
  MatMul: matmul,
  Gemm: gemm,
  Einsum: einsum,
  Det: det,
};
