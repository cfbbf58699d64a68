/** What bundles are made of, and what is made. */
import type { IRModule } from "../ir/index.ts";
import type { LowerOptions } from "../runtime/vm/lower.ts";
import type { Database } from "../tune/database/database.ts";
import type { Port } from "./ports.ts";

/** What a bundle runs on: WebAssembly, or WebGPU with WebAssembly for what has no form there. */
export type BundleTarget = "wasm" | "webgpu";

/** A module for certain sizes: those of `func`'s parameters are numbers. Sizes that depend on data stay open. */
export interface BundleEntry {
  readonly module: IRModule;
  /** The graph-level function. Default: `main`. */
  readonly func?: string;
  /** Inputs by name that the module knows the value of: the bundle does not take them. */
  readonly fixed?: readonly string[];
}

export interface BundleOptions {
  /** Default: `wasm`. */
  readonly target?: BundleTarget;
  /** What the model is called in the files. */
  readonly name?: string;
  /** Store f32 weights as f16. */
  readonly f16?: boolean;
  /** Use relaxed SIMD. Off unless asked for: not every browser has it. */
  readonly relaxedSimd?: boolean;
  /**
   * For "wasm": how many threads share the loops at most; `load` starts no more workers than there are other cores. Default 1:
   * the bundle has nothing for threads.
   */
  readonly threads?: number;
  /** For "webgpu": compute f16 tensors on the GPU. The bundle then needs a device with `shader-f16`. */
  readonly shaderF16?: boolean;
  /** Changes to the pipeline: passes of one's own, a recorder, other schedules. */
  readonly pipeline?: LowerOptions;
  /** Schedules that search has found. */
  readonly database?: Database;
}

export interface BundleFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Bytes after gzip. */
  readonly gzip: number;
}

/** What a bundle for WebGPU asks of a device, and what of it does not run there. */
export interface GpuManifest {
  readonly features: readonly string[];
  /** Limits above those that every device has, by their names in the WebGPU specification. */
  readonly limits: Readonly<Record<string, number>>;
  /** Bytes of the buffers on the device, weights included. */
  readonly memoryBytes: number;
  /** Steps that run on the CPU, and why: a line for each. */
  readonly onTheCpu: readonly string[];
}

export interface Manifest {
  readonly format: "tilewright-bundle";
  readonly version: 1;
  readonly model: string;
  readonly target: BundleTarget;
  readonly entries: readonly { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }[];
  /** Memory of WebAssembly in the running model, weights included. */
  readonly memoryBytes: number;
  readonly gpu?: GpuManifest;
  /** Library functions that the model calls: `load({ functions })` takes them. */
  readonly functions: readonly string[];
  readonly weights: readonly { readonly dtype: string; readonly count: number; readonly bytes: number }[];
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly gzip: number }[];
}

export interface Bundle {
  readonly files: readonly BundleFile[];
  readonly manifest: Manifest;
}

/** What a target makes of the entry points: the files without the manifest, and what goes into that. */
export interface Made extends Pick<Manifest, "entries" | "memoryBytes" | "functions" | "weights" | "gpu"> {
  readonly parts: readonly (readonly [name: string, bytes: Uint8Array])[];
}
