/** Search for schedules: spaces, a learned cost model, records. */
export {
  type Database,
  MemoryDatabase,
  UnionDatabase,
} from "./database/database.ts";
export { type ReadRecords, readRecords, recordLine } from "./database/lines.ts";
export { openDatabase } from "./database/open.ts";
export { costOf, type TuningRecord, type Workload, workloadOf } from "./database/record.ts";
export { applyDefaultSchedule, defaultSchedule, scheduleOf } from "./default/index.ts";
export { FEATURES, featuresOf } from "./features/stores.ts";
export {
  type MeasureLimits,
  type MeasureRequest,
  type Measurer,
  type MeasurerOptions,
  type Outcome,
  type Status,
  setMeasurer,
} from "./measure.ts";
export { BoostedTrees } from "./model/boosting.ts";
export { CostModel } from "./model/cost-model.ts";
export { MUTATORS, mutateTrace } from "./mutators.ts";
export { POSTPROCS } from "./postprocs.ts";
export type { Progress, TaskProgress, Trial } from "./progress.ts";
export { STRATEGIES, type StrategyName } from "./search/strategies.ts";
export { postOrderSpace } from "./space/post-order.ts";
export { RULES, type Rule } from "./space/rules.ts";
export { type ScheduleFunction, type Space, scheduleFunction, unionSpace } from "./space/space.ts";
export type { GpuLimits, TuningTarget, WasmTarget, WebgpuTarget } from "./target.ts";
export { type ExtractedTask, extractTasks } from "./tasks.ts";
export { compileTir, randomSearch, TuneError, type TuneOptions, tuneModel, tuneTir } from "./tune.ts";
export { watchSearches } from "./watch.ts";
