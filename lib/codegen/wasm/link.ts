/** Compiled programs to something that can be called: kernels over the same memory first, then the program. */
import { hostFunctions } from "./calls.ts";
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
    if (!(e instanceof WebAssembly.LinkError)) throw e;
    const signatures =
      "a kernel takes an i32 for each buffer, its scalars, then an i32 for each size that is a name";
    throw new Error(
      `a kernel does not have the signature it was registered with: ${signatures} (${e.message})`,
      {
        cause: e,
      },
    );
  }
}

async function instanceOf(k: LinkedKernel, env: WebAssembly.ModuleImports): Promise<WebAssembly.ExportValue> {
  try {
    const { instance } = await WebAssembly.instantiate(k.bytes, { env });
    return instance.exports[k.export];
  } catch (e) {
    if (!(e instanceof WebAssembly.LinkError)) throw e;
    throw new Error(`kernel "${k.name}" cannot work on the memory of the program: ${e.message}`, {
      cause: e,
    });
  }
}
