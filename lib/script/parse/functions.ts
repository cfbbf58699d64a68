/** The functions of the dialect that give a value: `T.exp`, `T.max`, `T.cast`, … */
import type { CallExpression, Expression } from "acorn";
import {
  type BinaryOp,
  binary,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  INTRINSICS,
  type IntrinsicName,
  isDType,
  isFloat,
  neg,
  ops,
  select,
} from "../../ir/index.ts";
import { built, type Context, fail } from "./context.ts";
import { combine, concrete, literalOf, type Value } from "./value.ts";

/** Parses one call; `value` parses operands (passed in, as expressions contain calls and calls expressions). */
export type FunctionParser = (
  args: readonly Expression[],
  e: CallExpression,
  cx: Context,
  value: (e: Expression, cx: Context) => Value,
) => Value;

/** A dtype written as a string literal. */
export function dtypeArg(e: Expression | undefined, at: Expression, cx: Context): DType {
  if (e?.type === "Literal" && isDType(e.value)) return e.value;
  return fail(cx, e ?? at, `a dtype is needed here: one of ${DTYPES.map((t) => `"${t}"`).join(", ")}`);
}

function needs(n: number, args: readonly Expression[], e: CallExpression, cx: Context): void {
  if (args.length === n) return;
  fail(cx, e, `${cx.source.slice(e.callee.start, e.callee.end)} takes ${n} argument(s), got ${args.length}`);
}

const binaryFunction =
  (op: BinaryOp): FunctionParser =>
  (args, e, cx, value) => {
    needs(2, args, e, cx);
    return combine(
      args.map((a) => value(a, cx)),
      ([a, b]) => built(cx, e, () => binary(op, a, b)),
    );
  };

/** `min` and `max` of two or more. */
const extremum =
  (op: "min" | "max"): FunctionParser =>
  (args, e, cx, value) => {
    if (args.length < 2) fail(cx, e, `${op} takes two or more arguments, got ${args.length}`);
    return args
      .map((a) => value(a, cx))
      .reduce((a, b) => combine([a, b], ([x, y]) => built(cx, e, () => binary(op, x, y))));
  };

const intrinsic =
  (name: IntrinsicName): FunctionParser =>
  (args, e, cx, value) => {
    const spec: { arity: number; takes: string; result?: DType } = INTRINSICS[name];
    needs(spec.arity, args, e, cx);
    const operands = args.map((a) => value(a, cx));
    const v = combine(operands, (xs) => built(cx, e, () => call(name, xs)), spec.takes === "float");
    return spec.result ? concrete(v) : v;
  };

const special =
  (make: (t: DType) => Expr, floatsOnly: boolean): FunctionParser =>
  (args, e, cx) => {
    const t = dtypeArg(args[0], e, cx);
    if (floatsOnly && !isFloat(t)) fail(cx, args[0], `${t} has no such value: only f32, f64 and f16 have`);
    return built(cx, e, () => make(t));
  };

export const FUNCTIONS: Readonly<Record<string, FunctionParser>> = {
  ...(Object.fromEntries(
    (Object.keys(INTRINSICS) as IntrinsicName[]).map((name) => [name, intrinsic(name)]),
  ) as Record<IntrinsicName, FunctionParser>),
  min: extremum("min"),
  max: extremum("max"),
  floordiv: binaryFunction("floordiv"),
  floormod: binaryFunction("floormod"),
  truncdiv: binaryFunction("truncdiv"),
  truncmod: binaryFunction("truncmod"),
  inf: special((t) => constant(Number.POSITIVE_INFINITY, t), true),
  nan: special((t) => constant(Number.NaN, t), true),
  minValue: special(ops.minValue, false),
  maxValue: special(ops.maxValue, false),

  neg: (args, e, cx, value) => {
    needs(1, args, e, cx);
    return combine([value(args[0], cx)], ([x]) => built(cx, e, () => neg(x)));
  },

  select: (args, e, cx, value) => {
    needs(3, args, e, cx);
    const c = concrete(value(args[0], cx));
    return combine([value(args[1], cx), value(args[2], cx)], ([a, b]) => built(cx, e, () => select(c, a, b)));
  },

  cast: (args, e, cx, value) => {
    needs(2, args, e, cx);
    const t = dtypeArg(args[1], e, cx);
    const v = concrete(value(args[0], cx));
    return built(cx, e, () => cast(v, t));
  },

  const: (args, e, cx, value) => {
    needs(2, args, e, cx);
    const t = dtypeArg(args[1], e, cx);
    const v = value(args[0], cx);
    if (v.kind === "const" && v.dtype === "bool" && t === "bool") return v;
    if (v.kind !== "weak" || v.literal === undefined)
      fail(cx, args[0], "T.const takes a number; use T.cast for other values");
    const number = v.literal;
    return built(cx, e, () => literalOf(number, t));
  },
};

/** Functions of `Math` with the same meaning, for those who write them by habit. */
export const MATH: Readonly<Record<string, string>> = {
  min: "min",
  max: "max",
  abs: "abs",
  exp: "exp",
  log: "log",
  sqrt: "sqrt",
  sin: "sin",
  cos: "cos",
  tanh: "tanh",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  pow: "pow",
};

export const MATH_CONSTANTS: Readonly<Record<string, number>> = {
  PI: Math.PI,
  E: Math.E,
  LN2: Math.LN2,
  LN10: Math.LN10,
  SQRT2: Math.SQRT2,
};
