/**
 * What a producer writes in one iteration of the loops it shares with its consumers, and which of it was there in the
 * iteration before.
 */
import { linearForm, relaxRegion, simplify, withDomains } from "../arith/index.ts";
import {
  type Block,
  constInt,
  type Expr,
  type For,
  ops,
  type Ranges,
  type Region,
  usesVar,
} from "../ir/index.ts";
import type { Located } from "./lookup.ts";
import { atLoops, domainsFrom } from "./region-cover.ts";
import { conditionsOf } from "./region-cover-dense.ts";

/** One dimension of the box that is written. */
export interface Side {
  /** The index, in terms of all loops around the producer. */
  readonly index: Expr;
  /** Where it starts in an iteration, in terms of the shared loops. */
  readonly min: Expr;
  /** How many elements from there; undefined when that is no constant. */
  readonly extent: number | undefined;
  /** Position in the box: the index less the start. */
  readonly offset: Expr;
}

/** A loop whose iterations write elements that the one before wrote already, and how many in each dimension. */
export interface Carry {
  readonly loop: For;
  /** Of each dimension that moves with the loop: how many of its elements were there before. */
  readonly overlaps: ReadonlyMap<number, number>;
}

/** The box that is written, dimension by dimension. `depth`: how many statements of the path are shared. */
export function sidesOf(at: Located<Block>, write: Region, depth: number, ranges: Ranges): Side[] {
  const inner = domainsFrom(at.path, depth);
  const here = atLoops(at.node, write);
  const box = relaxRegion(here, inner, ranges);
  const known = withDomains(inner, ranges);
  return box.ranges.map(({ min, extent }, d) => {
    const index = here.ranges[d].min;
    return { index, min, extent: constInt(extent), offset: simplify(ops.sub(index, min), known) };
  });
}

/**
 * How a loop carries elements on; undefined when it does not: an element is known from the iteration before when in
 * each dimension that moves it lies in the part that the boxes share.
 */
export function carryOf(loop: For, sides: readonly Side[]): Carry | undefined {
  const id = new Set([loop.v.id]);
  const overlaps = new Map<number, number>();
  for (const [d, s] of sides.entries()) {
    if (!usesVar(s.index, id)) continue;
    const terms = [...(linearForm(s.min)?.terms.values() ?? [])].filter((t) => usesVar(t.atom, id));
    const steady = terms.length === 1 && terms[0].atom.kind === "var" && !usesVar(s.offset, id);
    const step = steady ? terms[0].coef : 0;
    if (step <= 0 || s.extent === undefined || s.extent <= step) return undefined;
    overlaps.set(d, s.extent - step);
  }
  return overlaps.size > 0 && constInt(loop.extent) !== 1 ? { loop, overlaps } : undefined;
}

/**
 * A condition of the producer that does not depend on the element alone: it could have left out, in the iteration
 * before, what this one counts on. `moving`: the loops that carry and those inside.
 */
export function unsteadyCondition(b: Block, moving: ReadonlySet<number>, ranges: Ranges): Expr | undefined {
  return conditionsOf(b.predicate).find((c) => {
    if (!usesVar(c, moving)) return false;
    if (c.kind !== "binary" || (c.a.dtype !== "i32" && c.a.dtype !== "i64")) return true;
    const difference = ops.sub(c.a, c.b);
    return !b.axes.some((a) =>
      [ops.sub(difference, a.binding), ops.add(difference, a.binding)].some(
        (rest) => constInt(simplify(rest, ranges)) !== undefined,
      ),
    );
  });
}
