/** Operators that compute each element from the elements at the same place; shapes broadcast as in numpy. */
import { call, type Expr, isFloat, neg, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpDef } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import { binary, castTo, checkDtype, dtypeAttr, like, unary, wide, X } from "./elementwise-form.ts";
import { broadcastIndex } from "./te-index.ts";

const FLOAT = { takes: "float" } as const;
const INT = { takes: "int" } as const;
const BOOL = { takes: "bool" } as const;
const ASK = { takes: "any", result: "bool" } as const;
const ASK_NUMBER = { takes: "number", result: "bool" } as const;

const log2e = Math.LOG2E;

function sign(x: Expr): Expr {
  const positive = ops.gt(x, like(x, 0));
  if (x.dtype === "u8") return ops.select(positive, like(x, 1), like(x, 0));
  // The last branch keeps zeros and NaN.
  return ops.select(positive, like(x, 1), ops.select(ops.lt(x, like(x, 0)), like(x, -1), x));
}

/** The remainder with the divisor's sign, from the one with the dividend's. */
function floorMod(a: Expr, b: Expr): Expr {
  if (!isFloat(a.dtype)) return ops.floormod(a, b);
  const r = ops.fmod(a, b);
  const zero = like(a, 0);
  const differ = ops.ne(castTo(ops.lt(r, zero), "i32"), castTo(ops.lt(b, zero), "i32"));
  return ops.select(ops.and(ops.ne(r, zero), differ), ops.add(r, b), r);
}

const rounding = (f: (x: Expr) => Expr) => (x: Expr) => (isFloat(x.dtype) ? f(x) : x);

/** Integers by way of doubles: exact as far as the power is below 2^53. */
function power(a: Expr, b: Expr): Expr {
  if (isFloat(a.dtype)) return ops.pow(a, b);
  return castTo(ops.pow(castTo(a, "f64"), castTo(b, "f64")), a.dtype);
}

const infinite = (x: Expr): Expr => ops.eq(ops.abs(x), like(x, Number.POSITIVE_INFINITY));

function bitwiseNot(x: Expr): Expr {
  return call("bitXor", [x, like(x, x.dtype === "u8" ? 255 : -1)]);
}

const bits = (op: string) => (a: Expr, b: Expr) => call(op, [a, b]);

/**
 * Shifts by the operand's width or more give 0: the intrinsics take counts modulo 32 or 64, and narrow dtypes are
 * computed in 32 bits.
 */
const shift = (op: string) => (a: Expr, b: Expr) => {
  const width = { i8: 8, u8: 8, i32: 32, i64: 64 }[a.dtype as "i8"];
  const inside = ops.and(ops.ge(b, like(b, 0)), ops.lt(b, like(b, width)));
  return ops.select(inside, call(op, [a, b]), like(a, 0));
};

const xor = (a: Expr, b: Expr): Expr => ops.ne(castTo(a, "i32"), castTo(b, "i32"));

const limit = { doc: "no bound where it is null", default: null } as const;

export const ELEMENTWISE = {
  add: binary("a + b", ops.add),
  subtract: binary("a - b", ops.sub),
  multiply: binary("a * b", ops.mul),
  divide: binary("a / b; integers drop the fraction", (a, b) =>
    isFloat(a.dtype) ? ops.div(a, b) : ops.truncdiv(a, b),
  ),
  floorDivide: binary("a / b rounded down", (a, b) =>
    isFloat(a.dtype) ? ops.floor(ops.div(a, b)) : ops.floordiv(a, b),
  ),
  mod: binary("the remainder of a / b with the sign of a", (a, b) =>
    isFloat(a.dtype) ? ops.fmod(a, b) : ops.truncmod(a, b),
  ),
  floorMod: binary("the remainder of a / b with the sign of b", floorMod),
  power: binary("a to the power of b", power),
  maximum: binary("the greater of a and b; NaN where one is NaN", ops.max),
  minimum: binary("the smaller of a and b; NaN where one is NaN", ops.min),

  equal: binary("a == b", ops.eq, ASK),
  notEqual: binary("a != b", ops.ne, ASK),
  less: binary("a < b", ops.lt, ASK_NUMBER),
  lessEqual: binary("a <= b", ops.le, ASK_NUMBER),
  greater: binary("a > b", ops.gt, ASK_NUMBER),
  greaterEqual: binary("a >= b", ops.ge, ASK_NUMBER),
  logicalAnd: binary("a and b", ops.and, BOOL),
  logicalOr: binary("a or b", ops.or, BOOL),
  logicalXor: binary("either a or b", xor, BOOL),
  logicalNot: unary("not x", te.not, BOOL),
  bitwiseAnd: binary("the bits that are set in a and b", bits("bitAnd"), INT),
  bitwiseOr: binary("the bits that are set in a or b", bits("bitOr"), INT),
  bitwiseXor: binary("the bits that are set in one of a and b", bits("bitXor"), INT),
  bitwiseNot: unary("the bits that are not set in x", bitwiseNot, INT),
  leftShift: binary("a shifted left by b bits", shift("shiftLeft"), INT),
  rightShift: binary("a shifted right by b bits, keeping the sign", shift("shiftRight"), INT),

  negative: unary("-x", (x) => (x.dtype === "u8" ? ops.sub(like(x, 0), x) : neg(x))),
  abs: unary("absolute value", ops.abs),
  sign: unary("-1, 0 or 1", sign),
  square: unary("x * x", (x) => ops.mul(x, x)),
  reciprocal: unary("1 / x", (x) => ops.div(like(x, 1), x), FLOAT),
  floor: unary("largest whole number not above x", rounding(ops.floor)),
  ceil: unary("smallest whole number not below x", rounding(ops.ceil)),
  trunc: unary("x without its fraction", rounding(ops.trunc)),
  round: unary("nearest whole number, ties to even", rounding(ops.round)),
  exp: unary("e to the power of x", ops.exp, FLOAT),
  expm1: unary("exp(x) - 1, exact also where x is small", ops.expm1, FLOAT),
  log: unary("natural logarithm", ops.log, FLOAT),
  log1p: unary("log(1 + x), exact also where x is small", ops.log1p, FLOAT),
  log2: unary(
    "logarithm to base 2",
    wide((x) => ops.mul(ops.log(x), like(x, log2e))),
    FLOAT,
  ),
  sqrt: unary("square root", ops.sqrt, FLOAT),
  rsqrt: unary("1 / square root", ops.rsqrt, FLOAT),
  sin: unary("sine, radians", ops.sin, FLOAT),
  cos: unary("cosine, radians", ops.cos, FLOAT),
  tan: unary("tangent, radians", ops.tan, FLOAT),
  asin: unary("inverse sine, radians", ops.asin, FLOAT),
  acos: unary("inverse cosine, radians", ops.acos, FLOAT),
  atan: unary("inverse tangent, radians", ops.atan, FLOAT),
  sinh: unary("hyperbolic sine", ops.sinh, FLOAT),
  cosh: unary("hyperbolic cosine", ops.cosh, FLOAT),
  tanh: unary("hyperbolic tangent", ops.tanh, FLOAT),
  asinh: unary("inverse hyperbolic sine", ops.asinh, FLOAT),
  acosh: unary("inverse hyperbolic cosine", ops.acosh, FLOAT),
  atanh: unary("inverse hyperbolic tangent", ops.atanh, FLOAT),
  erf: unary("Gauss error function", ops.erf, FLOAT),
  sigmoid: unary("1 / (1 + exp(-x))", ops.sigmoid, FLOAT),
  isnan: unary("whether x is not a number", (x) => call("isnan", [x]), { takes: "float", result: "bool" }),
  isinf: unary("whether x is infinite", infinite, { takes: "float", result: "bool" }),
  isfinite: unary(
    "whether x is neither infinite nor NaN",
    (x) => ops.lt(ops.abs(x), like(x, Number.POSITIVE_INFINITY)),
    { takes: "float", result: "bool" },
  ),

  clip: unary(
    "x held between min and max",
    (x, c) => {
      const bound = (name: "min" | "max", e: Expr) =>
        c.attrs[name] === null ? e : ops[name === "min" ? "max" : "min"](e, like(x, c.num(name)));
      return bound("max", bound("min", x));
    },
    { attrs: { min: limit, max: limit } },
  ),
  astype: {
    doc: "x in another dtype: floats to integers truncate and saturate, integers wrap, to bool is x != 0",
    args: X,
    attrs: { dtype: { doc: "the dtype of the result" } },
    infer: (c): TensorType => ({ ...c.tensor(0), dtype: dtypeAttr(c) }),
    te: (c) => te.compute(c.out().shape, (...i) => castTo(c.x(0).get(i), c.out().dtype), "astype"),
  },
  where: {
    doc: "a where the condition holds, b elsewhere; all three broadcast",
    args: [
      { name: "condition", kind: "tensor" },
      { name: "a", kind: "tensor" },
      { name: "b", kind: "tensor" },
    ],
    infer: (c): TensorType => {
      const [cond, a, b] = [c.tensor(0), c.tensor(1), c.tensor(2)];
      checkDtype(c, cond.dtype, "bool");
      if (a.dtype !== b.dtype)
        c.refuse(`it chooses between ${a.dtype} and ${b.dtype}; convert with R.astype`);
      return { ...a, shape: broadcastShapes(c.op, [cond.shape, a.shape, b.shape]) };
    },
    te: (c) => {
      const { shape } = c.out();
      const at = (k: number, i: readonly Expr[]) => c.x(k).get(broadcastIndex(c.x(k), i, shape));
      return te.compute(shape, (...i) => ops.select(at(0, i), at(1, i), at(2, i)), "where");
    },
  },
} as const satisfies Record<string, OpDef>;
