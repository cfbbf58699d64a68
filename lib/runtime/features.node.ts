/** Switching engine features on in Node. */
import { setFlagsFromString } from "node:v8";
import { features } from "./features.ts";

/**
 * Makes relaxed SIMD available where the engine has it behind a flag (Node 20); does nothing where it is on already
 * (Node 22 and later). Call it before the first WebAssembly module is compiled. Returns whether it is available.
 */
export function enableRelaxedSimd(): boolean {
  if (!features().relaxedSimd) setFlagsFromString("--experimental-wasm-relaxed-simd");
  return features().relaxedSimd;
}
