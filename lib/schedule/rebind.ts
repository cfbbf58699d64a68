/**
 * Loops in terms of other loops: what split and fuse do to everything below. Only the loops' own bounds, bindings and
 * predicates can mention a loop; the inside of a block cannot (verifier, rule 4), so blocks are not entered.
 */
import { prove, simplify } from "../arith/index.ts";
import {
  type BlockAxis,
  constant,
  constInt,
  type Expr,
  type For,
  type Interval,
  ifThen,
  loopRange,
  mapStmt,
  ops,
  type Stmt,
  substExpr,
  usesVar,
  type VarMap,
} from "../ir/index.ts";

export interface Rebinding {
  /** Old loop variables in terms of the new ones. */
  readonly vars: VarMap;
  /** A condition under which the new loops stand for an iteration of the old one; absent: always. */
  readonly guard?: Expr;
  /** Ranges of the loops around and of the new loops. */
  readonly ranges: ReadonlyMap<number, Interval>;
  /** Keep loops of extent 1 in the bindings, where they show which loop an axis belongs to. */
  readonly preserveUnitIters: boolean;
}

/** `body` with the old loop variables replaced: bindings are simplified, blocks and bare stores guarded. */
export function rebind(body: Stmt, r: Rebinding): Stmt {
  return go(body, r, r.preserveUnitIters ? withoutPoints(r.ranges) : new Map(r.ranges));
}

function go(s: Stmt, r: Rebinding, ranges: Map<number, Interval>): Stmt {
  const old = new Set(r.vars.keys());
  const swap = (e: Expr): Expr => (usesVar(e, old) ? simplify(substExpr(e, r.vars), ranges) : e);
  switch (s.kind) {
    case "for": {
      const min = swap(s.min);
      const extent = swap(s.extent);
      if (!(r.preserveUnitIters && constInt(extent) === 1)) {
        ranges.set(s.v.id, loopRange(min, extent, ranges));
      }
      const body = go(s.body, r, ranges);
      return min === s.min && extent === s.extent && body === s.body ? s : { ...s, min, extent, body };
    }
    case "block": {
      const axes = s.axes.map((a) => {
        const binding = swap(a.binding);
        return binding === a.binding ? a : fitted({ ...a, binding }, r.ranges);
      });
      const { predicate: before, ...rest } = s;
      const kept = before && swap(before);
      const predicate = ops.allOf([kept && constInt(kept) === 1 ? undefined : kept, r.guard]);
      const same = predicate === before && axes.every((a, i) => a === s.axes[i]);
      return same ? s : { ...rest, axes, ...(predicate ? { predicate } : {}) };
    }
    case "let":
    case "if":
    case "extern":
    case "store": {
      // What runs outside blocks is guarded as a whole: its expressions may load out of bounds otherwise.
      const inner = mapStmt(s, {
        stmt: (x) => go(x, { ...r, guard: undefined }, ranges),
        expr: swap,
      });
      return r.guard ? ifThen(r.guard, inner) : inner;
    }
    case "seq":
      return mapStmt(s, { stmt: (x) => go(x, r, ranges) });
  }
}

/**
 * An axis that is now bound to a loop alone has the loop's values and no more (verifier, rule 8): a part of a
 * partitioned loop covers only the beginning of an axis, which shows when it is fused with its inner loop.
 */
function fitted(a: BlockAxis, ranges: ReadonlyMap<number, Interval>): BlockAxis {
  const r = a.binding.kind === "var" ? ranges.get(a.binding.id) : undefined;
  const n = constInt(a.extent);
  if (!r || n === undefined || r.min !== 0 || r.max + 1 >= n) return a;
  return { ...a, extent: constant(r.max + 1, a.v.dtype) };
}

/** Without the variables that have one value, which `simplify` would replace by it. */
function withoutPoints(ranges: ReadonlyMap<number, Interval>): Map<number, Interval> {
  return new Map([...ranges].filter(([, r]) => r.min !== r.max));
}

/** The condition, or undefined when it always holds. */
export const unlessProven = (cond: Expr, ranges: ReadonlyMap<number, Interval>): Expr | undefined =>
  prove(cond, ranges) ? undefined : cond;

/** Ranges with those of `loops`, outermost first, added. */
export function withLoops(
  ranges: ReadonlyMap<number, Interval>,
  loops: readonly For[],
): Map<number, Interval> {
  const out = new Map(ranges);
  for (const l of loops) out.set(l.v.id, loopRange(l.min, l.extent, out));
  return out;
}
