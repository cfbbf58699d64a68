/** Transformations of tensor programs. */

export { ALIGN_KEY, type OutputRef } from "./buffer-properties.ts";
export type { BufferRef } from "./buffer-ref.ts";
export type { ComputeAtOptions } from "./compute-at.ts";
export * from "./conditions.ts";

export * from "./dependencies.ts";
export * from "./error.ts";
export type { LayoutOptions } from "./layout-arguments.ts";
export { PRIMITIVES, type PrimitiveName } from "./primitives.ts";
export { SAMPLERS } from "./samplers.ts";
export { Schedule, type ScheduleOptions } from "./schedule.ts";
export type { Factor, UnitIterOptions } from "./split.ts";
export type { Step } from "./state.ts";
export { type Intrin, TensorIntrin } from "./tensor-intrin.ts";
export { applyTrace, callText, type Decision, type Input, type Instruction, Trace } from "./trace.ts";
export * from "./types.ts";
