/**
 * Scalar expressions as WGSL. Everything is put in parentheses: WGSL refuses some mixtures of operators without them.
 * Both sides of a `select` are evaluated: a load outside of its buffer gives some element (WebGPU clamps it), which is
 * then dropped, and an integer division by zero gives the dividend.
 */
import { exprKey, simplify } from "../../arith/index.ts";
import {
  type Binary,
  type Buffer,
  type Call,
  type Cast,
  constInt,
  constNumber,
  type DType,
  type Expr,
  type Interval,
  type IntrinsicName,
  intervalOf,
  isFloat,
  ops,
  stridesOf,
  unreachable,
  visitExpr,
} from "../../ir/index.ts";
import { WgslError } from "./error.ts";
import type { Matrices } from "./matrix.ts";
import { valueType } from "./types.ts";

export interface ExprEnv {
  readonly f16: boolean;
  readonly ranges: ReadonlyMap<number, Interval>;
  /** Helpers that the text calls are added here. */
  readonly helpers: Set<string>;
  /** Inside of an index or a bound: what does not fit 32 bits there is outside of every buffer anyway. */
  readonly index?: boolean;
  /** Buffers of a thread whose elements are variables. */
  readonly registers: ReadonlySet<number>;
  /** Buffers whose elements lie in vectors of four. */
  readonly vectors: ReadonlySet<number>;
  /** Loads that were made before, by `accessKey`. */
  readonly made: ReadonlyMap<string, string>;
  /** A name that nothing has yet. */
  fresh(name: string): string;
  variable(id: number, name: string): string;
  buffer(b: Buffer): string;
  readonly subgroups: SubgroupEnv;
  readonly matrices: ReadonlyMap<Buffer, Matrices>;
}

/** How the threads of a workgroup put numbers together. */
export interface SubgroupEnv {
  /** Arrays of the workgroup, by the variable that is put together. */
  readonly meeting: ReadonlyMap<number, Buffer>;
  readonly workgroup: readonly number[];
  readonly ids: boolean;
}

/** Row-major position of an element, simplified. */
export function offsetOf(b: Buffer, indices: readonly Expr[], ranges: ExprEnv["ranges"]): Expr {
  const strides = stridesOf(b);
  let at: Expr = ops.toExpr(0);
  indices.forEach((e, d) => {
    at = ops.add(at, ops.mul(toI32(e), toI32(strides[d])));
  });
  return simplify(at, ranges);
}

const toI32 = (e: Expr): Expr => (e.dtype === "i64" ? { kind: "cast", value: e, dtype: "i32" } : e);

/** What tells accesses of one element apart from others. */
export const accessKey = (b: Buffer, offset: Expr): string => `${b.id} ${exprKey(offset)}`;

/** The text of an element of a buffer, as it stands in memory. */
export function elementText(b: Buffer, indices: readonly Expr[], env: ExprEnv): string {
  return offsetText(b, offsetOf(b, indices, env.ranges), env);
}

/** The same by its position. */
export function offsetText(b: Buffer, offset: Expr, env: ExprEnv): string {
  const name = env.buffer(b);
  if (env.registers.has(b.id)) return `${name}_${constInt(offset)}`;
  if (!env.vectors.has(b.id)) return `${name}[${indexText(offset, env)}]`;
  const lane = simplify(ops.floormod(offset, LANES), env.ranges);
  const fixed = constInt(lane);
  const part = fixed === undefined ? `[${indexText(lane, env)}]` : `.${"xyzw"[fixed]}`;
  return `${name}[${vectorText(offset, env)}]${part}`;
}

/** The number of the vector that an element lies in. */
export const vectorText = (offset: Expr, env: ExprEnv): string =>
  indexText(simplify(ops.floordiv(offset, LANES), env.ranges), env);

/** Elements of a vector. */
export const LANES = 4;

/** The text of an index, or of a bound of a loop. */
export const indexText = (e: Expr, env: ExprEnv): string => exprText(e, { ...env, index: true });

export function exprText(e: Expr, env: ExprEnv): string {
  valueType(e.dtype, env.f16);
  switch (e.kind) {
    case "const":
      return literal(constNumber(e), e.dtype, env);
    case "var":
      return env.variable(e.id, e.name);
    case "load": {
      const offset = offsetOf(e.buffer, e.indices, env.ranges);
      const text = env.made.get(accessKey(e.buffer, offset)) ?? offsetText(e.buffer, offset, env);
      return e.dtype === "bool" ? `(${text} != 0u)` : text;
    }
    case "select":
      return `select(${exprText(e.b, env)}, ${exprText(e.a, env)}, ${exprText(e.cond, env)})`;
    case "unary": {
      if (e.dtype === "i64") checkFits(e, env);
      if (e.op === "not") return `!(${exprText(e.a, env)})`;
      return wrap(`(-(${exprText(e.a, env)}))`, e.dtype);
    }
    case "cast":
      return castText(e, env);
    case "call":
      return callText(e, env);
    case "binary":
      return binaryText(e, env);
    default:
      return unreachable(e);
  }
}

/** i8 and u8 are i32 values that are brought back into their range. */
function wrap(text: string, t: DType): string {
  if (t === "i8") return `((${text} << 24u) >> 24u)`;
  return t === "u8" ? `(${text} & 255)` : text;
}

/** The name, whose helper the text then has. */
export function help(name: string, env: ExprEnv): string {
  env.helpers.add(name);
  return name;
}

function literal(x: number, t: DType, env: ExprEnv): string {
  if (t === "bool") return x === 0 ? "false" : "true";
  if (!isFloat(t)) {
    if (!Number.isInteger(x) || x < -(2 ** 31) || x > 2 ** 31 - 1) {
      throw new WgslError(`the ${t} literal ${x} does not fit the 32 bits of WGSL's integers`);
    }
    return x === -(2 ** 31) ? "(-2147483647 - 1)" : x < 0 ? `(${x})` : String(x);
  }
  const suffix = t === "f16" ? "h" : "f";
  const v = t === "f16" ? x : Math.fround(x);
  if (!Number.isFinite(v)) {
    const bits = Number.isNaN(v) ? "0x7fc00000u" : v > 0 ? "0x7f800000u" : "0xff800000u";
    const text = `${help("tw_bits", env)}(${bits})`;
    return t === "f16" ? `f16(${text})` : text;
  }
  const text = `${Object.is(v, -0) ? "-0" : String(v)}${suffix}`;
  return text.startsWith("-") ? `(${text})` : text;
}

const INFIX: Partial<Record<Binary["op"], string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  truncdiv: "/",
  truncmod: "%",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  and: "&&",
  or: "||",
};

function binaryText(e: Binary, env: ExprEnv): string {
  if (e.dtype === "i64" && e.op !== "min" && e.op !== "max") checkFits(e, env);
  const ordered = e.op === "lt" || e.op === "le" || e.op === "gt" || e.op === "ge";
  const asNumber = ordered && e.a.dtype === "bool";
  const text = (x: Expr): string => (asNumber ? `u32(${exprText(x, env)})` : exprText(x, env));
  const [a, b] = [text(e.a), text(e.b)];
  if (e.op === "floordiv" || e.op === "floormod") return wrap(floorText(e, a, b, env), e.dtype);
  if (e.op === "min" || e.op === "max") return extremum(e.op, e, a, b, env);
  const symbol = INFIX[e.op];
  if (!symbol) throw new WgslError(`${e.op} has no WGSL`);
  return wrap(`(${a} ${symbol} ${b})`, e.dtype);
}

function floorText(e: Binary, a: string, b: string, env: ExprEnv): string {
  const div = e.op === "floordiv";
  const x = intervalOf(e.a, env.ranges);
  const y = intervalOf(e.b, env.ranges);
  if (x.min >= 0 && y.min > 0) return `(${a} ${div ? "/" : "%"} ${b})`;
  return `${help(div ? "tw_floordiv" : "tw_floormod", env)}(${a}, ${b})`;
}

function extremum(op: "min" | "max", e: Binary, a: string, b: string, env: ExprEnv): string {
  if (!isFloat(e.dtype)) return `${op}(${a}, ${b})`;
  const name = help(`tw_${op}`, env);
  return e.dtype === "f16" ? `f16(${name}(f32(${a}), f32(${b})))` : `${name}(${a}, ${b})`;
}

/**
 * i64 is an i32 here. Bounds must prove that the result fits, but inside of indices: there only what is known to be too
 * large is refused, since sizes of buffers are below 2^31.
 */
function checkFits(e: Expr, env: ExprEnv): void {
  const { min, max } = intervalOf(e, env.ranges);
  if (min >= -(2 ** 31) && max < 2 ** 31) return;
  const known = Number.isFinite(min) && Number.isFinite(max);
  if (env.index && !known) return;
  let data: string | undefined;
  visitExpr(e, (x) => {
    if (x.kind === "load") data = x.buffer.name;
  });
  const what = data === undefined ? "i64 arithmetic" : `i64 arithmetic on the elements of ${data}`;
  const values = known ? ` (its values are ${min} to ${max})` : "";
  throw new WgslError(`${what}${values}: WGSL has 32-bit integers only; cast to i32 or f32`);
}

function castText(e: Cast, env: ExprEnv): string {
  const from = e.value.dtype;
  const v = exprText(e.value, env);
  if (from === e.dtype) return v;
  const zero = isFloat(from) ? (from === "f16" ? "0h" : "0f") : "0";
  if (e.dtype === "bool") return `(${v} != ${zero})`;
  if (isFloat(e.dtype)) return `${e.dtype}(${v})`;
  if (from === "bool") return `i32(${v})`;
  if (!isFloat(from)) return wrap(v, e.dtype);
  if (e.dtype === "i64") {
    throw new WgslError(`a cast of ${from} to i64: WGSL has 32-bit integers only; cast to i32`);
  }
  const i = `${help("tw_toi32", env)}(${from === "f16" ? `f32(${v})` : v})`;
  return e.dtype === "i32" ? i : e.dtype === "i8" ? `clamp(${i}, -128, 127)` : `clamp(${i}, 0, 255)`;
}

type Emit = (a: string, b: string, env: ExprEnv, t: DType) => string;
const plain =
  (name: string): Emit =>
  (a) =>
    `${name}(${a})`;
const helper =
  (name: string): Emit =>
  (a, b, env) =>
    `${help(name, env)}(${b === "" ? a : `${a}, ${b}`})`;

/** Functions of floats work on f32; those of integers on i32. */
const CALLS: Readonly<Record<IntrinsicName, Emit>> = {
  exp: plain("exp"),
  log: plain("log"),
  sqrt: plain("sqrt"),
  rsqrt: plain("inverseSqrt"),
  sin: plain("sin"),
  cos: plain("cos"),
  tanh: helper("tw_tanh"),
  tan: plain("tan"),
  asin: plain("asin"),
  acos: plain("acos"),
  atan: plain("atan"),
  sinh: plain("sinh"),
  cosh: plain("cosh"),
  asinh: plain("asinh"),
  acosh: plain("acosh"),
  atanh: plain("atanh"),
  log1p: helper("tw_log1p"),
  expm1: helper("tw_expm1"),
  sigmoid: (a) => `(1.0 / (1.0 + exp(-(${a}))))`,
  erf: helper("tw_erf"),
  floor: plain("floor"),
  ceil: plain("ceil"),
  trunc: plain("trunc"),
  round: plain("round"),
  pow: helper("tw_pow"),
  fmod: (a, b) => `(${a} % ${b})`,
  abs: (a, _, __, t) => wrap(`abs(${a})`, t),
  isnan: helper("tw_isnan"),
  bitAnd: (a, b) => `(${a} & ${b})`,
  bitOr: (a, b) => `(${a} | ${b})`,
  bitXor: (a, b) => `(${a} ^ ${b})`,
  shiftLeft: (a, b, _, t) => wrap(`(${a} << (u32(${b}) & 31u))`, t),
  shiftRight: (a, b) => `(${a} >> (u32(${b}) & 31u))`,
};

function callText(e: Call, env: ExprEnv): string {
  const emit = CALLS[e.op as IntrinsicName];
  if (!emit) throw new WgslError(`${e.op} has no WGSL`);
  const t = e.args[0].dtype;
  if (t === "i64" && e.op.startsWith("shift")) {
    throw new WgslError(`${e.op} of i64: WGSL has 32-bit integers only; cast to i32`);
  }
  const half = t === "f16";
  const [a, b = ""] = e.args.map((x) => (half ? `f32(${exprText(x, env)})` : exprText(x, env)));
  const text = emit(a, b, env, t);
  return half && e.dtype === "f16" ? `f16(${text})` : text;
}
