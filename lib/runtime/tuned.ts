/** Building with schedules that search has found. */
import { applyDatabase, sequential } from "../graph/passes/index.ts";
import { graphFuncs, type IRModule } from "../ir/index.ts";
import type { Database } from "../tune/database/database.ts";
import { defaultSchedules } from "../tune/default/index.ts";
import { engineName, tuningTarget } from "./tuning-target.ts";
import type { LowerOptions } from "./vm/lower.ts";

/** For which machine schedules are looked up; where the database has none for it, those for others do. */
export interface TunedFor {
  readonly relaxedSimd?: boolean;
  readonly threads?: number;
}

const sourceOf = (database: Database, machine: TunedFor): Parameters<typeof applyDatabase>[0] => {
  const target = tuningTarget(machine);
  return { queryFunc: (f) => database.queryFunc(f, target) };
};

/** The pipeline with the database's schedules where it has some; the others as without it. */
export function tunedPipeline(
  pipeline: LowerOptions = {},
  database: Database | undefined,
  machine: TunedFor = {},
): LowerOptions {
  if (!database) return pipeline;
  const others = pipeline.schedule ?? defaultSchedules(engineName());
  const passes = [applyDatabase(sourceOf(database, machine)), others];
  return { ...pipeline, schedule: sequential(passes, "applyDatabase") };
}

/** A module of tensor programs alone, with the database's schedules. (Others get theirs in the pipeline, after fusion.) */
export function tunedPrograms(mod: IRModule, database: Database | undefined, machine: TunedFor): IRModule {
  const isPlain = Object.keys(graphFuncs(mod)).length === 0;
  return database && isPlain ? applyDatabase(sourceOf(database, machine)).run(mod) : mod;
}
