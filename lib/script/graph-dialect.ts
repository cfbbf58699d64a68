/**
 * What the script has to know of graph-level functions and cannot, as it comes before the operators: lib/graph gives it
 * when it is loaded.
 */
import type { Expression } from "acorn";
import type { Attrs, GraphFunc } from "../ir/index.ts";
import type { Context } from "./parse/context.ts";
import type { ConstantTable } from "./pending.ts";

export interface GraphDialect {
  /** Reads `R.func(…)` in a script; undefined for anything else. */
  parse(e: Expression, cx: Context, constants: ConstantTable | undefined): GraphFunc | undefined;
  /**
   * How the operator is written: `word` where `R` has it under its name, and the attributes that need not be said.
   * Undefined for an operator that is not known.
   */
  operator(name: string): { readonly word: boolean; readonly defaults: Attrs } | undefined;
}

let dialect: GraphDialect | undefined;

export function setGraphDialect(d: GraphDialect): void {
  dialect = d;
}

export const graphDialect = (): GraphDialect | undefined => dialect;
