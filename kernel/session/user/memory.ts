// How much memory the process that runs cells may take. JavaScript's own heap has a limit in V8; buffers, WebAssembly
// memories and native code have none, and would take the machine with them.
import { writeFileSync } from "node:fs";
import os from "node:os";

/** The part of the machine's or the container's memory that a session may take. */
const share = 0.8;

/** The part of it that is to stay free, where the session has a good part of the rest itself. */
const reserve = 0.02;
const goodPart = 0.25;

const units: { [letter: string]: number } = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** The memory there is: the machine's, or less where the process is confined to a control group. */
export function totalMemory(): number {
  const confined = process.constrainedMemory?.() ?? 0;
  return confined > 0 ? Math.min(os.totalmem(), confined) : os.totalmem();
}

/**
 * The limit in bytes: `TILEWRIGHT_MEMORY_LIMIT` as bytes (`6000000000`, `512M`, `6G`), as a part of the memory there is
 * (`50%`), or `off`. Anything else counts as not given.
 */
export function memoryLimit(text: string | undefined, total: number): number {
  if (text === "off") return Number.POSITIVE_INFINITY;
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]|%)?i?B?\s*$/i.exec(text ?? "") ?? [];
  const value = Number(number) * (unit === "%" ? total / 100 : units[unit.toUpperCase()]!);
  return value > 0 ? value : share * total;
}

/** Says why the process must end when it takes too much memory, else undefined. */
export function excess(limit: number, total: number): string | undefined {
  const used = process.memoryUsage.rss();
  if (used > limit)
    return `it takes ${gigabytes(used)} and may take ${gigabytes(limit)} (TILEWRIGHT_MEMORY_LIMIT)`;
  if (limit === Number.POSITIVE_INFINITY || used < goodPart * total) return undefined;
  const left = process.availableMemory?.() ?? os.freemem();
  return left < reserve * total
    ? `it takes ${gigabytes(used)}, and the machine has ${gigabytes(left)} left`
    : undefined;
}

/** Tells Linux which process to end first when memory runs out all the same: this one, not a server or a browser. */
export function volunteer(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "500");
  } catch {
    // Another system, or one that does not allow it.
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
