// The words and looks of errors, shared by the compiling and the running side.
import type { ErrorContent } from "../protocol/messages.ts";
import type { CellDiagnostic } from "./types.ts";

const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
const dim = (text: string) => `\u001b[2m${text}\u001b[22m`;

/** How errors name a cell. Cells that are not counted have numbers below zero, which mean nothing to a reader. */
export function cellName(cell: number): string {
  return cell > 0 ? `cell ${cell}` : "the cell";
}

/** A name and a message as a traceback's first line. */
export function heading(name: string, message: string): string {
  return message === "" ? red(name) : `${red(name)}: ${message}`;
}

/** A line of a cell with its neighbours and a caret under the column (both one-based). */
export function codeFrame(code: string, line: number, column: number, length = 1): string[] {
  const lines = code.trimEnd().split("\n");
  const first = Math.max(1, line - 2);
  const last = Math.min(lines.length, line + 1);
  const width = String(last).length;
  const frame: string[] = [];
  for (let row = first; row <= last; row += 1) {
    const text = lines[row - 1] ?? "";
    const number = String(row).padStart(width);
    frame.push(row === line ? `${red(">")} ${number} | ${text}` : dim(`  ${number} | ${text}`));
    if (row !== line) continue;
    // Tabs stay tabs so that the caret stands under its character.
    const indent = text.slice(0, column - 1).replace(/[^\t]/g, " ");
    const carets = Math.max(1, Math.min(length, text.length - column + 1));
    frame.push(`  ${" ".repeat(width)} | ${indent}${red("^".repeat(carets))}`);
  }
  return frame;
}

/** The error of a cell that does not compile. */
export function rejection(cell: number, code: string, diagnostics: readonly CellDiagnostic[]): ErrorContent {
  const first = diagnostics[0]!;
  const syntax = first.code < 2000;
  const shown = diagnostics.slice(0, 10);
  const traceback: string[] = [];
  for (const { message, code: number, start, length } of shown) {
    const [head = "", ...rest] = message.split("\n");
    traceback.push(heading(`TS${number}`, head), ...rest);
    traceback.push(`    at ${cellName(cell)}, line ${start.line}, column ${start.column}`);
    traceback.push(...codeFrame(code, start.line, start.column, length), "");
  }
  if (diagnostics.length > shown.length)
    traceback.push(`… and ${diagnostics.length - shown.length} more errors`, "");
  const help = advice(code, shown);
  if (help !== undefined) traceback.push(help, "");
  if (syntax) traceback.pop();
  else traceback.push(dim("Nothing was run. With // @ts-nocheck as its first line the cell runs unchecked."));
  return {
    ename: syntax ? "SyntaxError" : "TypeCheckError",
    evalue: `${cellName(cell)}, line ${first.start.line}, column ${first.start.column}: ${first.message} (TS${first.code})`,
    traceback,
  };
}

/** What to do about errors that newcomers meet. */
function advice(code: string, diagnostics: readonly CellDiagnostic[]): string | undefined {
  if (/^\s*[%!]\s*\w/.test(code))
    return 'Lines that begin with % or ! are IPython\'s. execSync("…") of "node:child_process" runs a program.';
  const missing = diagnostics.find(({ code: number }) => number === 2307)?.message;
  const name = /^Cannot find module '((?:@[^'/]+\/)?[^'./@:][^'/:]*)(?:\/[^']*)?'/.exec(missing ?? "")?.[1];
  return name && `If it is a package of npm: npm install ${name}, in the notebook's folder.`;
}

/** The error of a cell that was stopped. */
export function interruption(): ErrorContent {
  const evalue = "The cell was stopped; variables keep their values.";
  return { ename: "Interrupted", evalue, traceback: [heading("Interrupted", evalue)] };
}

/** The error of a cell whose process ended. */
export function crash(reason: string): ErrorContent {
  const evalue = `${reason}. All variables are lost; a new session has been started.`;
  return { ename: "SessionEnded", evalue, traceback: [heading("SessionEnded", evalue)] };
}
