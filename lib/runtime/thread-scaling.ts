/** How much faster a program becomes with more threads. */
import type { BaseFunc, IRModule } from "../ir/index.ts";
import { type BuildOptions, build } from "./build.ts";
import { compare, type Executable, type KernelArg } from "./executable.ts";
import { availableThreads } from "./threads/index.ts";
import type { TimeOptions, Timing } from "./timing.ts";

export interface ScalingOptions extends Omit<TimeOptions, "name"> {
  /** The numbers of threads. Default: 1, 2, 4, … and all there are. */
  readonly counts?: readonly number[];
  /** How the program is built beside that. */
  readonly build?: Omit<BuildOptions, "threads" | "target">;
}

/**
 * One function of a program with several numbers of threads, measured in turns: the timings are called "1 thread",
 * "2 threads", …, the first is what the others are compared with in `speedPlot` and `timingTable`. Where there is one thread
 * alone (`availableThreads()` says why) there is one timing. Throws a `RangeError` for numbers that are no numbers of threads,
 * or of more than there are.
 */
export async function threadScaling(
  program: IRModule | BaseFunc,
  func: string,
  args: readonly KernelArg[],
  options: ScalingOptions = {},
): Promise<Timing[]> {
  const { counts, build: how, ...time } = options;
  const { count: most, reason } = availableThreads();
  const asked = counts ?? doublings(most);
  const over = asked.find((n) => n > most);
  if (over !== undefined)
    throw new RangeError(`threadScaling: ${over} threads; there are ${most}${reason ? ` (${reason})` : ""}`);
  if (asked.length === 0) throw new RangeError("threadScaling: at least one number of threads is needed");
  const variants: Record<string, Executable> = {};
  try {
    for (const n of asked)
      variants[`${n} thread${n === 1 ? "" : "s"}`] = await build(program, { ...how, threads: n });
    return await compare(variants, func, args, time);
  } finally {
    for (const lib of Object.values(variants)) lib.dispose();
  }
}

/** 1, 2, 4, … below a number, and the number. */
function doublings(most: number): number[] {
  const out = [];
  for (let n = 1; n < most; n *= 2) out.push(n);
  return [...out, most];
}
