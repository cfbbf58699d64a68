/**
 * Graph-level programs: functions whose values are whole tensors. A function is a list of bindings, each of one value
 * to one variable; `dataflow` blocks hold bindings without side effects, which passes may move, merge and drop.
 *
 * Normal form (what BlockBuilder, the parser and every pass give): the arguments of a value are leaves (`GraphLeaf`),
 * or a tuple or shape of leaves where an operator takes one. Sizes are scalar expressions over symbolic variables,
 * which the types of the parameters declare, or a `matchCast` or `tensorToShape` binding.
 */
import type { DType } from "./dtype.ts";
import { constant, type Expr, type Var } from "./expr.ts";
import { freshId } from "./id.ts";
import type { NDArray } from "./ndarray.ts";
import { type Attrs, NO_ATTRS } from "./stmt.ts";

/** The type of a tensor. The rank is always known; sizes may be expressions of symbolic sizes. */
export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: DType;
  readonly shape: readonly Expr[];
}
export interface TupleType {
  readonly kind: "tuple";
  readonly fields: readonly GraphType[];
}
/** Sizes as a value: only shape literals have it. */
export interface ShapeType {
  readonly kind: "shape";
  readonly rank: number;
}
export type GraphType = TensorType | TupleType | ShapeType;

export interface GraphVar {
  readonly kind: "graphVar";
  readonly id: number;
  readonly name: string;
  readonly type: GraphType;
}

export interface Constant {
  readonly kind: "constant";
  readonly data: NDArray;
  readonly type: TensorType;
}

/** Sizes given to an operator: `R.reshape(x, R.shape([n, 4]))`. */
export interface ShapeLiteral {
  readonly kind: "shapeLiteral";
  readonly values: readonly Expr[];
  readonly type: ShapeType;
}

export interface TupleExpr {
  readonly kind: "tupleExpr";
  readonly fields: readonly GraphExpr[];
  readonly type: TupleType;
}

export interface TupleGet {
  readonly kind: "tupleGet";
  readonly tuple: GraphExpr;
  readonly index: number;
  readonly type: GraphType;
}

/** An operator of the registry (lib/graph/ops) by name. */
export interface OpCall {
  readonly kind: "opCall";
  readonly op: string;
  readonly args: readonly GraphExpr[];
  readonly attrs: Attrs;
  readonly type: GraphType;
}

/**
 * A tensor program of the module in destination-passing style: `func` takes the arguments, then the outputs (one, or
 * the fields of a tuple type), then `tirVars` as its scalar parameters. With `into` the outputs are memory that was
 * allocated before, and the value is that memory; without, the call makes new tensors of `type`.
 */
export interface CallTir {
  readonly kind: "callTir";
  readonly func: string;
  readonly args: readonly GraphExpr[];
  readonly tirVars: readonly Expr[];
  readonly into?: readonly GraphExpr[];
  readonly type: GraphType;
}

/** A library function, registered by name, in destination-passing style. */
export interface CallPacked {
  readonly kind: "callPacked";
  readonly func: string;
  readonly args: readonly GraphExpr[];
  readonly attrs: Attrs;
  readonly into?: readonly GraphExpr[];
  readonly type: GraphType;
}

/** Another graph-level function of the module. */
export interface CallFunc {
  readonly kind: "callFunc";
  readonly func: string;
  readonly args: readonly GraphExpr[];
  readonly type: GraphType;
}

/** `cond` is a bool tensor of one element. Both branches give values of `type`. */
export interface GraphIf {
  readonly kind: "graphIf";
  readonly cond: GraphExpr;
  readonly then: GraphBody;
  readonly else: GraphBody;
  readonly type: GraphType;
}

/**
 * A counted or conditional loop (ONNX's Loop and Scan). `func` names a graph-level function of the module:
 * (iteration: i64[], condition: bool[], …carried, …captured) → (condition: bool[], …carried, …scanned). It runs while the
 * condition holds (absent: true) and at most `trip` times (i64[]; absent: no bound). The value is the tuple of the
 * carried values after the last iteration and of the scanned ones, stacked along a new first axis.
 */
export interface GraphLoop {
  readonly kind: "graphLoop";
  readonly func: string;
  readonly trip?: GraphExpr;
  readonly cond?: GraphExpr;
  readonly carried: readonly GraphExpr[];
  readonly captured: readonly GraphExpr[];
  readonly type: TupleType;
}

export type GraphLeaf = GraphVar | Constant;
export type GraphExpr =
  | GraphVar
  | Constant
  | ShapeLiteral
  | TupleExpr
  | TupleGet
  | OpCall
  | CallTir
  | CallPacked
  | CallFunc
  | GraphIf
  | GraphLoop;
export type GraphExprKind = GraphExpr["kind"];

/** `v = value`. */
export interface Bind {
  readonly kind: "bind";
  readonly v: GraphVar;
  readonly value: GraphExpr;
}
/** `v = value`, of which is asserted that it has `v`'s type. Symbolic sizes met first in that type are bound here. */
export interface MatchCast {
  readonly kind: "matchCast";
  readonly v: GraphVar;
  readonly value: GraphExpr;
}
/** The elements of an integer tensor of rank 1 (or 0, for one) become symbolic sizes. */
export interface TensorToShape {
  readonly kind: "tensorToShape";
  readonly sizes: readonly Var[];
  readonly value: GraphExpr;
}
export type GraphBinding = Bind | MatchCast | TensorToShape;

export interface BindingBlock {
  /** Without side effects; of its variables only `outputs` are seen outside. */
  readonly dataflow: boolean;
  readonly bindings: readonly GraphBinding[];
  /** Ids of the variables seen after a dataflow block; of other blocks all are. */
  readonly outputs: readonly number[];
}

export interface GraphBody {
  readonly blocks: readonly BindingBlock[];
  readonly result: GraphExpr;
}

/** What lib/script and lib/show add (by declaration merging) to graph-level functions. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface GraphFuncMethods {}

export interface GraphFunc extends GraphFuncMethods {
  readonly kind: "graphFunc";
  readonly params: readonly GraphVar[];
  readonly body: GraphBody;
  readonly attrs: Attrs;
}

/** Prototype of graph-level functions: empty here. */
export const graphFuncMethods: object = {};

export function tensorType(shape: readonly (Expr | number)[], dtype: DType = "f32"): TensorType {
  return { kind: "tensor", dtype, shape: shape.map((s) => (typeof s === "number" ? constant(s) : s)) };
}
export const tupleType = (fields: readonly GraphType[]): TupleType => ({ kind: "tuple", fields });

export function graphVar(name: string, type: GraphType, id: number = freshId()): GraphVar {
  return { kind: "graphVar", id, name, type };
}

export function constantOf(data: NDArray): Constant {
  return { kind: "constant", data, type: tensorType(data.shape, data.dtype) };
}

export function shapeLiteral(values: readonly (Expr | number)[]): ShapeLiteral {
  return {
    kind: "shapeLiteral",
    values: values.map((v) => (typeof v === "number" ? constant(v) : v)),
    type: { kind: "shape", rank: values.length },
  };
}

export function tupleExpr(fields: readonly GraphExpr[]): TupleExpr {
  return { kind: "tupleExpr", fields, type: tupleType(fields.map((f) => f.type)) };
}

/** A field of a tuple. Throws when it has no such field. */
export function tupleGet(tuple: GraphExpr, index: number): TupleGet {
  const type = tuple.type.kind === "tuple" ? tuple.type.fields[index] : undefined;
  if (!type) throw new TypeError(`the value has no field ${index}: it is ${typeText(tuple.type)}`);
  return { kind: "tupleGet", tuple, index, type };
}

export function opCall(op: string, args: readonly GraphExpr[], attrs: Attrs, type: GraphType): OpCall {
  return { kind: "opCall", op, args, attrs, type };
}

export interface CallTirOptions {
  readonly tirVars?: readonly Expr[];
  readonly into?: readonly GraphExpr[];
}

/** Throws when a call of a tensor program gives something else than tensors. */
export function callTir(
  func: string,
  args: readonly GraphExpr[],
  type: GraphType,
  options: CallTirOptions = {},
): CallTir {
  checkOutputs(`callTir of ${func}`, type);
  const { tirVars = [], into } = options;
  return { kind: "callTir", func, args, tirVars, ...(into ? { into } : {}), type };
}

export function callPacked(
  func: string,
  args: readonly GraphExpr[],
  type: GraphType,
  options: { readonly attrs?: Attrs; readonly into?: readonly GraphExpr[] } = {},
): CallPacked {
  checkOutputs(`callPacked of ${func}`, type);
  const { attrs = NO_ATTRS, into } = options;
  return { kind: "callPacked", func, args, attrs, ...(into ? { into } : {}), type };
}

export function callFunc(func: string, args: readonly GraphExpr[], type: GraphType): CallFunc {
  return { kind: "callFunc", func, args, type };
}

/** Two branches with values of one type. Throws when the results differ in form. */
export function graphIf(cond: GraphExpr, then: GraphBody, other: GraphBody): GraphIf {
  const { type } = then.result;
  if (formText(type) !== formText(other.result.type)) {
    throw new TypeError(`the branches give ${typeText(type)} and ${typeText(other.result.type)}`);
  }
  return { kind: "graphIf", cond, then, else: other, type };
}

export interface GraphLoopArgs {
  readonly trip?: GraphExpr;
  readonly cond?: GraphExpr;
  readonly carried?: readonly GraphExpr[];
  readonly captured?: readonly GraphExpr[];
}

/** A loop over the graph-level function `func`; `type`: of the carried values, then of the stacked ones. */
export function graphLoop(func: string, args: GraphLoopArgs, type: TupleType): GraphLoop {
  const { trip, cond, carried = [], captured = [] } = args;
  const given = { ...(trip ? { trip } : {}), ...(cond ? { cond } : {}) };
  return { kind: "graphLoop", func, ...given, carried, captured, type };
}

export function graphFunc(params: readonly GraphVar[], body: GraphBody, attrs: Attrs = NO_ATTRS): GraphFunc {
  return Object.assign(Object.create(graphFuncMethods), { kind: "graphFunc", params, body, attrs });
}

/** The tensor types that a call in destination-passing style writes: the type itself, or the fields of a tuple. */
export function outputTypes(type: GraphType): readonly TensorType[] {
  return type.kind === "tuple" ? type.fields.flatMap(outputTypes) : type.kind === "tensor" ? [type] : [];
}

function checkOutputs(what: string, type: GraphType): void {
  const fields = type.kind === "tuple" ? type.fields : [type];
  if (!fields.every((f) => f.kind === "tensor")) {
    throw new TypeError(`${what}: its outputs are tensors, not ${typeText(type)}`);
  }
}

/** Where a type stands in a message: `f32[n, 128]`, `(f32[1], i64[3])`. Sizes that are no names are elided. */
export function typeText(t: GraphType): string {
  switch (t.kind) {
    case "tensor":
      return `${t.dtype}[${t.shape.map(sizeText).join(", ")}]`;
    case "tuple":
      return `(${t.fields.map(typeText).join(", ")})`;
    case "shape":
      return `shape of rank ${t.rank}`;
  }
}

/** A type without its sizes. */
const formText = (t: GraphType): string =>
  t.kind === "tensor"
    ? `${t.dtype}[${t.shape.length}]`
    : t.kind === "tuple"
      ? `(${t.fields.map(formText).join(", ")})`
      : typeText(t);

const INFIX: Readonly<Record<string, string>> = { add: "+", sub: "-", mul: "*" };

/** A size as people write it: `n * 2 + 1`. */
export function sizeText(e: Expr): string {
  if (e.kind === "const") return String(e.value);
  if (e.kind === "var") return e.name;
  if (e.kind !== "binary") return e.kind;
  const [a, b] = [e.a, e.b].map((x) =>
    x.kind === "binary" && INFIX[x.op] ? `(${sizeText(x)})` : sizeText(x),
  );
  return INFIX[e.op] ? `${a} ${INFIX[e.op]} ${b}` : `${e.op}(${a}, ${b})`;
}
