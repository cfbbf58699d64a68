/** What can be proven about indices. */
export * from "./affine.ts";
export * from "./evaluate.ts";
export * from "./index-map.ts";
export * from "./index-map-inverse.ts";
export * from "./iter-map.ts";
export * from "./iter-map-detect.ts";
export * from "./iter-map-divide.ts";
export * from "./iter-map-inverse.ts";
export * from "./key.ts";
export * from "./pairs.ts";
export * from "./quads.ts";
export * from "./region.ts";
export * from "./simplify.ts";
export { gcd, type Sum, type Term } from "./sum.ts";
