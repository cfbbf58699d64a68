/** How programs are written and printed. */
import "./methods.ts";

export type { Dialect, ForOptions, ThreadAxis } from "./dialect.ts";
export { ScriptError } from "./error.ts";
export { type IndexFunction, type IndexFunctionNames, parseIndexFunction } from "./parse/index-function.ts";
export type { ConstValue } from "./parse/scope.ts";
export { parseModule, parsePrimFunc } from "./parse/text.ts";
export type { ConstantTable } from "./pending.ts";
export { constantsOf } from "./print/constants.ts";
export { linesText, type Printable, script, scriptLines } from "./print/index.ts";
export { INDENT, type LineNode, type ScriptLine } from "./print/lines.ts";
export type { BufferOptions, BufferSpec, Dim, ParamSpec, ParamSpecs, ScalarSpec } from "./spec.ts";
export { T } from "./t.ts";
export type { BufferOf, ProgramArgs, ScalarOf } from "./types.ts";
