/** WebAssembly of a module for this machine: its SIMD, its memory, its threads. */
import { compileWasm, hasRelaxedDot, type Spreader, type WasmModule } from "../codegen/wasm/index.ts";
import type { IRModule } from "../ir/index.ts";
import { features } from "./features.ts";
import { cpuMemory, type DeviceMemory } from "./memory.ts";
import { threadsFor } from "./thread-count.ts";
import { spreadOver, type ThreadCount, threadsReady, whyNoWorkers } from "./threads/index.ts";

export interface WasmCodeOptions {
  /** Fused multiply-add and its kin. Default: where the engine has it. */
  readonly relaxedSimd?: boolean;
  /** How many threads share parallel loops, at most; 1: they run serially. Default: what `availableThreads` says. */
  readonly threads?: number;
}

export interface WasmCode {
  readonly code: WasmModule;
  readonly memory: DeviceMemory;
  /** What runs its parallel loops. */
  readonly spread: Spreader;
  /** How many threads share its loops, and why not more. */
  threads(): ThreadCount;
  /** When the threads have begun; undefined when there is nothing to wait for. */
  ready(): Promise<void> | undefined;
}

/** Throws where the engine lacks what was asked for. */
export function wasmCode(mod: IRModule, options: WasmCodeOptions): WasmCode {
  const has = features();
  if (!has.simd) throw new Error('this engine has no WebAssembly SIMD; build with { target: "interpreter" }');
  const relaxedSimd = options.relaxedSimd ?? has.relaxedSimd;
  if (relaxedSimd && !has.relaxedSimd) throw new Error("this engine has no relaxed SIMD");
  const there = threadsFor(options.threads);
  const memory = cpuMemory();
  const code = compileWasm(mod, {
    relaxedSimd,
    relaxedDot: relaxedSimd && hasRelaxedDot(),
    threads: there.count,
    sharedMemory: memory.isShared,
  });
  const isParallel = code.parallel.length > 0;
  return {
    code,
    memory,
    spread: spreadOver(there.count),
    threads() {
      const broken = isParallel ? whyNoWorkers() : undefined;
      if (broken !== undefined) return { count: 1, reason: broken };
      return isParallel || there.count === 1 ? there : { count: 1, reason: whySerial(code) };
    },
    ready: () => (isParallel ? threadsReady(there.count) : undefined),
  };
}

/** Why a program for several threads has nothing for them. */
function whySerial({ functions }: WasmModule): string {
  const notes = Object.values(functions).flatMap((f) => f.notes);
  return notes.find((n) => n.includes("is not run in parallel")) ?? "no loop is parallel";
}
