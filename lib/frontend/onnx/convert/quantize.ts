/** Quantised operators. */
import { R } from "../../../graph/index.ts";
import { constInt, type DType, type GraphExpr, isFloat } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { convolution, perChannel } from "./conv.ts";

const cast = (cx: NodeContext, x: GraphExpr, dtype: DType): GraphExpr =>
  x.type.kind === "tensor" && x.type.dtype === dtype ? x : cx.emit(R.op("astype", [x], { dtype }));

const zero = (dtype: DType): GraphExpr => R.const(0, dtype);

/** A dtype that the node may give; 0 is as if it did not. */
const dtypeGiven = (cx: NodeContext, name: string): DType | undefined =>
  cx.attr.int(name, 0) === 0 ? undefined : cx.attr.dtype(name);

/** The output's dtype may be given since operator set 21, the precision of the division since 23. */
const quantizeLinear: Converter = (cx) => {
  const given = dtypeGiven(cx, "output_dtype");
  const outDtype = cx.has(2) ? cx.dtype(2) : (given ?? "u8");
  if (given && given !== outDtype) cx.refuse(`it is ${given}, the zero point ${outDtype}`, "output_dtype");
  const zeroPoint = cx.has(2) ? cx.input(2) : zero(outDtype);
  const precision = dtypeGiven(cx, "precision");
  if (precision && !isFloat(precision)) cx.refuse(`${precision} is no float type`, "precision");
  // Narrower ones than f32 are computed in f32 all the same.
  const scale = cast(cx, cx.input(1), precision ?? cx.dtype(1));
  return R.op("quantize", [cx.input(0), scale, zeroPoint], { axis: axis(cx), outDtype });
};

/** The output has the dtype of the scale, or since operator set 23 the one that is given. */
const dequantizeLinear: Converter = (cx) => {
  const zeroPoint = cx.has(2) ? cx.input(2) : zero(cx.dtype(0));
  const scale = cast(cx, cx.input(1), dtypeGiven(cx, "output_dtype") ?? cx.dtype(1));
  return R.op("dequantize", [cx.input(0), scale, zeroPoint], { axis: axis(cx) });
};

/** Blocks of an axis with a scale each came with opset 21. */
function axis(cx: NodeContext): number {
  if (cx.attr.int("block_size", 0) !== 0) cx.refuse("scales for blocks are not supported", "block_size");
  return cx.attr.int("axis", 1);
}

const dynamicQuantizeLinear: Converter = (cx) => {
  const all = cx.emit(R.op("dynamicQuantize", [cx.input(0)]));
  return [0, 1, 2].map((k) => R.get(all, k));
};

/** How a row of parameters is laid along the data: as it is, as rows of a matrix, or as output channels of a weight. */
type Along = (p: GraphExpr) => GraphExpr;

/** Small whole numbers and what they stand for 0 with, if that is not 0. */
interface Factor {
  readonly data: GraphExpr;
  readonly zero?: GraphExpr;
}

function factor(cx: NodeContext, data: number, zeroPoint: number, along: Along = (p) => p): Factor {
  const x = cx.input(data);
  if (!cx.has(zeroPoint) || cx.known(zeroPoint)?.bytes.every((b) => b === 0)) return { data: x };
  const z = cx.input(zeroPoint);
  return { data: x, zero: many(z) ? along(z) : z };
}

/** Less their zero point, as i32. */
function centred(cx: NodeContext, { data, zero }: Factor): GraphExpr {
  const x = cast(cx, data, "i32");
  return zero ? cx.emit(R.op("subtract", [x, cast(cx, zero, "i32")])) : x;
}

/** The same two by two. */
const paired = (cx: NodeContext, { data, zero }: Factor, axis: number): GraphExpr =>
  cx.emit(R.op("pairs", zero ? [data, zero] : [data], { axis }));

/** Whether a parameter is a row of more than one number. */
const many = (p: GraphExpr): boolean =>
  p.type.kind === "tensor" && p.type.shape.length === 1 && constInt(p.type.shape[0]) !== 1;

/** A parameter for each row of a matrix. */
const rows =
  (cx: NodeContext): Along =>
  (p) =>
    perChannel(cx, p, 1);

/** A parameter for each output channel of a weight. */
const channels =
  (cx: NodeContext): Along =>
  (p) =>
    perChannel(cx, p, cx.rank(0) - 1);

/** Rows that have to share the pairs of a right operand which is not known beforehand. */
const WORTH_PAIRS = 4;

const sizesOf = ({ data }: Factor): readonly (number | undefined)[] =>
  data.type.kind === "tensor" ? data.type.shape.map(constInt) : [];

/** A product of small integers, two of them at a time where there are two. Each has at most nine bits. */
function product(cx: NodeContext, a: Factor, b: Factor, right: number): GraphExpr {
  const [left, over] = [sizesOf(a), sizesOf(b)];
  const shared = cx.known(right) !== undefined || (left.at(-2) ?? 1) >= WORTH_PAIRS;
  if (!((left.at(-1) ?? 0) > 1) || !shared) return R.op("matmul", [centred(cx, a), centred(cx, b)]);
  const pairs = [paired(cx, a, -1), paired(cx, b, over.length === 1 ? 0 : -2)];
  return R.op("matmul", pairs, { pairs: true });
}

/** A convolution of small integers, in pairs of channels where those of a group are whole pairs. */
function convolved(cx: NodeContext, x: Factor, w: Factor, weight: number): GraphExpr {
  const channels = sizesOf(w)[1] ?? 0;
  const whole = channels % 2 === 0 || cx.attr.int("group", 1) === 1;
  if (!(channels > 1 && whole)) return convolution(cx, centred(cx, x), centred(cx, w), weight);
  return convolution(cx, paired(cx, x, 1), paired(cx, w, 1), weight, { pairs: true });
}

const matMulInteger: Converter = (cx) => product(cx, factor(cx, 0, 2, rows(cx)), factor(cx, 1, 3), 1);

const convInteger: Converter = (cx) => convolved(cx, factor(cx, 0, 2), factor(cx, 1, 3, channels(cx)), 1);

/** An i32 sum with the scales of its factors, as the whole numbers of the result. */
function requantized(
  cx: NodeContext,
  sum: GraphExpr,
  scales: readonly GraphExpr[],
  result: { scale: number; zeroPoint: number },
): GraphExpr {
  const scale = cx.emit(R.op("multiply", [...scales]));
  const real = cx.emit(R.op("multiply", [cast(cx, cx.emit(sum), "f32"), scale]));
  const outDtype = cx.dtype(result.zeroPoint);
  return R.op("quantize", [real, cx.input(result.scale), cx.input(result.zeroPoint)], { outDtype });
}

const qLinearMatMul: Converter = (cx) => {
  const sum = product(cx, factor(cx, 0, 2, rows(cx)), factor(cx, 3, 5), 3);
  const left = many(cx.input(1)) ? rows(cx)(cx.input(1)) : cx.input(1);
  return requantized(cx, sum, [left, cx.input(4)], { scale: 6, zeroPoint: 7 });
};

const qLinearConv: Converter = (cx) => {
  const n = cx.rank(0) - 2;
  let sum = convolved(cx, factor(cx, 0, 2), factor(cx, 3, 5, channels(cx)), 3);
  if (cx.has(8)) sum = R.op("add", [cx.emit(sum), perChannel(cx, cx.input(8), n)]);
  const weight = many(cx.input(4)) ? perChannel(cx, cx.input(4), n) : cx.input(4);
  return requantized(cx, sum, [cx.input(1), weight], { scale: 6, zeroPoint: 7 });
};

export const QUANTIZE: ConverterTable = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  ConvInteger: convInteger,
  QLinearMatMul: qLinearMatMul,
  QLinearConv: qLinearConv,
};
