/** Measuring in this thread: for pages and tests. A candidate that hangs hangs this thread. */
import type { Measurer, MeasurerOptions } from "../../tune/measure.ts";
import { CandidateRunner } from "./candidate.ts";
import { machineFor } from "./machine.ts";

/** Throws where there is no such machine. */
export async function localMeasurer(options: MeasurerOptions = {}): Promise<Measurer> {
  const machine = machineFor(options);
  const target = await machine.tuningTarget();
  const runner = new CandidateRunner(machine);
  return {
    target,
    measure: (request) => runner.measure(request),
    dispose: async () => runner.dispose(),
  };
}
