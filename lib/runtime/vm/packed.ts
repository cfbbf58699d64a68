/**
 * Library functions by name: what `callPacked` calls. They get tensors, inputs first and then outputs, over the memory
 * that the program's values lie in (nothing is copied), and write into the outputs.
 */
import type { Attrs } from "../../ir/index.ts";
import type { Tensor } from "../tensor.ts";

/** What a library function is told beside its tensors. */
export interface PackedCall {
  /** How many of the tensors are inputs; the rest are outputs. */
  readonly inputs: number;
  readonly attrs: Attrs;
}

/**
 * `tensors`: inputs, then outputs, whose elements are not yet written. The tensors are views that are good for the
 * duration of the call. It has to be synchronous.
 */
export type PackedFunc = (tensors: readonly Tensor[], call: PackedCall) => void;

const registry = new Map<string, PackedFunc>();

/**
 * Makes a library function callable as `R.callPacked(name, …)`: `registerFunc("blas.gemm", ([a, b, c]) => { … })`.
 * Throws when the name is taken, unless `override` says that the new one takes its place.
 */
export function registerFunc(
  name: string,
  fn: PackedFunc,
  options: { readonly override?: boolean } = {},
): void {
  if (typeof name !== "string" || name === "") throw new TypeError("registerFunc: give the function a name");
  if (typeof fn !== "function") throw new TypeError(`registerFunc: ${name} must be a function of tensors`);
  if (registry.has(name) && !options.override) {
    throw new Error(
      `registerFunc: there is a function "${name}" already; replace it with { override: true }`,
    );
  }
  registry.set(name, fn);
}

/** The library function of that name. Throws, listing the names there are, when nobody registered it. */
export function getFunc(name: string): PackedFunc {
  const fn = registry.get(name);
  if (fn) return fn;
  const known = [...registry.keys()].join(", ") || "none";
  throw new Error(`there is no library function "${name}" (registerFunc); registered: ${known}`);
}

/** The names of all library functions. */
export const listFuncs = (): readonly string[] => [...registry.keys()];
