/** From a graph-level function with known sizes to code: the pipeline of lib/graph, with the schedules of lib/tune. */

import type { Pass } from "../../graph/passes/pass.ts";
import { type Lowered, lowerGraph, type PipelineOptions } from "../../graph/pipeline.ts";
import { type IRModule, type PrimFunc, primFuncs } from "../../ir/index.ts";
import { defaultSchedules } from "../../tune/default/index.ts";
import { engineName } from "../tuning-target.ts";

/** What users may change of the pipeline. Without a schedule of theirs, programs get one by analysis, for this engine. */
export type LowerOptions = Omit<PipelineOptions, "entry" | "sizes">;

/**
 * `sizes`: values of the function's symbolic sizes by the id of their variable. `unscheduled`: the programs as they were
 * before they got schedules, by name.
 */
export function lowerFunction(
  mod: IRModule,
  entry: string,
  sizes: ReadonlyMap<number, number>,
  options: LowerOptions = {},
): Lowered & { readonly unscheduled: ReadonlyMap<string, PrimFunc> } {
  let unscheduled: ReadonlyMap<string, PrimFunc> = new Map();
  const { name, run } = options.schedule ?? defaultSchedules(engineName());
  const schedule: Pass = {
    name,
    run: (m) => {
      unscheduled = new Map(Object.entries(primFuncs(m)));
      return run(m);
    },
  };
  const lowered = lowerGraph(mod, { winograd: true, ...options, schedule, entry, sizes });
  return { ...lowered, unscheduled };
}
