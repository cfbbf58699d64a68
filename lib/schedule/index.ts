/** Transformations of tensor programs. */
export * from "./error.ts";
export * from "./types.ts";
