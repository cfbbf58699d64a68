/** The words of tensor expressions: what `te.` offers. */
export { cast, constant as const, neg, not } from "../ir/expr.ts";
export {
  abs,
  add,
  and,
  ceil,
  cos,
  div,
  eq,
  erf,
  exp,
  floor,
  floordiv,
  floormod,
  ge,
  gt,
  le,
  log,
  lt,
  maxValue,
  minValue,
  mul,
  ne,
  or,
  pow,
  round,
  rsqrt,
  select,
  sigmoid,
  sin,
  sqrt,
  sub,
  tanh,
  trunc,
  truncdiv,
  truncmod,
} from "../ir/ops.ts";
export { compute } from "./compute.ts";
export { createPrimFunc } from "./create.ts";
export { inputsOf } from "./inputs.ts";
export {
  argmax,
  argmin,
  max,
  min,
  prod,
  type ReduceAxis,
  type Reduction,
  reduceAxis,
  sum,
} from "./reduce.ts";
export { type Index, placeholder, sizeVar as var, Tensor } from "./tensor.ts";
