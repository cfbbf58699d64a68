/** What can be proven about indices. */
export * from "./affine.ts";
export * from "./key.ts";
export * from "./region.ts";
export * from "./simplify.ts";
export { gcd, type Sum, type Term } from "./sum.ts";
