/** Blocks without a reduction: one loop where memory is walked straight through, vectorised along the last axis. */
import { type Block, constInt, stridesOf } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { type Access, divisor, loadsOf, product, storeOf, storesOf, strideAlong } from "./shape.ts";

/** Elements in one iteration of a vectorised loop: four vectors of f32, to have independent work in flight. */
const WIDE = [16, 24, 28, 20, 8, 12];
/** Rows up to this are taken at once. */
const WHOLE = 32;

/** Whether every access that the block makes is at its axes as they are, so that all is one straight walk. */
export function walksStraight(b: Block): boolean {
  const stores = storesOf(b);
  const plain = (a: Access): boolean =>
    a.indices.length === 0 ||
    (!a.buffer.strides &&
      a.indices.length === b.axes.length &&
      a.indices.every((x, d) => x.kind === "var" && x.id === b.axes[d].v.id));
  return (
    stores.length > 0 &&
    stores.every(plain) &&
    stores
      .flatMap((s) => loadsOf(s.value))
      .every((l) => (plain(l) && stridesOf(l.buffer).length > 0) || l.indices.length === 0)
  );
}

/** Whether neighbouring results lie side by side. What they are made of may be gathered, lane by lane. */
export function contiguous(b: Block): boolean {
  const stores = storesOf(b);
  const last = b.axes[b.axes.length - 1];
  return stores.length > 0 && last !== undefined && stores.every((s) => strideAlong(s, last.v) === 1);
}

/**
 * Schedules a block all of whose axes are spatial. Padding is written everywhere first and the data is copied over it:
 * two straight walks, where deciding for each element would be none.
 */
export function scheduleElementwise(sch: Schedule, block: BlockRV): Schedule {
  if (storeOf(sch.get(block))?.value.kind === "select") {
    const apart = attempt(sch, (s) => decomposedPadding(s, block));
    if (apart !== sch) return apart;
  }
  return attempt(sch, (s) => walk(s, block));
}

/** Padding as a fill and a copy, of what lies in the loops from number `from` on. */
export function decomposedPadding(s: Schedule, block: BlockRV, from = 0): void {
  const fill = s.decomposePadding(block, s.getLoops(block)[from]);
  walk(s, fill, from);
  walk(s, block, from);
}

/** One straight loop, or rows, in vectors; false where memory is not walked straight through. */
export function walk(s: Schedule, block: BlockRV, from = 0): boolean {
  const b = s.get(block);
  const loops = s.getLoops(block).slice(from);
  if (loops.length === 0 || !contiguous(b)) return false;
  const straight = walksStraight(b) && loops.length > 1;
  const extentsOf = loops.map((l) => constInt(s.get(l).extent) ?? Number.NaN);
  const loop = straight ? s.fuse(...loops) : loops[loops.length - 1];
  const extent = straight ? product(extentsOf) : extentsOf[loops.length - 1];
  if (!(extent >= 4)) return false;
  const width = extent <= WHOLE ? extent : (divisor(extent, WIDE) ?? 16);
  const [, inner] = s.split(loop, [null, width]);
  s.vectorize(inner);
  return true;
}
