import ts from "typescript";
import type { Completions } from "../types.ts";

/** Most completions that are sent; a longer list helps nobody. */
const limit = 500;

const preferences: ts.GetCompletionsAtPositionOptions = {
  includeCompletionsForModuleExports: false,
  includeCompletionsWithInsertText: false,
  includeCompletionsForImportStatements: true,
  quotePreference: "double",
};

/** Completions at an offset of the cell, best first. */
export function complete(
  service: ts.LanguageService,
  file: string,
  code: string,
  offset: number,
): Completions {
  const word = /[\p{ID_Continue}$]*$/u.exec(code.slice(0, offset))![0];
  const found = service.getCompletionsAtPosition(file, offset, preferences);
  const nothing = { start: offset, end: offset, matches: [] };
  if (!found) return nothing;
  const span =
    found.optionalReplacementSpan ?? found.entries.find((entry) => entry.replacementSpan)?.replacementSpan;
  const inString = span !== undefined && span.start + word.length !== offset;
  const start = inString ? span.start : offset - word.length;
  const typed = code.slice(start, offset);
  const visible = found.entries.filter((entry) => !entry.name.startsWith("__tw"));
  const exact = visible.filter((entry) => entry.name.startsWith(typed));
  // Case counts, unless nothing begins as the text does.
  const loose = (entry: ts.CompletionEntry) => entry.name.toLowerCase().startsWith(typed.toLowerCase());
  const matches = (exact.length > 0 ? exact : visible.filter(loose))
    .sort((a, b) => compare(a.sortText, b.sortText) || compare(a.name, b.name))
    .slice(0, limit)
    .map((entry) => ({ text: entry.name, type: kindName(entry.kind) }));
  return matches.length > 0 ? { start, end: offset, matches } : nothing;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Front ends draw an icon for these words. */
function kindName(kind: string): string {
  switch (kind) {
    case ts.ScriptElementKind.functionElement:
    case ts.ScriptElementKind.memberFunctionElement:
    case ts.ScriptElementKind.localFunctionElement:
      return "function";
    case ts.ScriptElementKind.classElement:
      return "class";
    case ts.ScriptElementKind.interfaceElement:
    case ts.ScriptElementKind.typeElement:
      return "interface";
    case ts.ScriptElementKind.memberVariableElement:
    case ts.ScriptElementKind.memberGetAccessorElement:
      return "property";
    case ts.ScriptElementKind.moduleElement:
    case ts.ScriptElementKind.externalModuleName:
    case ts.ScriptElementKind.directory:
    case ts.ScriptElementKind.scriptElement:
      return "module";
    case ts.ScriptElementKind.keyword:
      return "keyword";
    default:
      return "variable";
  }
}
