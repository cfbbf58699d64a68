/** Blocks without a reduction: a thread for every four neighbours in memory where they are neighbours, else for each. */
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { contiguous, walksStraight } from "../default/elementwise.ts";
import { extentOf, product } from "../default/shape.ts";

/** A multiple of what GPUs run in lockstep, and small enough for every adapter. */
export const THREADS = 64;
/** Elements of one access of memory: vec4. */
export const LANES = 4;

/** Binds the loops of a block all of whose axes are spatial. */
export function scheduleElementwiseGpu(sch: Schedule, block: BlockRV): Schedule {
  return attempt(sch, (s) => {
    const loop = oneWalk(s, block);
    if (!loop) return false;
    spread(s, loop, neighbours(s, block) % LANES === 0 ? LANES : 1);
    return true;
  });
}

/** The loops of a block as one; undefined where they are not those of its axes. */
export function oneWalk(s: Schedule, block: BlockRV): LoopRV | undefined {
  const loops = s.getLoops(block);
  if (loops.length === 0 || loops.length !== s.get(block).axes.length) return undefined;
  return loops.length > 1 ? s.fuse(...loops) : loops[0];
}

/** Elements that lie side by side in everything that a block touches; 1 where they do not. */
export function neighbours(s: Schedule, block: BlockRV): number {
  const b = s.get(block);
  if (!contiguous(b)) return 1;
  return walksStraight(b) ? product(b.axes.map(extentOf)) : extentOf(b.axes[b.axes.length - 1]);
}

/** A loop over workgroups and so many threads in each; a thread has one iteration, or a vector of them. */
export function spread(
  s: Schedule,
  loop: LoopRV,
  lanes: number | ExprRV,
  threads: number | ExprRV = THREADS,
): void {
  const [outer, inner, vector] = s.split(loop, lanes === 1 ? [null, threads] : [null, threads, lanes]);
  s.bind(outer, "blockIdx.x");
  s.bind(inner, "threadIdx.x");
  if (vector) s.vectorize(vector);
}
