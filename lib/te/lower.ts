/** One computation as a loop nest around a block. */
import {
  axis,
  type BinaryOp,
  type BlockAxis,
  type Buffer,
  binary,
  block,
  constant,
  type Expr,
  letIn,
  load,
  loop,
  ops,
  type Stmt,
  select,
  seq,
  store,
  substExpr,
  type Var,
  variable,
} from "../ir/index.ts";
import { type Combiner, identity, isReduction, type Reduction } from "./reduce.ts";
import type { Compute } from "./tensor.ts";

const COMBINE: Readonly<Record<Exclude<Combiner, "argmax" | "argmin">, BinaryOp>> = {
  sum: "add",
  prod: "mul",
  max: "max",
  min: "min",
};

/** The loops and the block, named after its tensor, that fill the tensor of a computation. */
export function lowerCompute(op: Compute, name: string): Stmt {
  const out = op.outputs[0].buffer;
  const axes: BlockAxis[] = [];
  const loops: { v: Var; extent: Expr }[] = [];
  const map = new Map<number, Expr>();
  const add = (v: Var, type: "S" | "R", extent: Expr, min?: Expr): void => {
    const over = variable(v.name, v.dtype);
    const inside = variable(`v${v.name}`, v.dtype);
    loops.push({ v: over, extent });
    axes.push(axis(inside, type, extent, over));
    map.set(v.id, min ? ops.add(inside, min) : inside);
  };
  op.indices.forEach((v, d) => {
    add(v, "S", out.shape[d]);
  });
  const body = op.body;
  const spatial = axes.map((a) => a.v);
  if (isReduction(body)) for (const k of body.axes) add(k, "R", k.extent, k.min);
  const positions = axes.slice(spatial.length);

  const parts = isReduction(body)
    ? reduce(body, substExpr(body.source, map), op, spatial, positions)
    : { body: store(out, spatial, substExpr(body, map)) };
  let stmt: Stmt = block({ name, axes, ...parts });
  for (const l of loops.reverse()) {
    stmt = loop(l.v, l.extent, stmt, { min: constant(0, l.v.dtype) });
  }
  return stmt;
}

function reduce(
  r: Reduction,
  source: Expr,
  op: Compute,
  at: readonly Var[],
  axes: readonly BlockAxis[],
): { init: Stmt; body: Stmt } {
  const out = op.outputs[0].buffer;
  if (r.combiner === "argmax" || r.combiner === "argmin") {
    return position(r.combiner, source, out, op.outputs[1].buffer, at, axes);
  }
  return {
    init: store(out, at, identity(r.combiner, out.dtype)),
    body: store(out, at, binary(COMBINE[r.combiner], load(out, at), source)),
  };
}

/**
 * Position and value together. Of equal values the smaller position wins whatever the order of the loops, so that
 * the reduction may be reordered like any other.
 */
function position(
  combiner: "argmax" | "argmin",
  source: Expr,
  index: Buffer,
  value: Buffer,
  at: readonly Var[],
  axes: readonly BlockAxis[],
): { init: Stmt; body: Stmt } {
  const start = combiner === "argmax" ? ops.minValue(value.dtype) : ops.maxValue(value.dtype);
  const linear = axes.reduce<Expr>(
    (p, a) => ops.add(ops.mul(p, a.extent), a.v),
    constant(0, axes[0].v.dtype),
  );
  const here: Expr =
    linear.dtype === index.dtype ? linear : { kind: "cast", value: linear, dtype: index.dtype };
  const x = variable("x", value.dtype);
  const better = variable("better", "bool");
  const oldValue = load(value, at);
  const oldIndex = load(index, at);
  const beats = binary(combiner === "argmax" ? "gt" : "lt", x, oldValue);
  const first = ops.and(binary("eq", x, oldValue), binary("lt", here, oldIndex));
  const update = seq([
    store(index, at, select(better, here, oldIndex)),
    store(value, at, select(better, x, oldValue)),
  ]);
  return {
    init: seq([store(index, at, constant(0, index.dtype)), store(value, at, start)]),
    body: letIn(x, source, letIn(better, ops.or(beats, first), update)),
  };
}
