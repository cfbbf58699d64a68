/** The reference interpreter: the oracle every other target is compared with. */
export { type GraphData, type GraphInterpretOptions, interpretGraph } from "./graph.ts";
export { compileInterpreter, type InterpretOptions, interpret } from "./interpret.ts";
export { type Access, InterpretError, type NamedValue } from "./scope.ts";
