/** How many threads a workgroup has: drawn, where a default has a fixed number. */
import type { BlockRV, ExprRV, Schedule } from "../../../schedule/index.ts";
import { WORKLOAD_FUNC } from "../../database/record.ts";
import { LANES, neighbours, oneWalk, spread } from "../../default-gpu/elementwise.ts";
import { chain } from "../../default-gpu/rows.ts";
import { apart, type Sharing, together } from "../../default-gpu/sum.ts";
import { type Draw, drawNumber } from "../draw.ts";

/** What GPUs run in lockstep is 8 to 64 threads; every adapter has workgroups of 256, and some have more. */
const THREADS = [16, 32, 64, 128, 256, 512, 1024];

export const threadsDrawn = (sch: Schedule): ExprRV =>
  drawNumber(
    sch,
    THREADS.map((n) => [n, n > 256 ? 0.2 : 1]),
  );

/** Threads that share a row, at most one for each element, drawn. */
const sharingDrawn =
  (sch: Schedule): Sharing =>
  (n) => {
    const fits = THREADS.filter((t) => t <= n);
    return fits.length === 0
      ? undefined
      : drawNumber(
          sch,
          fits.map((t) => [t, t > 256 ? 0.2 : 1]),
        );
  };

/** Blocks without a reduction: a thread for each element, or for a vector of them. */
export function gpuElementwise(sch: Schedule, block: BlockRV, _: Draw): Schedule | undefined {
  const wide = neighbours(sch, block) % LANES === 0;
  const loop = oneWalk(sch, block);
  if (!loop) return undefined;
  const lanes = wide
    ? drawNumber(sch, [
        [LANES, 3],
        [1, 1],
      ])
    : 1;
  spread(sch, loop, lanes !== 1 && sch.get(lanes) === 1 ? 1 : lanes, threadsDrawn(sch));
  return sch;
}

/** Reductions: a thread for each result. */
export const gpuApart = (sch: Schedule, block: BlockRV, _: Draw): Schedule | undefined =>
  apart(sch, block, threadsDrawn(sch)) ? sch : undefined;

/** Reductions: the threads of a workgroup share a row. */
export const gpuTogether = (sch: Schedule, block: BlockRV, _: Draw): Schedule | undefined =>
  together(sch, block, sharingDrawn(sch)) ? sch : undefined;

/** Programs of several blocks over the same rows: a workgroup has a row, which stays in its memory. */
export const gpuRows = (sch: Schedule): Schedule | undefined =>
  chain(sch, WORKLOAD_FUNC, { walk: threadsDrawn(sch), sum: sharingDrawn(sch) }) ? sch : undefined;
