/** Building with schedules that search has found. */
import { applyDatabase, sequential } from "../graph/passes/index.ts";
import { graphFuncs, type IRModule } from "../ir/index.ts";
import type { Database } from "../tune/database/database.ts";
import { defaultSchedules } from "../tune/default/index.ts";
import { scheduleForGpu } from "../tune/default-gpu/index.ts";
import { threadsFor } from "./thread-count.ts";
import { engineName, gpuHere, type TunedFor, tuningTarget } from "./tuning-target.ts";
import type { LowerOptions } from "./vm/lower.ts";

export type { TunedFor } from "./tuning-target.ts";

/**
 * The machine is asked for when a program is looked up: which GPU it is, is known when its device was made. Threads are those
 * that a build spreads its loops over: all there are, where it does not say.
 */
const sourceOf = (database: Database, machine: TunedFor): Parameters<typeof applyDatabase>[0] => ({
  queryFunc: (f) =>
    database.queryFunc(f, tuningTarget({ ...machine, threads: threadsFor(machine.threads).count })),
});

/** The pipeline with the database's schedules where it has some; the others as without it. */
export function tunedPipeline(
  pipeline: LowerOptions = {},
  database: Database | undefined,
  machine: TunedFor = {},
): LowerOptions {
  if (!database) return pipeline;
  const byAnalysis = machine.target === "webgpu" ? scheduleForGpu(gpuHere) : defaultSchedules(engineName());
  const others = pipeline.schedule ?? byAnalysis;
  const passes = [applyDatabase(sourceOf(database, machine)), others];
  return { ...pipeline, schedule: sequential(passes, "applyDatabase") };
}

/** A module of tensor programs alone, with the database's schedules. (Others get theirs in the pipeline, after fusion.) */
export function tunedPrograms(mod: IRModule, database: Database | undefined, machine: TunedFor): IRModule {
  const isPlain = Object.keys(graphFuncs(mod)).length === 0;
  return database && isPlain ? applyDatabase(sourceOf(database, machine)).run(mod) : mod;
}
