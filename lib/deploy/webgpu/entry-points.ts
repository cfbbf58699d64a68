/** The entry points of a bundle for WebGPU, lowered and divided into steps: kernels, what runs on the CPU, copies. */
import { DEFAULT_LIMITS } from "../../codegen/wgsl/index.ts";
import { applyDatabase, sequential } from "../../graph/passes/index.ts";
import type { Pass } from "../../graph/passes/pass.ts";
import type { VmProgram } from "../../graph/vm-code.ts";
import { getGraphFunc, getPrimFunc, type PrimFunc } from "../../ir/index.ts";
import { gpuTarget } from "../../runtime/tuning-target.ts";
import { allSteps, type GpuLinked, type GpuStep } from "../../runtime/vm/gpu/gpu-steps.ts";
import { GpuKernels, type GpuTraits } from "../../runtime/vm/gpu/kernels.ts";
import { link, obstacle } from "../../runtime/vm/gpu/link.ts";
import { gpuMachine, scheduleForGpu } from "../../tune/default-gpu/index.ts";
import { refuseDeploy } from "../error.ts";
import { lowerWhole } from "../lower.ts";
import { type InputPort, inputsOf, outputsOf, type Port } from "../ports.ts";
import type { BundleEntry, BundleOptions } from "../types.ts";

/** Buffers may be as large as WGSL's 32-bit indices reach: a bundle asks the device for what it needs beyond the default. */
const MOST_BYTES = 2 ** 31 - 4;

/** What code is generated for: what every device has, but for sizes of buffers, and features that were asked for. */
const traitsFor = ({ shaderF16 }: BundleOptions): GpuTraits => ({
  limits: { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: MOST_BYTES, maxBufferSize: MOST_BYTES },
  features: new Set(shaderF16 ? ["shader-f16"] : []),
});

export interface EntryPoint {
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly Port[];
  readonly program: VmProgram;
  readonly linked: GpuLinked;
  /** A tensor program as it was before it got a schedule for the GPU. */
  plain(name: string): PrimFunc;
}

/** The schedules of a database that every device can run; the others by analysis. */
function scheduleFor({ database, pipeline }: BundleOptions): Pass {
  const others = pipeline?.schedule ?? scheduleForGpu(() => gpuMachine());
  if (!database) return others;
  const found = applyDatabase({ queryFunc: (f) => database.queryFunc(f, gpuTarget()) });
  return sequential([found, others], "applyDatabase");
}

/** Throws a `DeployError` where sizes depend on data. */
export function entryPoint(
  { module, func = "main", fixed = [] }: BundleEntry,
  options: BundleOptions,
): EntryPoint {
  const inputs = inputsOf(module, func, new Set(fixed));
  const lowered = lowerWhole(module, func, { ...options.pipeline, schedule: scheduleFor(options) });
  const why = obstacle(lowered.program, func);
  if (why !== undefined)
    refuseDeploy(`${why}, which a bundle for webgpu cannot have: make one with --target wasm`);
  const traits = traitsFor(options);
  return {
    inputs,
    outputs: outputsOf(getGraphFunc(module, func), getGraphFunc(lowered.module, func)),
    program: lowered.program,
    linked: link(lowered.program, func, new GpuKernels(lowered.module, traits), traits),
    plain: (name) => lowered.unscheduled.get(name) ?? getPrimFunc(lowered.module, name),
  };
}

export type StepOf<Kind extends GpuStep["kind"]> = Extract<GpuStep, { kind: Kind }>;

export const stepsOf = <Kind extends GpuStep["kind"]>(linked: GpuLinked, kind: Kind): StepOf<Kind>[] =>
  allSteps(linked.steps).filter((s): s is StepOf<Kind> => s.kind === kind);
