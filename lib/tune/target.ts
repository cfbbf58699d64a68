/** What schedules are searched for: the machine, as far as it decides which one is best. */
import type { MatrixUnits } from "../schedule/subgroup-matrix.ts";
import { operandLoads } from "./default/tile.ts";

/** The processor, by generated WebAssembly. */
export interface WasmTarget {
  /** The name that `build` knows it by. */
  readonly kind: "wasm";
  /** Fused multiply-add and its kin. */
  readonly relaxedSimd: boolean;
  /** Threads that `parallel` loops are spread over. */
  readonly threads: number;
  /** The engine and its version: "node 24.1.0, V8 13.6". Another engine may keep other values in registers. */
  readonly engine: string;
}

/** Limits of a GPU's adapter that decide what a schedule may be, by their names in the WebGPU specification. */
export interface GpuLimits {
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
  readonly maxComputeWorkgroupSizeZ: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBuffersPerShaderStage: number;
}

/** A GPU, by compute shaders. */
export interface WebgpuTarget {
  readonly kind: "webgpu";
  /** What the driver calls the adapter. */
  readonly adapter: string;
  /** A driver in software, such as SwiftShader: threads without memory of their own kind, and barriers that cost. */
  readonly software: boolean;
  readonly limits: GpuLimits;
  /** Features that generated code may use, by their WebGPU names, in order. */
  readonly features: readonly string[];
  /** What its matrix units do; absent where it has none, or the feature is not switched on. */
  readonly matrix?: MatrixUnits;
  /** Where WebGPU comes from: the version of Node for Dawn, else the browser. */
  readonly engine: string;
}

export type TuningTarget = WasmTarget | WebgpuTarget;

/**
 * How alike two targets are: what was measured on the more similar one is trusted more. Below 0: a schedule for the one is
 * of no use on the other.
 */
export function similarity(a: TuningTarget, b: TuningTarget): number {
  const score = (same: readonly boolean[]): number => same.reduce((n, x) => 2 * n + Number(x), 0);
  if (a.kind === "wasm" && b.kind === "wasm")
    return score([
      a.relaxedSimd === b.relaxedSimd,
      a.threads === b.threads,
      operandLoads(a.engine) === operandLoads(b.engine),
      a.engine === b.engine,
    ]);
  if (a.kind === "webgpu" && b.kind === "webgpu") {
    const features = a.features.join() === b.features.join();
    return score([a.adapter === b.adapter, features, a.engine === b.engine]);
  }
  return -1;
}
