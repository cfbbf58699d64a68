import ts from "typescript";
import type { CellDiagnostic, CellPosition } from "../types.ts";
import { readable } from "./readable.ts";

/** TypeScript's diagnostics as errors of the cell. What lies in text appended to it is moved to its end. */
export function toDiagnostics(found: readonly ts.Diagnostic[], code: string): CellDiagnostic[] {
  const inCell = found.filter(({ start }) => (start ?? 0) <= code.length);
  const shown = inCell.length > 0 ? inCell : found.slice(0, 1);
  return shown.map((diagnostic) => {
    const offset = Math.min(diagnostic.start ?? 0, code.trimEnd().length);
    return {
      message: readable(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")),
      code: diagnostic.code,
      start: positionAt(code, offset),
      length: Math.max(1, Math.min(diagnostic.length ?? 1, code.length - offset)),
    };
  });
}

/** Line and column of an offset. */
function positionAt(code: string, offset: number): CellPosition {
  const before = code.slice(0, offset);
  const line = before.split("\n").length;
  return { offset, line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}
