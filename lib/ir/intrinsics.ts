/**
 * The functions a program may call by name: how many operands, which dtypes, what comes out. Interpreter and code
 * generators each have a complete table keyed by these names.
 */
import { type DType, isFloat, isInt } from "./dtype.ts";
import type { Call, Expr } from "./expr.ts";

interface Intrinsic {
  readonly arity: number;
  /** Which operand dtypes are taken; all operands of one call share one dtype. */
  readonly takes: "float" | "int" | "number";
  /** The result has the operands' dtype unless this says otherwise. */
  readonly result?: DType;
  readonly doc: string;
}

const float1 = (doc: string): Intrinsic => ({ arity: 1, takes: "float", doc });
const int2 = (doc: string): Intrinsic => ({ arity: 2, takes: "int", doc });

export const INTRINSICS = {
  exp: float1("e to the power of x"),
  log: float1("natural logarithm"),
  sqrt: float1("square root"),
  rsqrt: float1("1 / square root"),
  sin: float1("sine, radians"),
  cos: float1("cosine, radians"),
  tanh: float1("hyperbolic tangent"),
  tan: float1("tangent, radians"),
  asin: float1("inverse sine, radians"),
  acos: float1("inverse cosine, radians"),
  atan: float1("inverse tangent, radians"),
  sinh: float1("hyperbolic sine"),
  cosh: float1("hyperbolic cosine"),
  asinh: float1("inverse hyperbolic sine"),
  acosh: float1("inverse hyperbolic cosine"),
  atanh: float1("inverse hyperbolic tangent"),
  log1p: float1("log(1 + x), exact also where x is small"),
  expm1: float1("exp(x) - 1, exact also where x is small"),
  sigmoid: float1("1 / (1 + exp(-x))"),
  erf: float1("Gauss error function"),
  floor: float1("largest whole number not above x"),
  ceil: float1("smallest whole number not below x"),
  trunc: float1("x without its fraction"),
  round: float1("nearest whole number, ties to even"),
  pow: { arity: 2, takes: "float", doc: "a to the power of b" },
  fmod: { arity: 2, takes: "float", doc: "remainder of a / b with the sign of a" },
  abs: { arity: 1, takes: "number", doc: "absolute value" },
  isnan: { arity: 1, takes: "float", result: "bool", doc: "whether x is not a number" },
  bitAnd: int2("bitwise and"),
  bitOr: int2("bitwise or"),
  bitXor: int2("bitwise exclusive or"),
  shiftLeft: int2("a times 2 to the b, wrapping"),
  shiftRight: int2("a shifted right by b; sign-extending for signed dtypes"),
} as const satisfies Record<string, Intrinsic>;

export type IntrinsicName = keyof typeof INTRINSICS;

export function isIntrinsic(name: string): name is IntrinsicName {
  return Object.hasOwn(INTRINSICS, name);
}

/** A call of an intrinsic. Throws when the name is unknown or operands do not fit. */
export function call(op: string, args: readonly Expr[]): Call {
  if (!isIntrinsic(op)) {
    throw new TypeError(`unknown function ${op}; known: ${Object.keys(INTRINSICS).join(", ")}`);
  }
  const spec: Intrinsic = INTRINSICS[op];
  if (args.length !== spec.arity)
    throw new TypeError(`${op} takes ${spec.arity} operand(s), got ${args.length}`);
  const t = args[0].dtype;
  for (const a of args) {
    if (a.dtype !== t) throw new TypeError(`${op} of ${t} and ${a.dtype}: cast one of them`);
  }
  const fits = { float: isFloat(t), int: isInt(t), number: isFloat(t) || isInt(t) }[spec.takes];
  if (!fits) throw new TypeError(`${op} is not defined for ${t}`);
  return { kind: "call", op, args, dtype: spec.result ?? t };
}
