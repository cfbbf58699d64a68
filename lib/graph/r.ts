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
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphVar,
  type OpCall,
  ops,
  type ShapeLiteral,
  shapeLiteral,
  type TensorType,
  type TupleExpr,
  type TupleGet,
  tensorType,
  tupleExpr,
  tupleGet,
  tupleType,
} from "../ir/index.ts";
import type { ConstantTable, ConstValue, Dim } from "../script/index.ts";
import { constantData, type Data } from "./constant.ts";
import type { OpArg } from "./op-call.ts";
import { OPS, type OpName } from "./ops/index.ts";
import { callOp } from "./registry.ts";
import {
  type Fields,
  type GraphArgs,
  type GraphParams,
  type GraphProgram,
  type GraphTypes,
  installGraphScript,
  parseGraphFunction,
  type Result,
  type TensorSpec,
  type TypeLike,
} from "./script/index.ts";

/** Arguments in order, then attributes. */
export type OpBuilder = (...args: readonly (OpArg | Attrs)[]) => OpCall & Fields;

type Plain<N extends string> = N extends `${string}.${string}` ? never : N;
type Group<N extends string> = N extends `${infer G}.${string}` ? G : never;
type Within<N extends string, G extends string> = N extends `${G}.${infer M}` ? M : never;

/** The operators by name; `nn.relu` stands in the group `nn`. */
export type OpWords = { readonly [N in Plain<OpName>]: OpBuilder } & {
  readonly [G in Group<OpName>]: { readonly [N in Within<OpName, G>]: OpBuilder };
};

export interface GraphWords extends GraphProgram, GraphTypes {
  /**
   * A graph-level function. The callback is never run: its source is read. Numbers from outside that it mentions are
   * passed by name in `consts`, data in `constants`.
   */
  func<const P extends GraphParams, C extends { readonly [name: string]: ConstValue } = Record<never, never>>(
    params: P,
    fn: (args: GraphArgs<P, C>) => Result,
    options?: { readonly attrs?: Attrs; readonly consts?: C; readonly constants?: ConstantTable },
  ): GraphFunc;
  /** The type of a tensor. Of a parameter of `R.func`, a string in the shape is a symbolic size, visible by that name. */
  tensor(shape: readonly (Expr | number)[], dtype?: DType): TensorType;
  tensor<const S extends readonly Dim[]>(shape: S, dtype?: DType): TensorSpec<S>;
  /** A variable: a parameter of a function. */
  var(name: string, type: GraphType): GraphVar;
  /** Data of the program: a number, nested arrays, a typed array with its shape, or constant data. */
  const(data: Data, dtype?: DType, shape?: readonly number[]): Constant;
  /** Sizes, where an operator takes them. */
  shape(values: readonly (Expr | number)[]): ShapeLiteral;
  tuple(...fields: readonly GraphExpr[]): TupleExpr & Fields;
  get(tuple: GraphExpr, index: number): TupleGet & Fields;
  /** A tensor program of the module in destination-passing style. */
  callTir(
    func: string,
    args: readonly GraphExpr[],
    type: TypeLike,
    options?: { readonly tirVars?: readonly (Expr | number)[]; readonly into?: readonly GraphExpr[] },
  ): CallTir & Fields;
  /** A library function, registered with `registerFunc`, in destination-passing style. */
  callPacked(
    func: string,
    args: readonly GraphExpr[],
    type: TypeLike,
    options?: { readonly attrs?: Attrs; readonly into?: readonly GraphExpr[] },
  ): CallPacked & Fields;
  /** Another graph-level function of the module. */
  call(func: string, args: readonly GraphExpr[], type: TypeLike): CallFunc & Fields;
  /** An operator by name, also one that was registered later. */
  op(name: string, args: readonly OpArg[], attrs?: Attrs): OpCall & Fields;
}

const typed = (t: TypeLike): GraphType => (isList(t) ? tupleType(t.map(typed)) : t);
const isList = (t: TypeLike): t is readonly TypeLike[] => Array.isArray(t);

function tensor(shape: readonly (Expr | Dim)[], dtype: DType = "f32"): TensorType | TensorSpec {
  if (!shape.some((s) => typeof s === "string"))
    return tensorType(shape as readonly (Expr | number)[], dtype);
  if (shape.some((s) => typeof s === "object"))
    throw new TypeError("R.tensor: symbolic sizes are all names (strings), or all variables");
  return { kind: "tensorSpec", shape: shape as readonly Dim[], dtype };
}

const readOnly = (name: string) => (): never => {
  throw new TypeError(`R.${name} is only read inside R.func(params, fn); it cannot be run`);
};

/** Fields by index are for the checker, in programs that are read: values have none. */
const words = {
  func: parseGraphFunction,
  tensor,
  shapeType: (rank: number) => ({ kind: "shape", rank }),
  var: graphVar,
  const: (data: Data, dtype?: DType, shape?: readonly number[]) =>
    constantOf(constantData(data, dtype, shape)),
  shape: shapeLiteral,
  tuple: (...fields: readonly GraphExpr[]) => tupleExpr(fields),
  get: tupleGet,
  callTir: (
    func: string,
    args: readonly GraphExpr[],
    type: TypeLike,
    options: { readonly tirVars?: readonly (Expr | number)[]; readonly into?: readonly GraphExpr[] } = {},
  ) =>
    callTir(func, args, typed(type), {
      ...options,
      tirVars: options.tirVars?.map((v) => (typeof v === "number" ? ops.toExpr(v) : v)),
    }),
  callPacked: (
    func: string,
    args: readonly GraphExpr[],
    type: TypeLike,
    options?: Parameters<typeof callPacked>[3],
  ) => callPacked(func, args, typed(type), options),
  call: (func: string, args: readonly GraphExpr[], type: TypeLike) => callFunc(func, args, typed(type)),
  op: callOp,
  dataflow: readOnly("dataflow"),
  output: readOnly("output"),
  if: readOnly("if"),
  loop: readOnly("loop"),
  matchCast: readOnly("matchCast"),
  withType: readOnly("withType"),
  size: readOnly("size"),
  tensorToShape: readOnly("tensorToShape"),
  constant: readOnly("constant"),
} as unknown as GraphWords;

/** Attributes are the last argument when it is a plain object that is no value. */
function builder(name: string): OpBuilder {
  return (...given) => {
    const last = given.at(-1);
    const hasAttrs = typeof last === "object" && last !== null && !Array.isArray(last) && !("kind" in last);
    const args = hasAttrs ? given.slice(0, -1) : given;
    return callOp(name, args as readonly OpArg[], hasAttrs ? (last as Attrs) : {}) as OpCall & Fields;
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

/** Operators that a word hides are called by `R.op`. */
installGraphScript((name) => {
  const [group, inner, more] = name.split(".");
  return Object.hasOwn(OPS, name) && !Object.hasOwn(words, group) && !(inner && more);
});

export const R: GraphWords & OpWords = { ...operators(), ...words };
