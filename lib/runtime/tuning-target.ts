/** The machine, as far as it decides which schedule is best. */
import { DEFAULT_LIMITS } from "../codegen/wgsl/index.ts";
import { type GpuMachine, gpuMachine } from "../tune/default-gpu/machine.ts";
import type { TuningTarget, WasmTarget, WebgpuTarget } from "../tune/target.ts";
import type { Target } from "./backend.ts";
import { features } from "./features.ts";
import { threadsFor } from "./thread-count.ts";
import { type GpuDevice, gpuDeviceNow } from "./webgpu/device.ts";

/** For which machine schedules are looked up; where there is none for it, those for others of its kind do. */
export interface TunedFor {
  /** Default "wasm". */
  readonly target?: Target;
  /** Of "wasm": less than the machine has. */
  readonly relaxedSimd?: boolean;
  readonly threads?: number;
}

/** The machine at hand, as far as it is known without waiting for it: see `gpuTarget`. */
export const tuningTarget = (options: TunedFor = {}): TuningTarget =>
  options.target === "webgpu" ? gpuTarget(gpuDeviceNow()) : wasmTarget(options);

/** What default schedules suppose of the GPU in use; of a real one while there is none. */
export const gpuHere = (): GpuMachine => gpuMachine(gpuTarget(gpuDeviceNow()));

/** A GPU's device; without one, what every adapter has. */
export function gpuTarget(device?: GpuDevice): WebgpuTarget {
  const limits = device?.limits ?? DEFAULT_LIMITS;
  const { description, vendor, architecture } = device?.adapter ?? {
    description: "unknown",
    vendor: "",
    architecture: "",
  };
  return {
    kind: "webgpu",
    adapter: description || [vendor, architecture].filter((x) => x !== "").join(" ") || "unknown",
    software: device?.adapter.fallback ?? false,
    limits: {
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupSizeY: limits.maxComputeWorkgroupSizeY,
      maxComputeWorkgroupSizeZ: limits.maxComputeWorkgroupSizeZ,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    },
    features: [...(device?.features ?? [])].sort(),
    ...(device?.matrix && { matrix: device.matrix }),
    engine: engineName(),
  };
}

/** The processor and engine this runs on. */
export function wasmTarget(options: Pick<TunedFor, "relaxedSimd" | "threads"> = {}): WasmTarget {
  return {
    kind: "wasm",
    relaxedSimd: options.relaxedSimd ?? features().relaxedSimd,
    threads: threadsFor(options.threads ?? 1).count,
    engine: engineName(),
  };
}

/** The engine that this runs in, as it names itself. */
export function engineName(): string {
  const versions = typeof process === "object" ? process.versions : undefined;
  if (versions?.node !== undefined) return `node ${versions.node}, V8 ${versions.v8}`;
  return typeof navigator === "object" ? navigator.userAgent : "unknown";
}
