/** How many threads a program is compiled for. */
import { cpuMemory } from "./memory.ts";
import { availableThreads, type ThreadCount } from "./threads/index.ts";
import { checkCount } from "./threads/policy.ts";

/** `asked`: the option `threads` of a build; all there are where nothing was asked. Throws a `RangeError` for no number. */
export function threadsFor(asked: number | undefined): ThreadCount {
  if (asked !== undefined) checkCount(asked, "the number of threads");
  if (asked === 1) return { count: 1, reason: "one thread was asked for" };
  const there = availableThreads();
  if (there.count > 1 && !cpuMemory().isShared) {
    const reason =
      "memory was in use before there were threads: call setThreads before the first tensor is made";
    return { count: 1, reason };
  }
  if (asked === undefined || asked > there.count) return there;
  return { count: asked, reason: `${asked} were asked for` };
}
