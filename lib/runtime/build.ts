/** From a program to something that can be called. */
import { assertModuleWellFormed, type BaseFunc, graphFuncs, type IRModule, irModule } from "../ir/index.ts";
import type { Database } from "../tune/database/database.ts";
import { type Backend, TARGETS, type Target } from "./backend.ts";
import { type Executable, executable } from "./executable.ts";
import { interpreterBackend } from "./interpreted.ts";
import { tunedPipeline, tunedPrograms } from "./tuned.ts";
import { graphRunner } from "./vm/graph-runner.ts";
import type { LowerOptions } from "./vm/lower.ts";
import { wasmBackend } from "./wasm.ts";
import type { WasmCodeOptions } from "./wasm-code.ts";
import { webgpuBackend } from "./webgpu/backend.ts";
import { gpuDevice } from "./webgpu/device.ts";

export interface BuildOptions extends WasmCodeOptions {
  /** "wasm" (default): generated WebAssembly. "interpreter": slow, exact, checks every access. "webgpu": compute shaders. */
  readonly target?: Target;
  /** How many programs are kept for functions with symbolic sizes, one for each set of sizes. Default 16. */
  readonly cacheSize?: number;
  /** Changes to the pipeline of graph-level functions: passes of one's own, a recorder, other schedules. */
  readonly pipeline?: LowerOptions;
  /** Schedules that search has found for the target (`tuneTir`, `tuneModel`), for programs that are in it. */
  readonly database?: Database;
}

const BACKENDS: Record<Target, (mod: IRModule, options: BuildOptions) => Backend | Promise<Backend>> = {
  interpreter: interpreterBackend,
  wasm: wasmBackend,
  webgpu: webgpuBackend,
};

/**
 * Compiles a module, or one function (it is then called `main`, or what its `name` attribute says). Throws a
 * `VerifyError` when the program is not well-formed.
 */
export async function build(program: IRModule | BaseFunc, options: BuildOptions = {}): Promise<Executable> {
  const { target = "wasm" } = options;
  if (!TARGETS.includes(target)) {
    throw new TypeError(`unknown target ${JSON.stringify(target)}; there are ${TARGETS.join(", ")}`);
  }
  const database = target === "interpreter" ? undefined : options.database;
  // Which schedules are known depends on the adapter.
  if (database && target === "webgpu") await gpuDevice();
  const mod = tunedPrograms(assertModuleWellFormed(toModule(program)), database, options);
  const hasGraphs = Object.keys(graphFuncs(mod)).length > 0;
  const backend = await BACKENDS[target](mod, options);
  const pipeline = tunedPipeline(options.pipeline, database, options);
  return executable(mod, backend, hasGraphs ? graphRunner(mod, { ...options, target, pipeline }) : undefined);
}

function toModule(program: IRModule | BaseFunc): IRModule {
  if (program?.kind === "module") return program;
  if (program?.kind !== "primFunc" && program?.kind !== "graphFunc")
    throw new TypeError("build takes a module or a function (T.primFunc, or a graph-level one)");
  const { name } = program.attrs;
  return irModule({ [typeof name === "string" ? name : "main"]: program });
}
