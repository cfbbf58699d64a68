/** The machine, as far as it decides which schedule is best. */
import type { TuningTarget } from "../tune/target.ts";
import { features } from "./features.ts";
import { threadsFor } from "./thread-count.ts";

/** The machine and engine this runs on; `options` ask for less than they have. */
export function tuningTarget(
  options: { readonly relaxedSimd?: boolean; readonly threads?: number } = {},
): TuningTarget {
  return {
    kind: "wasm",
    relaxedSimd: options.relaxedSimd ?? features().relaxedSimd,
    threads: threadsFor(options.threads ?? 1).count,
    engine: engineName(),
  };
}

/** The engine that this runs in, as it names itself. */
export function engineName(): string {
  const versions = typeof process === "object" ? process.versions : undefined;
  if (versions?.node !== undefined) return `node ${versions.node}, V8 ${versions.v8}`;
  return typeof navigator === "object" ? navigator.userAgent : "unknown";
}
