/** Blocks without a reduction: a thread for every four neighbours in memory where they are neighbours, else for each. */
import type { BlockRV, Schedule } from "../../schedule/index.ts";
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
    const b = s.get(block);
    const loops = s.getLoops(block);
    if (loops.length === 0 || loops.length !== b.axes.length) return false;
    const last = extentOf(b.axes[b.axes.length - 1]);
    const straight = walksStraight(b) ? product(b.axes.map(extentOf)) : last;
    const vectors = contiguous(b) && straight % LANES === 0;
    spread(s, loops.length > 1 ? s.fuse(...loops) : loops[0], vectors);
    return true;
  });
}

/** A loop over workgroups and their threads; each thread has one iteration, or a vector of them. */
export function spread(s: Schedule, loop: ReturnType<Schedule["fuse"]>, vectors: boolean): void {
  if (!vectors) {
    const [outer, inner] = s.split(loop, [null, THREADS]);
    s.bind(outer, "blockIdx.x");
    s.bind(inner, "threadIdx.x");
    return;
  }
  const [outer, inner, lanes] = s.split(loop, [null, THREADS, LANES]);
  s.bind(outer, "blockIdx.x");
  s.bind(inner, "threadIdx.x");
  s.vectorize(lanes);
}
