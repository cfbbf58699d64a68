/**
 * Blocks that compute each of a few neighbouring results by a formula of its own, as the transforms of tiles do (Winograd).
 * All formulas are written out for some tiles at once, so that they share what they read and what they have in common, and
 * no element asks which formula is its own.
 */
import {
  type Block,
  type BlockAxis,
  type Buffer,
  BYTES,
  constInt,
  type Expr,
  visitExpr,
} from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { extentOf, loadsOf, product, storeOf } from "./shape.ts";

/** Formulas that are written out. */
const MOST = 16;
/** Values of one axis. */
const FEW = 6;
/** Tiles of a short row are taken all at once. */
const SHORT = 7;
/** Bytes of a line of the first-level cache, and of what its lines are told apart by. */
const LINE = 64;
const NEAR = 4096;

export function scheduleFormulas(sch: Schedule, block: BlockRV): Schedule {
  return attempt(sch, (s) => written(s, block));
}

/** By how many formulas an axis picks: all of its values (`whole`), or its value modulo a number. */
interface Pick {
  readonly axis: BlockAxis;
  readonly count: number;
  readonly whole: boolean;
}

function written(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const picks = store ? picksOf(b, store.value) : [];
  const formulas = product(picks.map((p) => p.count));
  if (picks.length === 0 || formulas < 2 || formulas > MOST) return false;
  const loops = sch.getLoops(block);
  const [tiles, variants]: [LoopRV[], LoopRV[]] = [[], []];
  b.axes.forEach((a, i) => {
    const pick = picks.find((p) => p.axis === a);
    if (!pick) tiles.push(loops[i]);
    else if (pick.whole) variants.push(loops[i]);
    else {
      const [outer, inner] = sch.split(loops[i], [null, pick.count]);
      tiles.push(outer);
      variants.push(inner);
    }
  });
  const along = tiles.pop();
  const row = along ? (constInt(sch.get(along).extent) ?? 0) : 0;
  if (!along || row < 2) return false;
  const [x0, x1] = sch.split(along, [null, row <= SHORT ? row : 4]);
  sch.reorder(...tiles, x0, ...variants, x1);
  for (const v of variants) sch.unroll(v);
  sch.vectorize(x1);
  apart(sch, block);
  return true;
}

/**
 * The elements that the formulas of one tile read, or write, are far from each other. Where these distances are such that
 * many fall into the same few sets of the first-level cache, their lines drive each other out before the next tile uses
 * them: distances of an odd number of lines meet all sets in turn.
 */
function apart(sch: Schedule, block: BlockRV): void {
  for (const rv of [block, ...sch.getProducers(block)]) {
    const made = storeOf(sch.get(rv))?.buffer;
    const at = made && farthest(sch.get(block), made);
    // Results of the program lie as the caller has them.
    if (!made || at === undefined || sch.getConsumers(rv).length === 0) continue;
    const line = LINE / BYTES[made.dtype];
    const distance = product(made.shape.slice(at + 1).map((n) => constInt(n) ?? Number.NaN));
    if (distance * BYTES[made.dtype] >= NEAR) sch.storageAlign(rv, 0, at, 2 * line, line);
  }
}

/** The last dimension of a buffer along which a block's formulas differ. */
function farthest(b: Block, made: Buffer): number | undefined {
  const store = storeOf(b);
  if (!store) return undefined;
  const variants = new Set(picksOf(b, store.value).flatMap((p) => (p.whole ? [p.axis.v.id] : [])));
  const own = [store, ...loadsOf(store.value)].filter((x) => x.buffer.id === made.id);
  const dims = own.flatMap((x) => x.indices.flatMap((e, d) => (isVariant(e, variants) ? [d] : [])));
  return dims
    .filter((d) => constInt(made.shape[d]) !== 1)
    .reduce<number | undefined>((a, d) => Math.max(a ?? d, d), undefined);
}

const isVariant = (e: Expr, variants: ReadonlySet<number>): boolean =>
  constInt(e) !== undefined || (e.kind === "var" && variants.has(e.id));

/** The axes by which the value picks its formula. */
function picksOf(b: Block, value: Expr): Pick[] {
  const found = new Map<BlockAxis, Pick>();
  const axisOf = (e: Expr): BlockAxis | undefined =>
    e.kind === "var" ? b.axes.find((a) => a.v.id === e.id) : undefined;
  const condition = (e: Expr): void => {
    if (e.kind !== "binary" || (e.op !== "eq" && e.op !== "ne")) return;
    const whole = axisOf(e.a);
    if (whole && extentOf(whole) <= FEW && constInt(e.b) !== undefined) {
      found.set(whole, { axis: whole, count: extentOf(whole), whole: true });
    }
    if (e.a.kind !== "binary" || e.a.op !== "floormod") return;
    const [axis, count] = [axisOf(e.a.a), constInt(e.a.b)];
    if (axis && count !== undefined && count <= FEW) found.set(axis, { axis, count, whole: false });
  };
  visitExpr(value, (e) => {
    if (e.kind === "select") condition(e.cond);
    return true;
  });
  return [...found.values()];
}
