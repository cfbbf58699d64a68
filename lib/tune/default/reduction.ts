/**
 * Reductions that are no products: along a row (softmax, norms, means), or over windows and leading axes (pooling,
 * depthwise convolutions, column sums).
 */
import { type BlockAxis, constInt } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { epilogueOf } from "./inline.ts";
import { type Access, divisor, extentOf, loadsOf, product, storeOf, strideAlong } from "./shape.ts";

/** Partial sums kept side by side: four vectors, so that one addition need not wait for the one before. */
const LANES = [16, 8, 4];
/** Windows of so few elements are written out. */
const UNROLL = 16;

const oneOrNone = (a: Access, axis: BlockAxis): boolean => {
  const s = strideAlong(a, axis.v);
  return s === 0 || s === 1;
};

export function scheduleReduction(sch: Schedule, block: BlockRV): Schedule {
  const spatial = attempt(sch, (s) => alongSpatial(s, block));
  return spatial !== sch ? spatial : attempt(sch, (s) => alongReduce(s, block));
}

/** The last spatial axis lies contiguously: several results side by side in registers. */
function alongSpatial(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const spatial = b.axes.filter((a) => a.type === "S");
  const last = [...spatial].reverse().find((a) => extentOf(a) > 1);
  if (!store || !last || !(extentOf(last) >= 4) || strideAlong(store, last.v) !== 1) return false;
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id);
  // Elements that lie apart are not loaded as vectors: then a few results side by side, written out.
  const vectors = loads.some((l) => strideAlong(l, last.v) === 1);
  if (!vectors && !loads.some((l) => (strideAlong(l, last.v) ?? 0) > 1)) return false;
  const epilogue = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");
  const loops = sch.getLoops(block);
  const n = extentOf(last);
  const width = vectors
    ? (divisor(n, [16, 8, 4]) ?? (n >= 32 ? 16 : n >= 8 ? 8 : 4))
    : (divisor(n, [4, 5, 6, 7, 3, 2]) ?? 1);
  const [x0, x1] = sch.split(loops[b.axes.indexOf(last)], [null, width]);
  const others = loops.filter((_, i) => b.axes[i] !== last && b.axes[i].type === "S");
  const reduce = loops.filter((_, i) => b.axes[i].type === "R");
  sch.reorder(...others, x0, ...reduce, x1);
  if (vectors) sch.vectorize(x1);
  else sch.unroll(x1);
  let window = 1;
  for (const r of [...reduce].reverse()) {
    window *= constInt(sch.get(r).extent) ?? Number.POSITIVE_INFINITY;
    if (window > UNROLL || r === reduce[0]) break;
    sch.unroll(r);
  }
  sch.reverseComputeAt(epilogue, x0);
  const own = sch.getLoops(epilogue);
  sch.vectorize(own[own.length - 1]);
  sch.decomposeReduction(block, reduce[0]);
  return true;
}

/** The last reduce axis lies contiguously: its sum is taken in lanes, and the lanes are added at the end. */
function alongReduce(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const reduce = b.axes.filter((a) => a.type === "R");
  const last = [...reduce].reverse().find((a) => extentOf(a) > 1);
  const n = last ? extentOf(last) : 0;
  if (!store || !last || !(n >= 8)) return false;
  const lanes = divisor(n, LANES) ?? (n >= 64 ? 16 : 4);
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id && l.indices.length > 0);
  if (loads.length === 0 || !loads.every((l) => oneOrNone(l, last))) return false;
  const loops = sch.getLoops(block);
  const outer = loops.filter((_, i) => b.axes[i].type === "S");
  const [, k1] = sch.split(loops[b.axes.indexOf(last)], [null, lanes]);
  const rank = b.axes.filter((a) => a.type === "S").length;
  const partial = sch.rfactor(k1, rank);
  if (outer.length > 0) sch.reverseComputeAt(block, sch.getLoops(partial)[outer.length - 1]);
  const inner = sch.getLoops(partial);
  // rfactor puts the lanes where the loop stood: inside the reduction.
  sch.vectorize(inner[inner.length - 1]);
  const firstReduce = sch.getLoops(partial)[outer.length];
  if (product(reduce.map(extentOf)) > lanes) sch.decomposeReduction(partial, firstReduce);
  return true;
}
