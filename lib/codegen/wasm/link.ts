/** Compiled programs to something that can be called: kernels over the same memory first, then the program. */
import { hostFunctions } from "./host.ts";
import type { LinkedKernel } from "./kernel.ts";

interface Linkable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly kernels: readonly LinkedKernel[];
}

/**
 * An instance of a compiled module over `memory`. Throws when a kernel does not have the signature it was registered
 * with, or asks for another sort of memory.
 */
export async function instantiateWasm(
  code: Linkable,
  memory: WebAssembly.Memory,
): Promise<WebAssembly.Instance> {
  const env = { memory, ...hostFunctions };
  const kernel: Record<string, WebAssembly.ExportValue> = {};
  for (const k of code.kernels) kernel[k.name] = await instanceOf(k, env);
  const module = await WebAssembly.compile(code.bytes);
  try {
    return await WebAssembly.instantiate(module, { env, kernel });
  } catch (e) {
    throw linkError(e);
  }
}

/** `instantiateWasm` without waiting, for programs that are compiled while others run. */
export function instantiateWasmNow(code: Linkable, memory: WebAssembly.Memory): WebAssembly.Instance {
  const env = { memory, ...hostFunctions };
  const kernel: Record<string, WebAssembly.ExportValue> = {};
  for (const k of code.kernels) {
    try {
      kernel[k.name] = new WebAssembly.Instance(new WebAssembly.Module(k.bytes), { env }).exports[k.export];
    } catch (e) {
      throw kernelError(k, e);
    }
  }
  const module = new WebAssembly.Module(code.bytes);
  try {
    return new WebAssembly.Instance(module, { env, kernel });
  } catch (e) {
    throw linkError(e);
  }
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

function kernelError(k: LinkedKernel, e: unknown): unknown {
  if (!(e instanceof WebAssembly.LinkError)) return e;
  return new Error(`kernel "${k.name}" cannot work on the memory of the program: ${e.message}`, {
    cause: e,
  });
}

async function instanceOf(k: LinkedKernel, env: WebAssembly.ModuleImports): Promise<WebAssembly.ExportValue> {
  try {
    const { instance } = await WebAssembly.instantiate(k.bytes, { env });
    return instance.exports[k.export];
  } catch (e) {
    throw kernelError(k, e);
  }
}
