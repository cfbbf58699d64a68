/** Elementwise operators: arithmetic, comparison, logic, rounding, elementary functions, conversion. */
import { R } from "../../../graph/index.ts";
import { type DType, type GraphExpr, isFloat, typeText } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { dtypeName, dtypeOf } from "../decode-tensor.ts";

/** A value in another dtype; itself where it has that dtype. */
export function cast(x: GraphExpr, dtype: DType): GraphExpr {
  return x.type.kind === "tensor" && x.type.dtype === dtype ? x : R.op("astype", [x], { dtype });
}

/** A scalar constant. */
export const scalar = (value: number, dtype: DType): GraphExpr => R.const(value, dtype);

/**
 * The second operand. Before opset 7 it broadcasts only where `broadcast` says so, from `axis` on: later axes of the
 * first operand get a 1 here.
 */
function second(cx: NodeContext): GraphExpr {
  const b = cx.input(1);
  if (cx.opset >= 7 || !cx.attr.flag("broadcast") || !cx.attr.has("axis")) return b;
  const [ra, rb] = [cx.rank(0), cx.rank(1)];
  const axis = cx.attr.int("axis");
  const after = ra - rb - (axis < 0 ? axis + ra : axis);
  if (after <= 0) return b;
  return cx.emit(R.op("expandDims", [b], { axis: Array.from({ length: after }, (_, k) => rb + k) }));
}

const unary =
  (op: string): Converter =>
  (cx) =>
    R.op(op, [cx.input(0)]);

const binary =
  (op: string): Converter =>
  (cx) =>
    R.op(op, [cx.input(0), second(cx)]);

/** Any number of operands, one after the other. */
function fold(cx: NodeContext, op: string): GraphExpr {
  const [first, ...rest] = cx.inputs();
  if (!first) return cx.refuse("it has no inputs");
  return rest.reduce((a, b) => R.op(op, [cx.emit(a), b]), first);
}
const variadic =
  (op: string): Converter =>
  (cx) =>
    fold(cx, op);

const mean: Converter = (cx) => {
  const sum = fold(cx, "add");
  return cx.count === 1 ? sum : R.op("divide", [cx.emit(sum), scalar(cx.count, cx.dtype(0))]);
};

/** The result has the dtype of the base; integers with a float exponent are computed as doubles. */
const pow: Converter = (cx) => {
  const [base, dtype] = [cx.input(0), cx.dtype(0)];
  const exponent = second(cx);
  if (isFloat(dtype) || !isFloat(cx.dtype(1))) return R.op("power", [base, cx.emit(cast(exponent, dtype))]);
  const wide = [base, exponent].map((x) => cx.emit(cast(x, "f64")));
  return cast(cx.emit(R.op("power", wide)), dtype);
};

/** fmod has the sign of the dividend, the other form that of the divisor. */
const mod: Converter = (cx) => R.op(cx.attr.flag("fmod") ? "mod" : "floorMod", [cx.input(0), cx.input(1)]);

const shift: Converter = (cx) => {
  const direction = cx.attr.string("direction");
  if (direction !== "LEFT" && direction !== "RIGHT")
    return cx.refuse(`"${direction}" is no direction`, "direction");
  return R.op(direction === "LEFT" ? "leftShift" : "rightShift", [cx.input(0), cx.input(1)]);
};

/** Bounds are attributes before opset 11, then optional inputs. */
const clip: Converter = (cx) => {
  const x = cx.input(0);
  if (cx.opset < 11) {
    const bound = (name: string): number | null => (cx.attr.has(name) ? finite(cx.attr.float(name)) : null);
    return R.op("clip", [x], { min: bound("min"), max: bound("max") });
  }
  const [low, high] = [known(cx, 1), known(cx, 2)];
  if (low !== undefined && high !== undefined) return R.op("clip", [x], { min: low, max: high });
  const raised = cx.has(1) ? cx.emit(R.op("maximum", [x, cx.input(1)])) : x;
  return cx.has(2) ? R.op("minimum", [raised, cx.input(2)]) : raised;
};

/** A bound as an attribute; null where there is none, undefined where it is not known, or no plain number. */
function known(cx: NodeContext, i: number): number | null | undefined {
  if (!cx.has(i)) return null;
  if (!cx.known(i)) return undefined;
  const value = cx.scalar(i);
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

const convert: Converter = (cx) => {
  const code = cx.attr.int("to");
  const dtype = dtypeOf(code) ?? cx.refuse(`conversion to ${dtypeName(code)} is not supported`, "to");
  return R.op("astype", [cx.input(0)], { dtype });
};

const convertLike: Converter = (cx) => R.op("astype", [cx.input(0)], { dtype: cx.dtype(1) });

const isInf: Converter = (cx) => {
  const x = cx.input(0);
  const [negative, positive] = [cx.attr.flag("detect_negative", true), cx.attr.flag("detect_positive", true)];
  if (negative && positive) return R.op("isinf", [x]);
  const t = cx.dtype(0);
  const infinity = scalar(negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, t);
  // With neither side nothing is found: no number is greater than itself.
  return negative || positive ? R.op("equal", [x, infinity]) : R.op("greater", [x, x]);
};

/** A slope of one axis stands for the channels before opset 7. */
const prelu: Converter = (cx) => {
  const rank = cx.rank(0);
  const slope = cx.input(1);
  if (cx.opset >= 7 || cx.rank(1) !== 1 || rank < 3) return R.op("nn.prelu", [cx.input(0), slope]);
  const axis = Array.from({ length: rank - 2 }, (_, k) => k + 1);
  return R.op("nn.prelu", [cx.input(0), cx.emit(R.op("expandDims", [slope], { axis }))]);
};

/** Nothing is dropped in inference; the mask says so. */
const dropout: Converter = (cx) => {
  const training = cx.opset >= 12 && cx.has(2) && cx.scalar(2) !== 0;
  const ratio = !training ? 0 : cx.has(1) ? cx.scalar(1) : 0.5;
  if (ratio !== 0) return cx.refuse("it drops elements at random (training mode)");
  const mask = (): GraphExpr => R.op("full", [cx.shape(0), scalar(1, cx.opset < 10 ? cx.dtype(0) : "bool")]);
  return [cx.input(0), cx.wants(1) ? mask() : undefined];
};

const where: Converter = (cx) => R.op("where", cx.inputs());

const identity: Converter = (cx) => cx.input(0);

const not: Converter = (cx) => {
  if (cx.dtype(0) !== "bool") return cx.refuse(`it is for bool, not ${typeText(cx.type(0))}`);
  return R.op("logicalNot", [cx.input(0)]);
};

const UNARY: Readonly<Record<string, string>> = {
  Abs: "abs",
  Acos: "acos",
  Acosh: "acosh",
  Asin: "asin",
  Asinh: "asinh",
  Atan: "atan",
  Atanh: "atanh",
  BitwiseNot: "bitwiseNot",
  Ceil: "ceil",
  Cos: "cos",
  Cosh: "cosh",
  Erf: "erf",
  Exp: "exp",
  Floor: "floor",
  IsNaN: "isnan",
  Log: "log",
  Neg: "negative",
  Reciprocal: "reciprocal",
  Round: "round",
  Sign: "sign",
  Sin: "sin",
  Sinh: "sinh",
  Sqrt: "sqrt",
  Tan: "tan",
};

const BINARY: Readonly<Record<string, string>> = {
  Add: "add",
  And: "logicalAnd",
  BitwiseAnd: "bitwiseAnd",
  BitwiseOr: "bitwiseOr",
  BitwiseXor: "bitwiseXor",
  Div: "divide",
  Equal: "equal",
  Greater: "greater",
  GreaterOrEqual: "greaterEqual",
  Less: "less",
  LessOrEqual: "lessEqual",
  Mul: "multiply",
  Or: "logicalOr",
  Sub: "subtract",
  Xor: "logicalXor",
};

const table = (names: Readonly<Record<string, string>>, form: (op: string) => Converter): ConverterTable =>
  Object.fromEntries(Object.entries(names).map(([name, op]) => [name, form(op)]));

export const ELEMENTWISE: ConverterTable = {
  ...table(UNARY, unary),
  ...table(BINARY, binary),
  ...table({ Max: "maximum", Min: "minimum", Sum: "add" }, variadic),
  BitShift: shift,
  Cast: convert,
  CastLike: convertLike,
  Clip: clip,
  Dropout: dropout,
  Identity: identity,
  IsInf: isInf,
  Mean: mean,
  Mod: mod,
  Not: not,
  Pow: pow,
  PRelu: prelu,
  Where: where,
};
