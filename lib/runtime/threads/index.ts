/** Parallel loops on the cores of the machine: how many threads, and what runs a program's loops on them. */
import type { Spreader } from "../../codegen/wasm/index.ts";
import type { Body } from "./control.ts";
import { chooseThreads, type ThreadOptions } from "./policy.ts";
import { releaseThreads, threadPool } from "./pool.ts";

export { availableThreads, type ThreadCount, type ThreadOptions } from "./policy.ts";
export { releaseThreads, settleThreads } from "./pool.ts";

/**
 * How many threads parallel loops may use from now on, at most: programs built before use no more of them than they were
 * built for. `setThreads(1)` before the first tensor is made keeps memory unshared: programs are as quick either way, but
 * JavaScript copies 2 MB to shared memory in 0.14 ms on Node 24 (unshared 0.05), and loops over `data` take four times as
 * long on Node 20. Without a number: what the environment says (`TILEWRIGHT_THREADS`, else one for each core). Throws a
 * `RangeError` for what is no number of threads.
 */
export function setThreads(count?: number, options: ThreadOptions = {}): void {
  chooseThreads(count, options);
  releaseThreads();
}

/** Runs the parallel loops of programs that were compiled for so many threads. */
export function spreadOver(threads: number): Spreader {
  return ({ exports, ...program }) => {
    let bodies: Body[] | undefined;
    return threadPool().spreader({
      program,
      threads,
      bodies: () => {
        bodies ??= program.bodies.map((name) => exports()[name] as Body);
        return bodies;
      },
    });
  };
}

/** When the workers for so many threads have begun; undefined when there is nothing to wait for. */
export function threadsReady(threads: number): Promise<void> | undefined {
  return threads > 1 ? threadPool().ready(threads) : undefined;
}

/** Why loops run serially though they were compiled for several threads: the workers could not be started. */
export const whyNoWorkers = (): string | undefined => threadPool().broken;
