/** How many threads there are for parallel loops, and why not more. */
import { host } from "./host.ts";
import type { Host } from "./platform.ts";

export interface ThreadCount {
  /** Threads that share the iterations of parallel loops, this one among them. 1: loops run serially. */
  readonly count: number;
  /** Why there are not more. */
  readonly reason?: string;
}

export interface ThreadOptions {
  /** Allows more threads than cores. They only wait for each other; for tests. */
  readonly oversubscribe?: boolean;
}

let setting: (ThreadOptions & { readonly count: number }) | undefined;
let decided: ThreadCount | undefined;
let platform: Host | undefined;

export function currentHost(): Host {
  platform ??= host();
  return platform;
}

/** Throws a `RangeError` unless it is a number of threads. */
export function checkCount(count: number, what: string): number {
  if (Number.isInteger(count) && count >= 1) return count;
  throw new RangeError(`${what} is a whole number of at least 1, got ${count}`);
}

/** What `setThreads` says from now on; undefined: as if it had not been called. */
export function chooseThreads(count: number | undefined, options: ThreadOptions = {}): void {
  setting =
    count === undefined ? undefined : { ...options, count: checkCount(count, "setThreads: the number") };
  decided = undefined;
}

/**
 * How many threads this realm may use: those of `setThreads`, of the environment variable `TILEWRIGHT_THREADS`, or one
 * for each core, and never more than there are cores.
 */
export function availableThreads(): ThreadCount {
  decided ??= decide();
  return decided;
}

function decide(): ThreadCount {
  const impossible = whyNoSharing();
  if (impossible) return { count: 1, reason: impossible };
  const { cores, refuses, asked } = currentHost();
  if (!setting && refuses) return { count: 1, reason: refuses };
  const [wanted, who] = setting
    ? [setting.count, `setThreads(${setting.count})`]
    : asked === undefined
      ? [cores, undefined]
      : [checkCount(Number(asked), "TILEWRIGHT_THREADS"), `TILEWRIGHT_THREADS is ${asked}`];
  const count = setting?.oversubscribe ? wanted : Math.min(wanted, cores);
  if (count === 1 && cores === 1) return { count, reason: "there is one core" };
  if (count < wanted) return { count, reason: `there are ${cores} cores` };
  return who === undefined ? { count } : { count, reason: who };
}

/** Why memory cannot be shared between threads here. */
function whyNoSharing(): string | undefined {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (isolated === false) {
    return (
      "the page is not cross-origin isolated: serve it with the headers Cross-Origin-Opener-Policy: same-origin and " +
      "Cross-Origin-Embedder-Policy: require-corp"
    );
  }
  return typeof SharedArrayBuffer === "undefined" ? "there is no SharedArrayBuffer here" : undefined;
}
