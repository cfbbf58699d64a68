/** Compiled programs to something that can be called: kernels over the same memory first, then the program. */
import { hostFunctions } from "./host.ts";
import type { LinkedKernel } from "./kernel.ts";

interface Linkable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly kernels: readonly LinkedKernel[];
  readonly parallel: readonly string[];
}

/** What the import `parallel` does: runs the iterations of a loop, by its number, and returns when all are done. */
export type Parallel = (body: number, begin: number, end: number, environment: number) => void;

/** A program in its modules, for others to instantiate over the same memory. */
export interface LoadedProgram {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly kernels: readonly LoadedKernel[];
  /** Exported names of parallel loops, by number. */
  readonly bodies: readonly string[];
  /** What this instance exports. Not before the instance is there. */
  exports(): WebAssembly.Exports;
}

export interface LoadedKernel {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly export: string;
}

/** How a program's parallel loops are run. Asked only where there are any. */
export type Spreader = (program: LoadedProgram) => Parallel;

/** One thread runs all of it. */
const serially: Spreader =
  ({ bodies, exports }) =>
  (body, begin, end, environment) =>
    (exports()[bodies[body]] as (...xs: number[]) => void)(begin, end, 0, environment);

/**
 * An instance of a compiled module over `memory`. Throws when a kernel does not have the signature it was registered
 * with, or asks for another sort of memory.
 */
export async function instantiateWasm(
  code: Linkable,
  memory: WebAssembly.Memory,
  spread: Spreader = serially,
): Promise<WebAssembly.Instance> {
  const kernels: LoadedKernel[] = [];
  for (const k of code.kernels) kernels.push({ ...k, module: await WebAssembly.compile(k.bytes) });
  return instanceOf(code, await WebAssembly.compile(code.bytes), kernels, memory, spread);
}

/** `instantiateWasm` without waiting, for programs that are compiled while others run. */
export function instantiateWasmNow(
  code: Linkable,
  memory: WebAssembly.Memory,
  spread: Spreader = serially,
): WebAssembly.Instance {
  const kernels = code.kernels.map((k) => ({ ...k, module: new WebAssembly.Module(k.bytes) }));
  return instanceOf(code, new WebAssembly.Module(code.bytes), kernels, memory, spread);
}

function instanceOf(
  code: Linkable,
  module: WebAssembly.Module,
  kernels: readonly LoadedKernel[],
  memory: WebAssembly.Memory,
  spread: Spreader,
): WebAssembly.Instance {
  const env: Record<string, WebAssembly.ImportValue> = { memory, ...hostFunctions };
  const kernel: Record<string, WebAssembly.ExportValue> = {};
  for (const k of kernels) {
    try {
      kernel[k.name] = new WebAssembly.Instance(k.module, { env }).exports[k.export];
    } catch (e) {
      throw kernelError(k, e);
    }
  }
  if (code.parallel.length > 0) {
    const names = kernels.map(({ name, module, export: entry }) => ({ name, module, export: entry }));
    const exports = (): WebAssembly.Exports => instance.exports;
    env.parallel = spread({ memory, module, kernels: names, bodies: code.parallel, exports });
  }
  let instance: WebAssembly.Instance;
  try {
    instance = new WebAssembly.Instance(module, { env, kernel });
  } catch (e) {
    throw linkError(e);
  }
  return instance;
}

function linkError(e: unknown): unknown {
  if (!(e instanceof WebAssembly.LinkError)) return e;
  const signatures =
    "a kernel takes an i32 for each buffer, its scalars, then an i32 for each size that is a name";
  return new Error(
    `a kernel does not have the signature it was registered with: ${signatures} (${e.message})`,
    { cause: e },
  );
}

function kernelError(k: LoadedKernel, e: unknown): unknown {
  if (!(e instanceof WebAssembly.LinkError)) return e;
  return new Error(`kernel "${k.name}" cannot work on the memory of the program: ${e.message}`, {
    cause: e,
  });
}
