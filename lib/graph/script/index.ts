/** How graph-level functions are written. */
export { type GraphFuncOptions, parseGraphFunction } from "./func.ts";
export { installGraphScript, parseGraphFunc } from "./text.ts";
export type {
  Fields,
  GraphArgs,
  GraphParams,
  GraphProgram,
  GraphTypes,
  LoopParts,
  Result,
  TensorSpec,
  TypeLike,
  TypeSpec,
  Value,
} from "./types.ts";
