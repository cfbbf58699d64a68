/**
 * Reductions that are no products: along a row (softmax, norms, means), or over windows and leading axes (pooling,
 * depthwise convolutions, column sums).
 */
import { type Block, type BlockAxis, constInt, usesVar } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { epilogueOf } from "./inline.ts";
import {
  type Access,
  divisor,
  evenParts,
  extentOf,
  loadsOf,
  moves,
  product,
  storeOf,
  strideAlong,
} from "./shape.ts";

/** Partial sums kept side by side: four vectors, so that one addition need not wait for the one before. */
const LANES = [16, 8, 4];
/** In rows of so many, a last step of fewer lanes is worth the code. */
const RAGGED = 32;
/** Of other numbers of sums, the most. */
const MOST_LANES = 32;
/** Windows of so few elements are written out. */
const UNROLL = 16;
/** Rows of results up to this are taken at once. */
const WHOLE = 32;

export function scheduleReduction(sch: Schedule, block: BlockRV): Schedule {
  for (const rule of [alongReduce, alongSpatial]) {
    const done = attempt(sch, (s) => rule(s, block));
    if (done !== sch) return done;
  }
  return sch;
}

/** The last spatial axis lies contiguously: several results side by side in registers. */
function alongSpatial(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const spatial = b.axes.filter((a) => a.type === "S");
  const last = [...spatial].reverse().find((a) => extentOf(a) > 1);
  if (!store || !last || !(extentOf(last) >= 4) || strideAlong(store, last.v) !== 1) return false;
  const epilogue = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");
  const loops = sch.getLoops(block);
  const n = extentOf(last);
  const width = n <= WHOLE ? n : (divisor(n, [32, 16, 24, 28, 20, 8, 12]) ?? 16);
  const [x0, x1] = sch.split(loops[b.axes.indexOf(last)], [null, width]);
  const others = loops.filter((_, i) => b.axes[i] !== last && b.axes[i].type === "S");
  const reduce = loops.filter((_, i) => b.axes[i].type === "R");
  sch.reorder(...others, x0, ...reduce, x1);
  sch.vectorize(x1);
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

/** Whether a block reduces what lies in one piece, and enough of it for lanes. */
export function reducesAlong(b: Block): boolean {
  const store = storeOf(b);
  const reduce = b.axes.filter((a) => a.type === "R" && extentOf(a) > 1);
  if (!store || lanesFor(product(reduce.map(extentOf))) < 4) return false;
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id && l.indices.length > 0);
  return (
    loads.length > 0 && loads.every((l) => inOnePiece(l, reduce)) && loads.some((l) => moves(l, reduce[0].v))
  );
}

/** Whether an access goes straight through memory when the axes count up, the last fastest; or is moved by none. */
function inOnePiece(at: Access, axes: readonly BlockAxis[]): boolean {
  if (axes.every((a) => !moves(at, a.v))) return true;
  let step = 1;
  for (const a of [...axes].reverse()) {
    if (strideAlong(at, a.v) !== step) return false;
    step *= extentOf(a);
  }
  return true;
}

/**
 * How many sums side by side for rows of `n`: a divisor of it, 16 if it can be, so that no step sticks out; of a long row 16
 * in any case, with a shorter last step; of a short one the divisor with the fewest idle lanes. 1 where there is none.
 */
function lanesFor(n: number): number {
  return divisor(n, LANES) ?? (n >= RAGGED ? 16 : (evenParts(n, MOST_LANES) ?? 1));
}

/** A reduction taken in lanes: the results, sums of four lanes for each (where there are more), and those of all lanes. */
export interface InLanes {
  readonly block: BlockRV;
  readonly four?: BlockRV;
  readonly partial: BlockRV;
  /** How many sums side by side. */
  readonly lanes: number;
}

/** Takes a reduction of what lies in one piece apart: into sums in lanes, and sums of the lanes. */
export function inLanes(sch: Schedule, block: BlockRV): InLanes {
  const b = sch.get(block);
  const loops = sch.getLoops(block);
  const reduce = loops.filter((_, i) => b.axes[i].type === "R" && extentOf(b.axes[i]) > 1);
  const outer = loops.filter((l) => !reduce.includes(l));
  sch.reorder(...outer, ...reduce);
  const sizes = reduce.map((l) => constInt(sch.get(l).extent) ?? 0);
  const lanes = lanesFor(product(sizes));
  const last = sizes[sizes.length - 1];
  // Where the innermost has several times the lanes, the others are loops around it; else all are gone through as one.
  const alone = reduce.length === 1 || (last > lanes && last % lanes === 0);
  const k = alone ? reduce[reduce.length - 1] : sch.fuse(...reduce);
  const rank = b.axes.filter((a) => a.type === "S").length;
  const [, k1] = sch.split(k, [null, lanes]);
  const partial = sch.rfactor(k1, rank);
  if (lanes <= 4 || lanes % 4 !== 0) return { block, partial, lanes };
  const [, l1] = sch.split(sch.getLoops(block).at(-1) as LoopRV, [null, 4]);
  return { block, partial, lanes, four: sch.rfactor(l1, rank) };
}

/** Gives the parts their loops, of which the first `outer` are around all of them. */
export function finishLanes(sch: Schedule, { block, four, partial }: InLanes, outer: number): void {
  const own = (rv: BlockRV): LoopRV[] =>
    sch.getLoops(rv).filter((l, i) => i >= outer && (constInt(sch.get(l).extent) ?? 0) > 1);
  /** Lanes innermost, in vectors; what remains of the reduction around them. */
  const lanesInside = (rv: BlockRV): LoopRV[] => {
    const b = sch.get(rv);
    const store = storeOf(b);
    const lane = b.axes.find((a) => a.type === "S" && store && strideAlong(store, a.v) === 1);
    const loops = own(rv);
    const at = loops.find((l) => lane && usesVar(lane.binding, new Set([sch.get(l).v.id])));
    if (!at) return loops;
    const rest = loops.filter((l) => l !== at);
    if (at !== loops.at(-1)) sch.reorder(...rest, at);
    sch.vectorize(at);
    return rest;
  };
  const [reduce] = lanesInside(partial);
  if (reduce) sch.decomposeReduction(partial, reduce);
  if (four) for (const among of lanesInside(four)) sch.unroll(among);
  for (const l of own(block)) sch.unroll(l);
}

/** What lies in one piece is reduced: in lanes, and the lanes at the end. */
function alongReduce(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  if (!reducesAlong(b)) return false;
  const outer = b.axes.filter((a) => a.type === "S").length;
  const parts = inLanes(sch, block);
  if (outer > 0) {
    const row = sch.getLoops(parts.partial)[outer - 1];
    if (parts.four) sch.reverseComputeAt(parts.four, row);
    sch.reverseComputeAt(block, row);
  }
  finishLanes(sch, parts, outer);
  return true;
}
