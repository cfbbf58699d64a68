/** Tensor programs written out, for operators that tensor expressions cannot say. */
import {
  axis,
  type Block,
  type Buffer,
  block,
  buffer,
  type Expr,
  letIn,
  loop,
  ops,
  type Stmt,
  seq,
  type TensorType,
  type Var,
  variable,
} from "../../ir/index.ts";
import type { TypedCall } from "../op.ts";
import type { Size } from "../shape.ts";

/** Name, kind (spatial, reduction, or neither) and size of an axis. */
export type NestAxis = readonly [name: string, type: "S" | "R" | "O", extent: Size | number];

/** A block in a loop over each of its axes. */
export function nest(
  name: string,
  axes: readonly NestAxis[],
  body: (...v: Var[]) => Stmt | readonly Stmt[] | Pick<Block, "body" | "init">,
  allocs: readonly Buffer[] = [],
): Stmt {
  const inside = axes.map(([n]) => variable(`v${n}`));
  const over = axes.map(([n]) => variable(n));
  const made = body(...inside);
  const parts = "kind" in made ? { body: made } : Array.isArray(made) ? { body: seq(made) } : made;
  let stmt: Stmt = block({
    name,
    axes: axes.map(([, type, extent], d) => axis(inside[d], type, extent, over[d])),
    allocs,
    ...(parts as Pick<Block, "body" | "init">),
  });
  for (let d = axes.length - 1; d >= 0; d--) {
    const extent = axes[d][2];
    stmt = loop(over[d], typeof extent === "number" ? ops.toExpr(extent) : extent, stmt);
  }
  return stmt;
}

/** A memory of the program. */
export const bufferOf = (t: TensorType, name: string): Buffer => buffer(name, t.shape, t.dtype);

/** Buffers for the arguments that are tensors, in order. */
export const argumentBuffers = (c: TypedCall, names: readonly string[]): Buffer[] =>
  c.args.flatMap((a, i) => (a.kind === "shapeLiteral" ? [] : [bufferOf(c.tensor(i), names[i])]));

/** A plain loop within a block. */
export function each(name: string, extent: Size | number, body: (v: Var) => Stmt | readonly Stmt[]): Stmt {
  const v = variable(name);
  const made = body(v);
  return loop(v, typeof extent === "number" ? ops.toExpr(extent) : extent, "kind" in made ? made : seq(made));
}

/** `v` stands for a value within the statements. */
export function named(name: string, value: Expr, body: (v: Var) => Stmt | readonly Stmt[]): Stmt {
  const v = variable(name, value.dtype);
  const made = body(v);
  return letIn(v, value, "kind" in made ? made : seq(made));
}
