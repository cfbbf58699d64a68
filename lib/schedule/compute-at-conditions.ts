/** What a block's predicate says beyond its axes' extents: a block that moves takes that along. */
import { prove, simplify } from "../arith/index.ts";
import { type Block, type Expr, type For, ops, type Ranges, substExpr, usesVar } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { boundOn, conditionsOf } from "./region-cover-dense.ts";

/**
 * The conditions of a predicate in terms of the axes, without those that keep an axis in its extent (loops that are made
 * anew are no longer than that). `loops`: those around the block, outermost first; `stay`: those of them that it keeps.
 * Refuses where a condition is about loops that no axis stands for.
 */
export function conditionsOfAxes(
  primitive: string,
  b: Block,
  loops: readonly For[],
  stay: readonly For[],
  ranges: Ranges,
): readonly Expr[] {
  const ids = new Set(loops.map((l) => l.v.id));
  const kept = new Set(stay.map((l) => l.v.id));
  const gone = new Set([...ids].filter((id) => !kept.has(id)));
  const axisOf = new Map(
    b.axes.flatMap((a) => (a.binding.kind === "var" ? [[a.binding.id, a.v] as const] : [])),
  );
  const out: Expr[] = [];
  for (const c of conditionsOf(b.predicate)) {
    let said = false;
    for (const a of b.axes) {
      const { start, end } = boundOn(c, a.binding, ids, ranges);
      if (start && !prove(ops.le(start, 0), ranges)) out.push(ops.ge(a.v, start));
      if (end && !prove(ops.ge(end, a.extent), ranges)) out.push(ops.lt(a.v, end));
      said ||= start !== undefined || end !== undefined;
    }
    if (said || !usesVar(c, ids)) {
      if (!said) out.push(c);
      continue;
    }
    const atAxes = simplify(substExpr(c, axisOf), ranges);
    if (usesVar(atAxes, gone))
      refuse(
        primitive,
        "the predicate cannot be followed",
        `${b.name} runs under a condition of its loops that cannot be said in terms of its axes`,
        [b],
      );
    out.push(atAxes);
  }
  return out;
}
