/** Programs to something that runs. */
export {
  type Argument,
  ArgumentError,
  type Bound,
  type BufferArg,
  bindArguments,
  describeArgument,
  describeParam,
  isBufferArg,
  isRemoteArg,
  type RemoteArg,
} from "./arguments.ts";
export { ExternFunc, expandExterns } from "./externs.ts";
export * from "./interpreter/index.ts";
export * from "./scalar-math.ts";
export * from "./size.ts";
export * from "./wasm/index.ts";
export * from "./wgsl/index.ts";
