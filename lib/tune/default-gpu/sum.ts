/**
 * Reductions that are no products. Where there are many results a thread computes each; where there are few over long
 * rows, the threads of a workgroup share a row: each has a part of it, and the parts are put together at the end.
 */
import { constInt, usesVar } from "../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { epilogueOf } from "../default/inline.ts";
import { extentOf, product } from "../default/shape.ts";
import { spread, THREADS } from "./elementwise.ts";

/** With so many results there is a thread for each without sharing rows. */
const MANY = 8192;

export function scheduleSum(sch: Schedule, block: BlockRV): Schedule {
  const b = sch.get(block);
  const extents = (type: string): number[] => b.axes.filter((a) => a.type === type).map(extentOf);
  const [results, steps] = [product(extents("S")), product(extents("R"))];
  const shared = results < MANY && steps >= THREADS ? attempt(sch, (s) => together(s, block)) : sch;
  return shared !== sch ? shared : attempt(sch, (s) => apart(s, block));
}

/** A thread for each result. */
export function apart(s: Schedule, block: BlockRV, threads: number | ExprRV = THREADS): boolean {
  const b = s.get(block);
  const loops = s.getLoops(block);
  if (loops.length !== b.axes.length) return false;
  const epilogue = epilogueOf(s, block);
  const spatial = loops.filter((_, i) => b.axes[i].type === "S");
  const reduce = loops.filter((_, i) => b.axes[i].type === "R");
  if (spatial.length === 0) return false;
  s.reorder(...spatial, ...reduce);
  const fused = spatial.length > 1 ? s.fuse(...spatial) : spatial[0];
  spread(s, fused, 1, threads);
  if (epilogue) {
    const [, inner] = s.getLoops(block);
    s.reverseComputeAt(epilogue, inner);
    s.setScope(block, 0, "local");
  }
  return true;
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
  const part = partialSums(s, row, among);
  if (!part) return false;
  const [result] = s.getLoops(block);
  s.computeAt(part, result);
  s.bind(result, "blockIdx.x");
  if (epilogue) {
    s.reverseComputeAt(epilogue, result);
    s.setScope(block, 0, "shared");
  }
  shareParts(s, part, 1);
  return true;
}

export type Sharing = (n: number) => number | ExprRV | undefined;

/** Threads that get the same share of a row of so many elements; undefined where there is no number of them worth it. */
function sharing(n: number): number | undefined {
  for (let t = THREADS; t >= THREADS / 4; t--) if (n % t === 0) return t;
  return undefined;
}

/** Makes a row's sum the sum of parts, one for each thread; undefined where they come out uneven. */
export function partialSums(s: Schedule, row: LoopRV, among: Sharing = sharing): BlockRV | undefined {
  const threads = among(constInt(s.get(row).extent) ?? 1);
  if (threads === undefined) return undefined;
  const [, mine] = s.split(row, [null, threads]);
  return s.rfactor(mine, 0);
}

/** The parts in the memory of the workgroup, one computed by each thread. `depth`: loops around that are there already. */
export function shareParts(s: Schedule, part: BlockRV, depth: number): void {
  s.setScope(part, 0, "shared");
  const own = s.getLoops(part).slice(depth);
  // The parts are the first axis of their block: the loop that drives it is the threads.
  const first = s.get(part).axes[0].binding;
  const lanes = own.find((l) => usesVar(first, new Set([s.get(l).v.id])));
  if (!lanes) return;
  s.reorder(lanes, ...own.filter((l) => l.id !== lanes.id));
  s.bind(lanes, "threadIdx.x");
}
