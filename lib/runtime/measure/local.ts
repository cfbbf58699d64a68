/** Measuring in this thread: for pages and tests. A candidate that hangs hangs this thread. */
import type { Measurer, MeasurerOptions } from "../../tune/measure.ts";
import { tuningTarget } from "../tuning-target.ts";
import { CandidateRunner } from "./candidate.ts";

export function localMeasurer(options: MeasurerOptions = {}): Measurer {
  const target = tuningTarget(options);
  const runner = new CandidateRunner({ relaxedSimd: target.relaxedSimd, threads: target.threads });
  return {
    target,
    measure: (request) => runner.measure(request),
    dispose: async () => runner.dispose(),
  };
}
