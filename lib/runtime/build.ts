/** From a program to something that can be called. */
import { assertModuleWellFormed, type IRModule, irModule, type PrimFunc } from "../ir/index.ts";
import { type Backend, TARGETS, type Target } from "./backend.ts";
import { type Executable, executable } from "./executable.ts";
import { interpreterBackend } from "./interpreted.ts";
import { wasmBackend } from "./wasm.ts";

export interface BuildOptions {
  /** "wasm" (default): generated WebAssembly. "interpreter": slow, exact, checks every access. */
  readonly target?: Target;
  /** Fused multiply-add and its kin. Default: where the engine has it. */
  readonly relaxedSimd?: boolean;
}

const BACKENDS: Record<Target, (mod: IRModule, options: BuildOptions) => Backend | Promise<Backend>> = {
  interpreter: interpreterBackend,
  wasm: wasmBackend,
};

/**
 * Compiles a module, or one function (it is then called `main`, or what its `name` attribute says). Throws a
 * `VerifyError` when the program is not well-formed.
 */
export async function build(program: IRModule | PrimFunc, options: BuildOptions = {}): Promise<Executable> {
  const { target = "wasm" } = options;
  if (!TARGETS.includes(target)) {
    throw new TypeError(`unknown target ${JSON.stringify(target)}; there are ${TARGETS.join(", ")}`);
  }
  const mod = assertModuleWellFormed(toModule(program));
  return executable(mod, await BACKENDS[target](mod, options));
}

function toModule(program: IRModule | PrimFunc): IRModule {
  if (program?.kind === "module") return program;
  if (program?.kind !== "primFunc") throw new TypeError("build takes a module or a function (T.primFunc)");
  const { name } = program.attrs;
  return irModule({ [typeof name === "string" ? name : "main"]: program });
}
