/** The loop nest of a block that was moved: one loop for each axis that takes more than one value. */
import { provablyEqual, simplify } from "../arith/index.ts";
import {
  type Block,
  type BlockAxis,
  constant,
  constInt,
  type Expr,
  type For,
  intervalOf,
  loop,
  loopRange,
  ops,
  type Ranges,
  type Stmt,
  substExpr,
  usesVar,
  type Var,
  variable,
} from "../ir/index.ts";
import type { Iteration } from "./compute-at-regions.ts";

/**
 * The block under new serial loops ax0, ax1, …, its axes bound to `min + loop`. Axes with one value get no loop,
 * unless unit loops are asked for. `around`: the loops that stay outside, outermost first. `conditions`: under which it
 * runs, in terms of its axes.
 */
export function nestOf(
  block: Block,
  iterations: readonly Iteration[],
  around: readonly For[],
  ranges: Ranges,
  preserveUnitLoops: boolean,
  conditions: readonly Expr[] = [],
): Stmt {
  const known = new Map(ranges);
  const loops: { v: Var; extent: Expr }[] = [];
  const guards: Expr[] = [];
  const axes = block.axes.map((a, i): BlockAxis => {
    const it = iterations[i];
    let binding = it.min;
    if (preserveUnitLoops || constInt(it.extent) !== 1) {
      const v = variable(`ax${loops.length}`, a.v.dtype);
      loops.push({ v, extent: it.extent });
      known.set(v.id, loopRange(constant(0, v.dtype), it.extent, known));
      const sum = ops.add(it.min, v);
      // A unit loop that was asked for stays in the binding, where simplification would drop it.
      binding = constInt(it.extent) === 1 ? sum : simplify(sum, known);
    }
    const extent = axisExtent(a, binding, it, [...around, ...loops]);
    // The verifier reasons with intervals; where they do not suffice, the bound is stated although it is known.
    const values = intervalOf(binding, known);
    const last = constInt(extent);
    if (it.guardStart || (Number.isFinite(values.min) && values.min < 0)) guards.push(ops.ge(binding, 0));
    const leaves = last !== undefined && Number.isFinite(values.max) && values.max >= last;
    if (it.guardEnd || leaves || misfit(binding, extent, around)) guards.push(ops.lt(binding, extent));
    return { v: a.v, type: a.type, extent, binding };
  });
  const bindings = new Map(axes.map((a) => [a.v.id, a.binding] as const));
  guards.push(...conditions.map((c) => simplify(substExpr(c, bindings), known)));
  const { predicate: _, ...rest } = block;
  const predicate = ops.allOf(guards);
  let nest: Stmt = { ...rest, axes, ...(predicate ? { predicate } : {}) };
  for (const l of [...loops].reverse()) nest = loop(l.v, l.extent, nest);
  return nest;
}

/**
 * An axis bound to a loop alone has as many values as the loop: where fewer of its values are needed than before, the
 * axis shrinks with them.
 */
function axisExtent(
  a: BlockAxis,
  binding: Expr,
  it: Iteration,
  loops: readonly { v: Var; extent: Expr; min?: Expr }[],
): Expr {
  if (it.guardStart || it.guardEnd || binding.kind !== "var") return a.extent;
  const l = loops.find((x) => x.v.id === binding.id);
  const few = l && constInt(l.extent);
  const many = constInt(a.extent);
  const fromZero = l && (l.min === undefined || constInt(l.min) === 0);
  return l && fromZero && few !== undefined && many !== undefined && few < many ? l.extent : a.extent;
}

/** A binding that is one outer loop which starts elsewhere than at 0: the verifier wants that said. */
function misfit(binding: Expr, extent: Expr, around: readonly For[]): boolean {
  if (binding.kind !== "var") return false;
  const l = around.find((x) => x.v.id === binding.id);
  return l !== undefined && (constInt(l.min) !== 0 || !provablyEqual(l.extent, extent));
}

/** Loops of `around` with more than one iteration that a block under them does not mention. */
export function unusedLoops(block: Block, around: readonly For[]): For[] {
  return around.filter(
    (l) => constInt(l.extent) !== 1 && !block.axes.some((a) => usesVar(a.binding, new Set([l.v.id]))),
  );
}
