/** The passes of the graph level. */
export * from "./bind-params.ts";
export * from "./bind-symbolic-vars.ts";
export * from "./canonicalize.ts";
export * from "./common-subexpr.ts";
export * from "./dataflow.ts";
export * from "./dead-code.ts";
export * from "./fold-constant.ts";
export * from "./legalize-ops.ts";
export * from "./normalize.ts";
export * from "./op-program.ts";
export * from "./pass.ts";
export * from "./rewrite.ts";
export * from "./specialize-prim.ts";
export * from "./unify.ts";
export * from "./uses.ts";
export * from "./value-key.ts";
