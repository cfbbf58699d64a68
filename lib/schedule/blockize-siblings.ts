/** blockize of several blocks: neighbours, each with the loops of its own, become one block. */
import { provablyEqual, type SubspaceDivision, sameExpr } from "../arith/index.ts";
import {
  type AxisType,
  type Block,
  type BlockAxis,
  block,
  constant,
  constInt,
  type Expr,
  type For,
  ops,
  type PrimFunc,
  type Ranges,
  replaceStmt,
  type Stmt,
  seq,
  substStmt,
  withBody,
} from "../ir/index.ts";
import {
  type BlockizeOptions,
  blockize,
  checkBounds,
  divide,
  nest,
  type Part,
  partOf,
  roomIn,
  throughAxes,
} from "./blockize.ts";
import { whyNotStagePipeline } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { findBlock, type Located, loopsOf, rangesOf, scopeBlock } from "./lookup.ts";
import { commonDepth } from "./region-cover.ts";
import type { WithBlock } from "./types.ts";

const NAME = "blockize";

/** `blockize` of a loop with what is below it, or of blocks that stand side by side. */
export function blockizeTarget(
  f: PrimFunc,
  target: number | readonly number[],
  options?: BlockizeOptions,
): WithBlock {
  return typeof target === "number" ? blockize(f, target, options) : blockizeBlocks(f, target, options);
}

/** One of the blocks, with the nest that becomes part of the new block. */
interface Divided {
  readonly at: Located<Block>;
  readonly inner: readonly For[];
  readonly division: SubspaceDivision;
}

interface Member extends Divided {
  /** The values of its axes, and what is bound outside. */
  readonly parts: readonly Part[];
}

/**
 * Makes one block, `outer_<names>_`, of neighbouring blocks, each with the loops that stand around it alone. The loops
 * around all of them drive the axes of the new block: an axis stands for the outer parts of all blocks that have the
 * same one, and reduces where one of them does. Inits stay with their blocks. Refuses blocks of different scopes, one
 * inside another, with something between them, whose axes do not divide, which need what another one makes in another
 * iteration of the loops outside, and reductions that go on outside.
 */
function blockizeBlocks(
  f: PrimFunc,
  ids: readonly number[],
  { preserveUnitIters = true }: BlockizeOptions = {},
): WithBlock {
  const places = ids.map((id) => findBlock(f, id));
  const blocks = places.map((p) => p.node);
  if (blocks.length === 0 || new Set(ids).size < ids.length) {
    refuse(NAME, "different blocks are needed", `got ${namesOf(blocks)}`, blocks);
  }
  const scope = scopeBlock(places[0]);
  if (places.some((p) => p.path.slice(0, -1).some((s) => s.kind === "block" && blocks.includes(s)))) {
    refuse(NAME, "the blocks are inside each other", namesOf(blocks), blocks);
  }
  if (places.some((p) => scopeBlock(p) !== scope)) {
    refuse(
      NAME,
      "the blocks are not in the same scope",
      `${namesOf(blocks)} are in different blocks`,
      blocks,
    );
  }
  const depth =
    places.length === 1
      ? places[0].path.length - 1
      : Math.min(...places.slice(1).map((p) => commonDepth(places[0].path, p.path)));
  const { parent, siblings, first } = neighbours(places, depth);
  const outer = places[0].path.slice(0, depth).filter((s): s is For => s.kind === "for");
  const outerLoops = outer.filter((l) => loopsOf(places[0]).includes(l));
  const sorted = [...places].sort(
    (a, b) => siblings.indexOf(a.path[depth]) - siblings.indexOf(b.path[depth]),
  );
  const divided = sorted.map((at) => dividedAt(f, at, depth, outerLoops));
  const shared = sharedPredicate(divided);
  const members = divided.map((d) => ({ ...d, parts: partsOf(f, d, shared, preserveUnitIters) }));
  const axes = sharedAxes(members, rangesOf(f, places[0].path.slice(0, depth)));
  const inside = members.map((m) => insideOf(f, m, axes, outerLoops, shared));
  const made = block({
    name: `outer_${members.map((m) => `${m.at.node.name}_`).join("")}`,
    axes: axes.list,
    predicate: shared,
    body: seq(inside),
  });
  const stmts = [...siblings.slice(0, first), made, ...siblings.slice(first + members.length)];
  const next =
    parent.kind === "seq"
      ? withBody(f, replaceStmt(f.body, parent, seq(stmts)))
      : withBody(f, replaceStmt(f.body, places[0].path[depth], made));
  const why = whyNotStagePipeline(next, findBlock(next, made.id).node);
  if (why) {
    refuse(NAME, "a block needs what another one makes outside of the new block", why.detail, blocks);
  }
  return { func: next, block: made.id };
}

const namesOf = (blocks: readonly Block[]): string => blocks.map((b) => b.name).join(", ") || "none";

/** The statement in whose sequence the nests stand, and where they begin; refuses what stands between them. */
function neighbours(places: readonly Located<Block>[], depth: number) {
  const parent = places[0].path[depth - 1];
  const tops = places.map((p) => p.path[depth]);
  const siblings = parent.kind === "seq" ? parent.stmts : [tops[0]];
  const first = Math.min(...tops.map((t) => siblings.indexOf(t)));
  const stretch = siblings.slice(first, first + tops.length);
  if (first < 0 || !stretch.every((s) => tops.includes(s))) {
    const blocks = places.map((p) => p.node);
    refuse(NAME, "the blocks are not neighbours", `something stands between ${namesOf(blocks)}`, blocks);
  }
  return { parent, siblings, first };
}

function dividedAt(f: PrimFunc, at: Located<Block>, depth: number, outer: readonly For[]): Divided {
  const b = at.node;
  const own = at.path.slice(depth, -1);
  const other = own.find((s) => s.kind !== "for");
  if (other) {
    const detail = `around ${b.name} stands ${other.kind === "seq" ? "a sequence" : `a ${other.kind}`}`;
    refuse(NAME, "there is more than loops around a block", detail, [b]);
  }
  const inner = own as readonly For[];
  checkBounds(NAME, outer, inner);
  const division = divide(NAME, f, at, [...outer, ...inner], inner);
  const open = b.axes.find((a, k) => a.type === "R" && constInt(division.parts[k].outerExtent) !== 1);
  if (b.init && open) {
    const detail = `reduce axis ${open.v.name} of ${b.name} goes on in the loops outside, and its init would start it anew each time`;
    refuse(NAME, "a reduction goes on outside of the new block", detail, [b], (n) => {
      return `sch.decomposeReduction(${n(b)}, loop) before`;
    });
  }
  return { at, inner, division };
}

function partsOf(f: PrimFunc, m: Divided, shared: Expr | undefined, preserveUnits: boolean): Part[] {
  const b = m.at.node;
  const { mixedPredicate, outerPredicate } = m.division;
  const moved = shared ? mixedPredicate : ops.allOf([mixedPredicate, outerPredicate]);
  const room = roomIn({ ...m.division, mixedPredicate: moved }, rangesOf(f, m.at.path.slice(0, -1)));
  return b.axes.map((a, k): Part => {
    const part = m.division.parts[k];
    // A reduce axis of one value outside would only make a reduction of the new block.
    const whole = a.type === "R" && constInt(part.outerExtent) === 1;
    if (whole && constInt(a.extent) === 1) return { value: constant(0, a.v.dtype) };
    return partOf(a, part, { ...b, init: undefined }, preserveUnits && !whole, room);
  });
}

interface Shared {
  readonly list: readonly BlockAxis[];
  /** The axis that stands for an outer axis of a member, by the id of the member's. */
  readonly of: ReadonlyMap<number, BlockAxis>;
}

const STRICTNESS: readonly AxisType[] = ["S", "R", "O"];

/** One axis for all that are bound alike. */
function sharedAxes(members: readonly Member[], ranges: Ranges): Shared {
  const list: BlockAxis[] = [];
  const chosen = new Map<number, number>();
  for (const m of members) {
    const taken = new Set<number>();
    for (const { outer: a } of m.parts) {
      if (!a) continue;
      let k = list.findIndex(
        (x, i) =>
          !taken.has(i) &&
          x.v.dtype === a.v.dtype &&
          provablyEqual(x.extent, a.extent, ranges) &&
          provablyEqual(x.binding, a.binding, ranges),
      );
      if (k < 0) {
        k = list.length;
        list.push(a);
      } else if (STRICTNESS.indexOf(a.type) > STRICTNESS.indexOf(list[k].type)) {
        list[k] = { ...list[k], type: a.type };
      }
      taken.add(k);
      chosen.set(a.v.id, k);
    }
  }
  return { list, of: new Map([...chosen].map(([id, k]) => [id, list[k]])) };
}

/** The condition over the loops outside, where all members run under the same one. */
function sharedPredicate(members: readonly Divided[]): Expr | undefined {
  const [first, ...rest] = members.map((m) => m.division.outerPredicate);
  return first && rest.every((p) => p !== undefined && sameExpr(p, first)) ? first : undefined;
}

/** The nest of a member, in terms of the axes of the new block. */
function insideOf(
  f: PrimFunc,
  m: Member,
  axes: Shared,
  outer: readonly For[],
  shared: Expr | undefined,
): Stmt {
  const b = m.at.node;
  const ranges = rangesOf(f, m.at.path.slice(0, -1));
  const condition = ops.allOf([m.division.mixedPredicate, shared ? undefined : m.division.outerPredicate]);
  const mixed = condition && throughAxes(NAME, b, condition, outer, axes.list, ranges);
  const predicate = ops.allOf([m.division.innerPredicate, mixed]);
  const renamed = new Map([...axes.of].map(([id, a]) => [id, a.v as Expr]));
  const values = new Map(b.axes.map((a, k) => [a.v.id, m.parts[k].value] as const));
  const body = substStmt(substStmt(b, values), renamed);
  const { predicate: _, ...rest } = body;
  const made: Block = {
    ...rest,
    axes: m.parts.flatMap((p) => p.inner ?? []),
    ...(predicate ? { predicate } : {}),
  };
  return nest(m.inner, made);
}
