/** What programs are. */
export * from "./buffer.ts";
export * from "./dtype.ts";
export * from "./equal.ts";
export * from "./expr.ts";
export * from "./freshen.ts";
export * from "./func.ts";
export * from "./id.ts";
export * from "./instantiate.ts";
export * from "./interval.ts";
export * from "./intrinsics.ts";
export * as ops from "./ops.ts";
export * from "./path.ts";
export * from "./span.ts";
export * from "./stmt.ts";
export * from "./verify.ts";
export * from "./walk.ts";
