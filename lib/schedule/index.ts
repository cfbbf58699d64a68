/** Transformations of tensor programs. */
export * from "./error.ts";
