import ts from "typescript";
import type { Completions } from "../types.ts";
import { readable } from "./readable.ts";

/** Most completions that are sent; a longer list helps nobody. */
const limit = 500;

/** Time for working out signatures, in milliseconds: what is left then goes without one. */
const signatureTime = 60;

/** Longest signature that is sent. */
const maxSignature = 300;

const preferences: ts.GetCompletionsAtPositionOptions = {
  includeCompletionsForModuleExports: false,
  includeCompletionsWithInsertText: false,
  includeCompletionsForImportStatements: true,
  includeSymbol: true,
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
    .map(describe(service, file));
  return matches.length > 0 ? { start, end: offset, matches } : nothing;
}

/** Gives an entry its kind and, while there is time, its signature or type. */
function describe(service: ts.LanguageService, file: string) {
  const program = service.getProgram();
  const checker = program?.getTypeChecker();
  const source = program?.getSourceFile(file);
  const end = performance.now() + signatureTime;
  return ({ name, kind, symbol }: ts.CompletionEntry): Completions["matches"][number] => {
    if (!symbol || !checker || !source) return { text: name, type: kindName(kind) };
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    // What an earlier cell has declared comes as an import, which says nothing of its kind.
    const type = target === symbol ? kindName(kind) : symbolKind(target);
    const signature = performance.now() > end ? undefined : signatureOf(target, checker, source);
    return { text: name, type, ...(signature === undefined ? {} : { signature }) };
  };
}

/** `(a: number): string` for what can be called, the type for other values, nothing for types and modules. */
function signatureOf(target: ts.Symbol, checker: ts.TypeChecker, source: ts.SourceFile): string | undefined {
  if (!(target.flags & ts.SymbolFlags.Value) || target.flags & ts.SymbolFlags.ValueModule) return undefined;
  const type = checker.getTypeOfSymbolAtLocation(target, source);
  const calls = type.getCallSignatures();
  const [first] = calls.length > 0 ? calls : type.getConstructSignatures();
  const text = first ? checker.signatureToString(first) : checker.typeToString(type);
  const short = readable(text).slice(0, maxSignature);
  return calls.length > 1 ? `${short} (+${calls.length - 1} more)` : short;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function symbolKind({ flags }: ts.Symbol): string {
  if (flags & ts.SymbolFlags.Function) return "function";
  if (flags & ts.SymbolFlags.Class) return "class";
  if (flags & ts.SymbolFlags.Variable) return "variable";
  if (flags & ts.SymbolFlags.Type) return "interface";
  return flags & ts.SymbolFlags.ValueModule ? "module" : "variable";
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
