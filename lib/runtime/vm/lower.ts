/** From a graph-level function with known sizes to code: the pipeline of lib/graph, with the schedules of lib/tune. */
import { type Lowered, lowerGraph, type PipelineOptions } from "../../graph/pipeline.ts";
import type { IRModule } from "../../ir/index.ts";
import { applyDefaultSchedule } from "../../tune/default/index.ts";

/** What users may change of the pipeline. Without a schedule of theirs, programs get one by analysis. */
export type LowerOptions = Omit<PipelineOptions, "entry" | "sizes">;

/** `sizes`: values of the function's symbolic sizes by the id of their variable. */
export function lowerFunction(
  mod: IRModule,
  entry: string,
  sizes: ReadonlyMap<number, number>,
  options: LowerOptions = {},
): Lowered {
  return lowerGraph(mod, { schedule: applyDefaultSchedule, winograd: true, ...options, entry, sizes });
}
