/** Intrinsics on scalars. */
import { type DType, type IntrinsicName, isIntrinsic } from "../../ir/index.ts";
import type { Graph, Value } from "./graph.ts";
import { scalarLanes } from "./half-float.ts";
import { MATH, type MathName } from "./math.ts";
import { NEG, NORMALISE, REPR } from "./scalar.ts";

type Compile = (g: Graph, t: DType, args: readonly Value[]) => Value;

const host =
  (name: string): Compile =>
  (g, t, args) => {
    if (t === "f64") return g.call(name, args, "f64");
    const wide = args.map((a) => g.make("f64.promote_f32", [a]));
    return NORMALISE[t](g, g.make("f32.demote_f64", [g.call(name, wide, "f64")]));
  };

/** f32 and f16 inline, f64 by the host. */
const math =
  (name: MathName): Compile =>
  (g, t, args) =>
    t === "f64" ? host(name)(g, t, args) : NORMALISE[t](g, MATH[name](scalarLanes(g), args[0]));

const instruction =
  (name: string): Compile =>
  (g, t, [a]) =>
    NORMALISE[t](g, g.make(`${REPR[t]}.${name}`, [a]));

const bits =
  (name: string): Compile =>
  (g, t, args) =>
    NORMALISE[t](g, g.make(`${REPR[t]}.${name}`, args));

const CALLS: Record<IntrinsicName, Compile> = {
  exp: math("exp"),
  log: math("log"),
  sqrt: instruction("sqrt"),
  rsqrt: (g, t, args) => {
    const w = REPR[t];
    return NORMALISE[t](g, g.make(`${w}.div`, [g.const(w, 1), g.make(`${w}.sqrt`, args)]));
  },
  sin: host("sin"),
  cos: host("cos"),
  tan: host("tan"),
  asin: host("asin"),
  acos: host("acos"),
  atan: host("atan"),
  sinh: host("sinh"),
  cosh: host("cosh"),
  asinh: host("asinh"),
  acosh: host("acosh"),
  atanh: host("atanh"),
  log1p: host("log1p"),
  expm1: host("expm1"),
  tanh: math("tanh"),
  sigmoid: math("sigmoid"),
  erf: math("erf"),
  floor: instruction("floor"),
  ceil: instruction("ceil"),
  trunc: instruction("trunc"),
  round: instruction("nearest"),
  pow: host("pow"),
  fmod: host("fmod"),
  abs: (g, t, [a]) => {
    const w = REPR[t];
    if (w === "f32" || w === "f64") return g.make(`${w}.abs`, [a]);
    const zero = w === "i64" ? g.const("i64", 0n) : g.i32(0);
    return g.make(`select.${w}`, [NEG[t](g, a), a, g.make(`${w}.lt_s`, [a, zero])]);
  },
  isnan: (g, t, [a]) => g.make(`${REPR[t]}.ne`, [a, a]),
  bitAnd: bits("and"),
  bitOr: bits("or"),
  bitXor: bits("xor"),
  shiftLeft: bits("shl"),
  shiftRight: bits("shr_s"),
};

/** A call of an intrinsic whose operands have dtype `t`. */
export function callIntrinsic(g: Graph, name: string, t: DType, args: readonly Value[]): Value {
  if (!isIntrinsic(name)) throw new TypeError(`unknown function ${name}`);
  return CALLS[name](g, t, args);
}
