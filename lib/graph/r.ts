/**
 * `R`: graph-level values as people write them. Every operator of the registry's tables is a function here
 * (`R.matmul(a, b)`, `R.nn.relu(x)`), beside the words for types, constants and calls.
 */
import {
  type Attrs,
  type CallFunc,
  type CallPacked,
  type CallTir,
  type Constant,
  callFunc,
  callPacked,
  callTir,
  constantOf,
  type DType,
  type Expr,
  type GraphExpr,
  type GraphType,
  type GraphVar,
  graphVar,
  type NDArray,
  type OpCall,
  type ShapeLiteral,
  shapeLiteral,
  type TensorType,
  type TupleExpr,
  type TupleGet,
  tensorType,
  tupleExpr,
  tupleGet,
} from "../ir/index.ts";
import { constantData, type Elements } from "./constant.ts";
import type { OpArg } from "./op-call.ts";
import { OPS, type OpName } from "./ops/index.ts";
import { callOp } from "./registry.ts";

/** Arguments in order, then attributes. */
export type OpBuilder = (...args: readonly (OpArg | Attrs)[]) => OpCall;

type Plain<N extends string> = N extends `${string}.${string}` ? never : N;
type Group<N extends string> = N extends `${infer G}.${string}` ? G : never;
type Within<N extends string, G extends string> = N extends `${G}.${infer M}` ? M : never;

/** The operators by name; `nn.relu` stands in the group `nn`. */
export type OpWords = { readonly [N in Plain<OpName>]: OpBuilder } & {
  readonly [G in Group<OpName>]: { readonly [N in Within<OpName, G>]: OpBuilder };
};

export interface GraphWords {
  /** The type of a tensor. */
  tensor(shape: readonly (Expr | number)[], dtype?: DType): TensorType;
  /** A variable: a parameter of a function. */
  var(name: string, type: GraphType): GraphVar;
  /** Data of the program: a number, nested arrays, a typed array with its shape, or constant data. */
  const(data: Elements | NDArray, dtype?: DType, shape?: readonly number[]): Constant;
  /** Sizes, where an operator takes them. */
  shape(values: readonly (Expr | number)[]): ShapeLiteral;
  tuple(...fields: readonly GraphExpr[]): TupleExpr;
  get(tuple: GraphExpr, index: number): TupleGet;
  /** A tensor program of the module in destination-passing style. */
  callTir(
    func: string,
    args: readonly GraphExpr[],
    type: GraphType | readonly TensorType[],
    options?: { readonly tirVars?: readonly Expr[]; readonly into?: readonly GraphExpr[] },
  ): CallTir;
  /** A library function, registered with `registerFunc`, in destination-passing style. */
  callPacked(
    func: string,
    args: readonly GraphExpr[],
    type: GraphType | readonly TensorType[],
    attrs?: Attrs,
  ): CallPacked;
  /** Another graph-level function of the module. */
  call(func: string, args: readonly GraphExpr[], type: GraphType): CallFunc;
  /** An operator by name, also one that was registered later. */
  op(name: string, args: readonly OpArg[], attrs?: Attrs): OpCall;
}

const typed = (t: GraphType | readonly TensorType[]): GraphType =>
  Array.isArray(t) ? { kind: "tuple", fields: t as readonly TensorType[] } : (t as GraphType);

const words: GraphWords = {
  tensor: tensorType,
  var: graphVar,
  const: (data, dtype, shape) => constantOf(constantData(data, dtype, shape)),
  shape: shapeLiteral,
  tuple: (...fields) => tupleExpr(fields),
  get: tupleGet,
  callTir: (func, args, type, options) => callTir(func, args, typed(type), options),
  callPacked: (func, args, type, attrs) => callPacked(func, args, typed(type), { attrs }),
  call: callFunc,
  op: callOp,
};

/** Attributes are the last argument when it is a plain object that is no value. */
function builder(name: string): OpBuilder {
  return (...given) => {
    const last = given.at(-1);
    const hasAttrs = typeof last === "object" && last !== null && !Array.isArray(last) && !("kind" in last);
    const args = hasAttrs ? given.slice(0, -1) : given;
    return callOp(name, args as readonly OpArg[], hasAttrs ? (last as Attrs) : {});
  };
}

function operators(): OpWords {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(OPS)) {
    const [group, inner] = name.split(".");
    if (inner === undefined) out[name] = builder(name);
    else out[group] = { ...(out[group] as object), [inner]: builder(name) };
  }
  return out as OpWords;
}

export const R: GraphWords & OpWords = { ...operators(), ...words };
