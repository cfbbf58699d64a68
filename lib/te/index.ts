/** Tensor expressions. */
export * as te from "./te.ts";
