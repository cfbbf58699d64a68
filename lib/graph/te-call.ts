/** From values of a graph-level program to tensor programs that compute them. */
import {
  type Expr,
  type GraphExpr,
  type GraphType,
  type PrimFunc,
  type TensorType,
  tensorType,
  tupleType,
  typeText,
  type Var,
  varsOf,
} from "../ir/index.ts";
import { te } from "../te/index.ts";
import { refuseGraph } from "./error.ts";

export interface TeProgram {
  readonly func: PrimFunc;
  /** Types of the results: of one tensor, or a tuple. */
  readonly type: GraphType;
  /** Sizes the program cannot read off its inputs' shapes: its scalar parameters, in order. */
  readonly tirVars: readonly Var[];
}

/** A placeholder with the type of a value. */
export function placeholderOf(t: TensorType, name: string): te.Tensor {
  return te.placeholder(t.shape, name, t.dtype);
}

/** The type of a te tensor. */
export const typeOfTensor = (t: te.Tensor): TensorType => tensorType(t.shape, t.dtype);

/**
 * The tensor program with the inputs and then the results as parameters. Symbolic sizes that are no size of an input by
 * themselves become scalar parameters at the end.
 */
export function teProgram(
  where: string,
  inputs: readonly te.Tensor[],
  result: te.Tensor | readonly te.Tensor[],
): TeProgram {
  const outs = (Array.isArray(result) ? result : [result]) as readonly te.Tensor[];
  for (const o of outs) {
    if (!(o instanceof te.Tensor))
      refuseGraph(where, "the function must give a tensor (te.compute) or several");
    if (inputs.includes(o)) refuseGraph(where, "a result is an input; compute something from it");
  }
  const bound = new Set(inputs.flatMap((t) => t.shape.flatMap((s) => (s.kind === "var" ? [s.id] : []))));
  const free = new Map<number, Var>();
  const collect = (e: Expr): void => {
    for (const [id, v] of varsOf(e)) if (!bound.has(id)) free.set(id, v);
  };
  for (const t of [...inputs, ...outs]) t.shape.forEach(collect);
  const tirVars = [...free.values()];
  const func = te.createPrimFunc([...inputs, ...outs, ...tirVars]);
  const types = outs.map(typeOfTensor);
  return { func, type: Array.isArray(result) ? tupleType(types) : types[0], tirVars };
}

/** The type of a tensor argument of `emitTe` and its kin. */
export function tensorTypeOf(where: string, e: GraphExpr): TensorType {
  if (e.type.kind !== "tensor") return refuseGraph(where, `a tensor is needed, got ${typeText(e.type)}`);
  return e.type;
}
