/**
 * Programs of several blocks over the same rows: softmax, the norms, attention's weights. A workgroup has a row; what is
 * computed of it stays in its memory, and sums over it are shared among its threads. Or, where threads had better not wait
 * for each other, a thread has a row, and what is computed of it in variables.
 */
import { BYTES, constInt, usesVar } from "../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { extentOf, isStatic, product, storeOf } from "../default/shape.ts";
import { LANES, spread, THREADS } from "./elementwise.ts";
import type { GpuMachine } from "./machine.ts";
import { type Sharing, shareRow } from "./sum.ts";

/** Bytes of a row and its sums that every adapter has in the memory of a workgroup (16 KiB). */
const ROW_BYTES = 15 * 1024;

/** Bytes of a row and its sums that a thread has in variables: half of what WGSL has for a function. */
const THREAD_BYTES = 4 * 1024;

/** Threads of a row: for a walk along it, and for sums of so many elements. */
export interface RowThreads {
  readonly walk: number | ExprRV;
  readonly sum?: Sharing;
}

/** The schedule of a whole program; the one given when it is no chain over rows. */
export function scheduleRows(sch: Schedule, func: string, machine: GpuMachine): Schedule {
  const alone = machine.together ? sch : attempt(sch, (s) => chainAlone(s, func, machine));
  return alone === sch ? attempt(sch, (s) => chain(s, func)) : alone;
}

interface Chain {
  readonly blocks: readonly BlockRV[];
  readonly last: BlockRV;
  /** How many leading axes are the rows, and how many rows that makes. */
  readonly axes: number;
  readonly rows: number;
  /** Of what is computed of a row. */
  readonly bytes: number;
  readonly sums: number;
}

/** A program of several blocks over the same rows; undefined where it is none. */
function chainOf(s: Schedule, func: string): Chain | undefined {
  const blocks = s.getChildBlocks(s.getBlock("root", func));
  const last = blocks.at(-1);
  if (!last || blocks.length < 3 || !blocks.every((b) => isStatic(s.get(b)) && storeOf(s.get(b)))) return;
  // Whoever has begun with one of the blocks has begun something else.
  const isOpen = (b: BlockRV): boolean => {
    const loops = s.getLoops(b);
    return loops.length === s.get(b).axes.length && loops.every((l) => s.get(l).loopKind === "serial");
  };
  if (!blocks.every(isOpen)) return;
  if (s.getOutputBlocks(s.getBlock("root", func)).length !== 1) return;
  const out = s.get(last);
  const sums = blocks.filter((b) => s.get(b).axes.some((a) => a.type === "R"));
  if (sums.length === 0 || out.axes.some((a) => a.type === "R")) return;
  // Rows: the leading axes, as many as the sums have whose extents are those of the result's.
  const axes = Math.min(
    ...sums.map((b) => s.get(b).axes.filter((a) => a.type === "S" && extentOf(a) > 1).length),
  );
  const lead = (b: BlockRV): number[] =>
    s
      .get(b)
      .axes.filter((a) => a.type === "S")
      .map(extentOf);
  const sizes = lead(last).slice(0, axes);
  const same = blocks.every((b) => lead(b).slice(0, axes).join() === sizes.join());
  if (axes === 0 || !same || product(lead(last).slice(axes)) < 8) return;
  const bytes = blocks
    .slice(0, -1)
    .reduce((n, b) => n + product(lead(b).slice(axes)) * BYTES[storeOf(s.get(b))?.buffer.dtype ?? "f32"], 0);
  return { blocks, last, axes, rows: product(sizes), bytes, sums: sums.length };
}

/** A thread for each row; false where it is no chain over rows, where they are few, or where one is too long for that. */
export function chainAlone(s: Schedule, func: string, machine: GpuMachine): boolean {
  const c = chainOf(s, func);
  if (!c || c.rows < machine.many || c.bytes > THREAD_BYTES) return false;
  const loops = s.getLoops(c.last);
  const rows = c.axes > 1 ? s.fuse(...loops.slice(0, c.axes)) : loops[0];
  spread(s, rows, 1, threadsFor(c.rows));
  const row = s.getLoops(c.last)[1];
  for (const b of c.blocks.slice(0, -1).reverse()) {
    s.computeAt(b, row);
    s.setScope(b, 0, "local");
  }
  for (const b of c.blocks) inFours(s, b, row, machine);
  return true;
}

/** Threads of a workgroup where each has a row: few enough that there are workgroups for all cores. */
const threadsFor = (rows: number): number => (rows >= 512 ? 16 : rows >= 256 ? 8 : 4);

/** The innermost loop of a block inside its row: neighbours as vectors, or steps of a sum written out. */
function inFours(s: Schedule, block: BlockRV, row: LoopRV, { written }: GpuMachine): void {
  const { axes } = s.get(block);
  const loops = s.getLoops(block);
  const own = loops.slice(loops.findIndex((l) => s.get(l).v.id === s.get(row).v.id) + 1);
  const loop = own.at(-1);
  const extent = loop && constInt(s.get(loop).extent);
  const few = written.find((n) => extent !== undefined && extent % n === 0) ?? 1;
  if (!loop || few === 1) return;
  const [, inner] = s.split(loop, [null, few]);
  if (few === LANES && !axes.some((a) => a.type === "R")) s.vectorize(inner);
  else s.unroll(inner);
}

/** Does that in the schedule given; false where it is no chain over rows. */
export function chain(s: Schedule, func: string, threads: RowThreads = { walk: THREADS }): boolean {
  const c = chainOf(s, func);
  const walk = typeof threads.walk === "number" ? threads.walk : s.get(threads.walk);
  if (!c || c.bytes + c.sums * walk * 4 > ROW_BYTES) return false;
  const { blocks, last, axes: rows } = c;
  const loops = s.getLoops(last);
  const row = rows > 1 ? s.fuse(...loops.slice(0, rows)) : loops[0];
  s.bind(row, "blockIdx.x");
  share(s, last, 1, threads.walk);
  for (const b of blocks.slice(0, -1).reverse()) {
    const { axes } = s.get(b);
    const alone = axes.every((a, i) => a.type === "R" || i < rows || extentOf(a) === 1);
    s.computeAt(b, row);
    s.setScope(b, 0, "shared");
    const reduces = axes.some((a) => a.type === "R");
    if (!reduces) share(s, b, 1, threads.walk);
    else if (alone) shareLoops(s, b, threads.sum);
  }
  return true;
}

/** The loops of a sum inside of its row, as one, among the threads. */
function shareLoops(s: Schedule, block: BlockRV, among?: Sharing): void {
  const { axes } = s.get(block);
  const along = s
    .getLoops(block)
    .slice(1)
    .filter((l) => axes.some((a) => a.type === "R" && usesVar(a.binding, new Set([s.get(l).v.id]))));
  if (along.length > 0) shareRow(s, along.length > 1 ? s.fuse(...along) : along[0], among);
}

/** The loops of a block from `depth` on, among the threads. */
function share(s: Schedule, block: BlockRV, depth: number, threads: number | ExprRV): void {
  const own = s.getLoops(block).slice(depth);
  if (own.length === 0) return;
  const fused = own.length > 1 ? s.fuse(...own) : own[0];
  const [, mine] = s.split(fused, [null, threads]);
  s.bind(mine, "threadIdx.x");
}
