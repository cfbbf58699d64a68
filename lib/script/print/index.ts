/** Programs as text that can be pasted. */
import type { Expr, GraphFunc, IRModule, PrimFunc, Stmt } from "../../ir/index.ts";
import { exprText } from "./expression.ts";
import { printModule, printPrimFunc } from "./function.ts";
import { printGraphFunc } from "./graph.ts";
import { INDENT, Lines, type ScriptLine } from "./lines.ts";
import { Names } from "./names.ts";
import { printStmt } from "./statement.ts";

export type Printable = IRModule | PrimFunc | GraphFunc | Stmt | Expr;

/** The lines of a program, each with the nodes it stands for and the line that closes it. */
export function scriptLines(x: Printable): ScriptLine[] {
  const lines = new Lines();
  switch (x.kind) {
    case "module":
      printModule(x, lines);
      break;
    case "primFunc":
      printPrimFunc(x, lines);
      break;
    case "graphFunc":
      printGraphFunc(x, lines);
      break;
    case "for":
    case "block":
    case "seq":
    case "store":
    case "if":
    case "let":
    case "extern":
      printStmt(x, { lines, names: new Names(), loops: new Map(), stmt: printStmt });
      break;
    default:
      lines.line(exprText(x, new Names()));
  }
  return lines.all;
}

/**
 * A program as TypeScript. What is printed for a module or a function, pasted where `T` is imported, gives a
 * structurally equal program; statements and expressions alone mention names that are declared around them.
 */
export function script(x: Printable): string {
  return linesText(scriptLines(x));
}

/** Lines with their indentation, as one text. */
export function linesText(lines: readonly ScriptLine[]): string {
  return lines.map((l) => INDENT.repeat(l.depth) + l.text).join("\n");
}
