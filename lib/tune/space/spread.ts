/**
 * Threads: which of the loops around a block are fused, and into how many jobs they are cut. Which loops they are is in the
 * trace as calls; how many jobs is a decision, which search changes. One job is the decision for one thread.
 *
 * Rules call this before they decompose the reduction: then the primitive `parallel` can tell whether it is legal.
 */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { type Draw, oneOf } from "./draw.ts";

/** Loops that jobs may begin at: each round of those outside wakes the threads again. */
const MOST_OUTSIDE = 2;
/** Jobs for each thread up to which they are drawn often: more even out what else a machine does. */
const JOBS_EACH = 16;
/** How often jobs are drawn that leave the work to one thread, and those that are many. */
const ALONE = 0.05;
const MANY = 0.3;

/**
 * Draws how the loops around a block are shared among the threads of the target. With one thread nothing is drawn; where no
 * loop may be shared, the schedule stays as it is.
 */
export function spread(sch: Schedule, block: BlockRV, d: Draw): void {
  if (d.threads < 2) return;
  const loops = sch.getLoops(block);
  const forms: (readonly [readonly LoopRV[], number])[] = [];
  for (let start = 0; start < loops.length && start <= MOST_OUTSIDE; start++) {
    if (sch.get(loops[start]).loopKind !== "serial") break;
    let n = 1;
    for (let end = start; end < loops.length; end++) {
      const extent = constInt(sch.get(loops[end]).extent);
      const some = loops.slice(start, end + 1);
      if (!extent || sch.get(loops[end]).loopKind !== "serial" || !mayShare(sch, some)) break;
      n *= extent;
      if (n > 1) forms.push([some, balance(n, d.threads) / (some.length * (1 + 4 * start))]);
    }
  }
  if (forms.length === 0) return;
  const shared = fused(sch, oneOf(d, forms));
  const n = constInt(sch.get(shared).extent) ?? 1;
  const jobs = oneOf(
    d,
    divisorsOf(n).map((j) => [j, weightOf(j, d.threads)] as const),
  );
  const [outer] = sch.split(
    shared,
    sch.samplePerfectTile(shared, 2, Number.MAX_SAFE_INTEGER, [jobs, n / jobs]),
  );
  sch.parallel(outer);
}

const fused = (sch: Schedule, loops: readonly LoopRV[]): LoopRV =>
  loops.length > 1 ? sch.fuse(...loops) : loops[0];

function mayShare(sch: Schedule, loops: readonly LoopRV[]): boolean {
  return attempt(sch, (s) => void s.parallel(fused(s, loops))) !== sch;
}

/** The part of the time for which threads are busy with so many equal jobs. */
const balance = (jobs: number, threads: number): number => jobs / (Math.ceil(jobs / threads) * threads);

const weightOf = (jobs: number, threads: number): number =>
  jobs === 1 ? ALONE : balance(jobs, threads) ** 4 * (jobs > JOBS_EACH * threads ? MANY : 1);

const divisorsOf = (n: number): number[] =>
  Array.from({ length: Math.floor(Math.sqrt(n)) }, (_, i) => i + 1)
    .filter((i) => n % i === 0)
    .flatMap((i) => (i * i === n ? [i] : [i, n / i]))
    .sort((a, b) => a - b);
