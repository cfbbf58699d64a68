import ts from "typescript";
import type { Completeness } from "../types.ts";

/** Unterminated template literal, unterminated end of a comment: the text may go on over any number of lines. */
const openEnded = new Set([1160, 1010]);

/** Unterminated string and regular expression literals: no further line can end them. */
const neverClosed = new Set([1002, 1161]);

/** Whether a cell is finished, could be continued, or is wrong however it goes on. */
export function completeness(code: string): Completeness {
  const { diagnostics } = ts.transpileModule(code, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, noLib: true },
  });
  const first = diagnostics?.[0];
  if (!first) return { status: "complete", indent: "" };
  const atEnd =
    (first.start ?? 0) + (first.length ?? 0) >= code.trimEnd().length &&
    (first.start ?? 0) >= lastToken(code);
  if (openEnded.has(first.code) || (atEnd && !neverClosed.has(first.code)))
    return { status: "incomplete", indent: indentAfter(code) };
  return { status: "invalid", indent: "" };
}

/** Offset after which only white space follows: an error there asks for more text. */
function lastToken(code: string): number {
  return code.trimEnd().length;
}

function indentAfter(code: string): string {
  const lastLine = code.trimEnd().split("\n").at(-1) ?? "";
  const indent = /^\s*/.exec(lastLine)![0];
  return /[{([]$/.test(lastLine) ? `${indent}  ` : indent;
}
