/** Graph-level programs: operators, the block builder, passes. */
export { BlockBuilder, type EmitTeOptions, type TeInput } from "./block-builder.ts";
export { constantData, type Data, type Elements, type TensorLike } from "./constant.ts";
export { GraphError, refuseGraph } from "./error.ts";
export { type Call, ExprMutator } from "./mutator.ts";
export { type ArgSpec, type AttrSpec, OpArgs, type OpDef, type TeArg, TeCall, TypedCall } from "./op.ts";
export { callDef, callsOf, type OpArg } from "./op-call.ts";
export { type NamedActivation, namedActivation } from "./ops/activation-name.ts";
export { OPS, type OpName } from "./ops/index.ts";
export * from "./pattern/index.ts";
export { type GraphWords, type OpBuilder, type OpWords, R } from "./r.ts";
export { callOp, getOp, inferAgain, knownSize, listOps, registerOp } from "./registry.ts";
export { removeAllUnused } from "./remove-unused.ts";
export { type GraphFuncOptions, parseGraphFunc, type TypeLike, type Value } from "./script/index.ts";
export * from "./shape.ts";
export { placeholderOf, type TeProgram, teProgram, typeOfTensor } from "./te-call.ts";
export { type ExprHandlers, postOrderVisit, visitExpr } from "./visitor.ts";
export * from "./vm-code.ts";
