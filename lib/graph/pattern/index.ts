/** Finding and rewriting parts of graph-level programs by their form. */
export { type BindingIndex, type Bindings, indexBindings, type Use } from "./bindings.ts";
export { type Match, matchExpr } from "./match.ts";
export {
  isCallPacked,
  isCallTir,
  isConst,
  isOp,
  isParam,
  isTuple,
  isTupleGet,
  Pattern,
  type PatternNode,
  type Properties,
  wildcard,
} from "./pattern.ts";
export { type Rewrite, rewriteCall } from "./rewrite.ts";
