/** Measuring in this thread: for pages and tests. A candidate that hangs hangs this thread. */
import type { Measurer, MeasurerOptions } from "../../tune/measure.ts";
import type { TuningTarget } from "../../tune/target.ts";
import { features } from "../features.ts";
import { threadsFor } from "../thread-count.ts";
import { CandidateRunner } from "./candidate.ts";

/** The machine and engine this runs on, as far as it decides which schedule is best. */
export function tuningTarget(options: MeasurerOptions = {}): TuningTarget {
  return {
    kind: "wasm",
    relaxedSimd: options.relaxedSimd ?? features().relaxedSimd,
    threads: threadsFor(options.threads ?? 1).count,
    engine: engineName(),
  };
}

function engineName(): string {
  const versions = typeof process === "object" ? process.versions : undefined;
  if (versions?.node !== undefined) return `node ${versions.node}, V8 ${versions.v8}`;
  return typeof navigator === "object" ? navigator.userAgent : "unknown";
}

export function localMeasurer(options: MeasurerOptions = {}): Measurer {
  const target = tuningTarget(options);
  const runner = new CandidateRunner({ relaxedSimd: target.relaxedSimd, threads: target.threads });
  return {
    target,
    measure: (request) => runner.measure(request),
    dispose: async () => runner.dispose(),
  };
}
