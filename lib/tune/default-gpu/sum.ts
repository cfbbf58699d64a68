/**
 * Reductions that are no products. Where there are many results a thread computes each; where there are few over long
 * rows, the threads of a workgroup share a row: the loop of the reduction is bound to them.
 */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { epilogueOf } from "../default/inline.ts";
import { extentOf, product } from "../default/shape.ts";
import { spread, THREADS } from "./elementwise.ts";
import type { GpuMachine } from "./machine.ts";

/** What every adapter has in a workgroup. */
const MOST_THREADS = 256;
/** Results from which on a thread may have several without cores being idle. */
const MANY = 1024;

export function scheduleSum(sch: Schedule, block: BlockRV, machine: GpuMachine): Schedule {
  const b = sch.get(block);
  const extents = (type: string): number[] => b.axes.filter((a) => a.type === type).map(extentOf);
  const [results, steps] = [product(extents("S")), product(extents("R"))];
  const few = results < machine.many && steps >= THREADS;
  const shared = few ? attempt(sch, (s) => together(s, block)) : sch;
  if (shared !== sch) return shared;
  const alone = machine.together ? sch : attempt(sch, (s) => inVariables(s, block, machine));
  return alone === sch ? attempt(sch, (s) => apart(s, block)) : alone;
}

/** A thread for each result. */
export function apart(s: Schedule, block: BlockRV, threads: number | ExprRV = THREADS): boolean {
  const parts = partsOf(s, block);
  if (!parts) return false;
  const { spatial, reduce } = parts;
  const epilogue = epilogueOf(s, block);
  s.reorder(...spatial, ...reduce);
  const fused = spatial.length > 1 ? s.fuse(...spatial) : spatial[0];
  // First, as threads that have no result leave out no part of this loop.
  if (epilogue) {
    s.reverseComputeAt(epilogue, fused);
    s.setScope(block, 0, "local");
  }
  spread(s, fused, 1, threads);
  return true;
}

/** The loops of a reduction whose nest has one for each axis. */
function partsOf(s: Schedule, block: BlockRV): { spatial: LoopRV[]; reduce: LoopRV[] } | undefined {
  const { axes } = s.get(block);
  const loops = s.getLoops(block);
  const spatial = loops.filter((_, i) => axes[i].type === "S");
  if (loops.length !== axes.length || spatial.length === 0) return;
  return { spatial, reduce: loops.filter((_, i) => axes[i].type === "R") };
}

/** Neighbouring results of one thread, which load what their windows share once. */
const NEIGHBOURS = [4, 7, 2, 3];

/** A few neighbouring results for each thread, in variables; windows written out, of longer sums a few steps. */
function inVariables(s: Schedule, block: BlockRV, machine: GpuMachine): boolean {
  const parts = partsOf(s, block);
  if (!parts || parts.reduce.length === 0) return false;
  const { spatial, reduce } = parts;
  const made = epilogueOf(s, block) ?? s.cacheWrite(block, 0, "local");
  s.setScope(block, 0, "local");
  const extents = spatial.map((l) => constInt(s.get(l).extent) ?? 1);
  const enough = product(extents) >= MANY;
  const [last] = extents.slice(-1);
  const few = enough ? (NEIGHBOURS.find((n) => last % n === 0) ?? 1) : 1;
  const [outer, own] = s.split(spatial[spatial.length - 1], [null, few]);
  const groups = [...spatial.slice(0, -1), outer];
  s.reorder(...groups, ...reduce, own);
  const fused = groups.length > 1 ? s.fuse(...groups) : outer;
  s.reverseComputeAt(made, fused);
  s.unroll(own);
  for (const l of s.getLoops(made).slice(1)) s.unroll(l);
  const steps = writeOut(s, reduce, machine);
  spread(s, fused, 1, evenThreads(constInt(s.get(fused).extent) ?? 1));
  s.decomposeReduction(block, steps);
  return true;
}

/** Threads of a workgroup that share so many results evenly, so that none has to ask whether it has one. */
function evenThreads(n: number): number {
  if (n < THREADS) return n;
  for (let t = THREADS; t >= THREADS / 4; t--) if (n % t === 0) return t;
  for (let t = THREADS + 1; t <= MOST_THREADS; t++) if (n % t === 0) return t;
  return THREADS;
}

/** Writes out small windows as a whole, innermost first, and of a longer loop a few steps; gives the outermost loop. */
function writeOut(
  s: Schedule,
  loops: readonly LoopRV[],
  { written, window }: Pick<GpuMachine, "written" | "window">,
): LoopRV {
  let left = window;
  let [outermost] = loops;
  for (const l of [...loops].reverse()) {
    const extent = constInt(s.get(l).extent) ?? Number.POSITIVE_INFINITY;
    if (extent <= left) {
      left = Math.floor(left / extent);
      s.unroll(l);
      continue;
    }
    const few = written.find((n) => extent % n === 0 && n <= left) ?? 1;
    if (few === 1) break;
    const [steps, inner] = s.split(l, [null, few]);
    s.unroll(inner);
    if (l === outermost) outermost = steps;
    break;
  }
  return outermost;
}

/** A workgroup for each result. `among`: the threads that share a row of so many elements; undefined where none can. */
export function together(s: Schedule, block: BlockRV, among: Sharing = sharing): boolean {
  const b = s.get(block);
  const loops = s.getLoops(block);
  if (loops.length !== b.axes.length) return false;
  const spatial = loops.filter((_, i) => b.axes[i].type === "S");
  const reduce = loops.filter((_, i) => b.axes[i].type === "R");
  s.reorder(...spatial, ...reduce);
  const row = reduce.length > 1 ? s.fuse(...reduce) : reduce[0];
  if (spatial.length > 1) s.fuse(...spatial);
  else if (spatial.length === 0) s.addUnitLoop(block);
  const epilogue = epilogueOf(s, block);
  if (!shareRow(s, row, among)) return false;
  const [result] = s.getLoops(block);
  s.bind(result, "blockIdx.x");
  if (epilogue) {
    s.reverseComputeAt(epilogue, result);
    s.setScope(block, 0, "shared");
  }
  return true;
}

export type Sharing = (n: number) => number | ExprRV | undefined;

/** Threads that share a row of so many elements; undefined where it is too short for that. */
function sharing(n: number): number | undefined {
  for (let t = THREADS; t >= THREADS / 4; t /= 2) if (n >= t) return t;
  return undefined;
}

/**
 * Gives the loop of a reduction to threads: neighbours take neighbouring elements, and code generation puts together what
 * each has found. False where the row is too short.
 */
export function shareRow(s: Schedule, row: LoopRV, among: Sharing = sharing): boolean {
  const threads = among(constInt(s.get(row).extent) ?? 1);
  if (threads === undefined) return false;
  const [, mine] = s.split(row, [null, threads]);
  s.bind(mine, "threadIdx.x");
  return true;
}
