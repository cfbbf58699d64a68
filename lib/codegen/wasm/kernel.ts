/**
 * Imported micro-kernels: WebAssembly that somebody else wrote, as text or bytes, called by generated code.
 *
 * Calling convention: one i32 for each buffer parameter, the byte address of the first element of its part; the value
 * of each scalar parameter; then one i32 for each size that is a name, in shapes and strides, in order of first
 * appearance, as functions of programs have them. No result. The memory is the program's, `env.memory`.
 */
import type { PrimFunc } from "../../ir/index.ts";
import { symbolicSizes } from "../size.ts";
import { encodeModule, type ImportedFunction } from "./encode.ts";
import { hostFunctions } from "./host.ts";
import type { ValType } from "./opcodes.ts";
import { readWat } from "./read-wat.ts";
import { REPR } from "./scalar.ts";
import { withSharedMemory } from "./share-memory.ts";

export interface KernelSource {
  /** A module as text (see `read-wat.ts` for what is read). */
  readonly wat?: string;
  /** A module as bytes. */
  readonly wasm?: Uint8Array;
  /** Which of its functions; may be left out where it exports one alone, or one of the kernel's name. */
  readonly export?: string;
}

/** What generated code needs of a kernel to link it. */
export interface LinkedKernel {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly export: string;
}

export interface Kernel {
  readonly name: string;
  readonly export: string;
  /** The module over a memory that is shared, or is not. */
  bytes(sharedMemory: boolean): Uint8Array<ArrayBuffer>;
}

/** A kernel from its source. Throws where the text cannot be read, or the module is invalid or not of the kind above. */
export function kernelOf(name: string, source: KernelSource): Kernel {
  const fail = (why: string): never => {
    throw new TypeError(`kernel "${name}": ${why}`);
  };
  if (!/^[\w.$-]+$/.test(name)) fail("its name has letters, digits and . _ $ - only");
  if ((source.wat === undefined) === (source.wasm === undefined))
    fail("give its code as { wat } or as { wasm }");
  const { wat, wasm } = source;
  const parts = wat === undefined ? undefined : readWat(wat);
  const bytes = (sharedMemory: boolean): Uint8Array<ArrayBuffer> => {
    if (parts) return encodeModule({ ...parts, sharedMemory });
    const given = wasm ?? new Uint8Array();
    return sharedMemory ? withSharedMemory(given) : Uint8Array.from(given);
  };
  const module = compiled(bytes(false), fail);
  for (const i of WebAssembly.Module.imports(module)) {
    const known = i.module === "env" && (i.name === "memory" || Object.hasOwn(hostFunctions, i.name));
    if (!known)
      fail(`it imports ${i.module}.${i.name}; there are env.memory and ${Object.keys(hostFunctions)}`);
  }
  const exports = WebAssembly.Module.exports(module).filter((e) => e.kind === "function");
  const names = exports.map((e) => e.name);
  const entry = source.export ?? (names.length === 1 ? names[0] : name);
  if (!names.includes(entry))
    fail(`it exports no function "${entry}"; there are ${names.join(", ") || "none"}`);
  return { name, export: entry, bytes };
}

function compiled(bytes: Uint8Array<ArrayBuffer>, fail: (why: string) => never): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (e) {
    return fail(`its code is not valid: ${(e as Error).message}`);
  }
}

/** By what name generated code calls a kernel. */
export const kernelCall = (name: string): string => `kernel.${name}`;

/** The import of a kernel whose typed signature is that of `program`. */
export function kernelImport(name: string, program: PrimFunc): ImportedFunction {
  const params = program.params.map((p): ValType => (p.kind === "buffer" ? "i32" : REPR[p.dtype]));
  const sizes = symbolicSizes(program).map((): ValType => "i32");
  return { name: kernelCall(name), params: [...params, ...sizes], from: ["kernel", name] };
}
