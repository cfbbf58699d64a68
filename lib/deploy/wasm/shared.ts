/** Modules over a memory that threads share, which can be had without sharing all the same. */
import { refuseDeploy } from "../error.ts";

/** The import `env.memory` up to its limits: names with their lengths, the kind, and the flags "shared, with a maximum". */
const IMPORT = [3, ...new TextEncoder().encode("env"), 6, ...new TextEncoder().encode("memory"), 2, 3];

/**
 * Where the byte is that says that the memory is shared: 3, or 1 for one that is not. Changing it is all that it takes, as
 * generated code has no atomic instructions. Throws a `DeployError` when it is not found.
 */
export function sharedFlag(wasm: Uint8Array, name: string): number {
  for (let i = 0; i + IMPORT.length <= wasm.length; i++)
    if (IMPORT.every((b, k) => wasm[i + k] === b)) return i + IMPORT.length - 1;
  return refuseDeploy(`${name} does not import env.memory in the usual form; make the bundle for one thread`);
}
