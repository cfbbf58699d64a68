/** Sizes in the declarations of parameters. */
import { constInt, type Expr } from "../../ir/index.ts";
import { exprText } from "./expression.ts";
import type { Names } from "./names.ts";

/** A size in the declaration of a parameter, where expressions are strings. */
export function dimText(e: Expr, names: Names): string {
  const n = e.dtype === "i32" ? constInt(e) : undefined;
  if (n !== undefined) return String(n);
  if (e.kind === "var") return JSON.stringify(e.dtype === "i32" ? names.of(e) : `${names.of(e)}: ${e.dtype}`);
  return JSON.stringify(exprText(e, names, "i32"));
}
