/** What the printers of statements share. */
import type { Expr, For, Stmt } from "../../ir/index.ts";
import type { Lines } from "./lines.ts";
import type { Names } from "./names.ts";

export interface Out {
  readonly lines: Lines;
  readonly names: Names;
  /** Loops printed so far, by the id of their variable. */
  readonly loops: Map<number, For>;
  /** Prints a statement below (passed along, as statements contain loops and blocks, which contain statements). */
  readonly stmt: (s: Stmt, out: Out) => void;
}

/** Lines between braces, with a scope of their own. */
export function braces(
  open: string,
  close: string,
  nodes: readonly Stmt[],
  out: Out,
  inside: () => void,
): void {
  out.lines.around(open, close, nodes, () => out.names.within(inside));
}

export const isZero = (e: Expr): boolean => e.kind === "const" && e.value === 0;
