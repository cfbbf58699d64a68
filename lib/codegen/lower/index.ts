/**
 * Target-independent lowering: from a scheduled function to plain loops, ready for code generation. Passes run in the
 * order of the table; each entry says what it needs done before it.
 */
import type { PrimFunc, Stmt } from "../../ir/index.ts";
import { lowerBlocks } from "./blocks.ts";

export interface LowerPass {
  readonly name: string;
  /** Why it stands where it stands. */
  readonly reason: string;
  readonly run: (s: Stmt, f: PrimFunc) => Stmt;
}

export const LOWER_PASSES: readonly LowerPass[] = [
  { name: "blocks", reason: "first: everything after it sees loops, ifs and stores only", run: lowerBlocks },
];

/** Called after each pass with what it made. */
export type Observer = (pass: LowerPass, body: Stmt) => void;

/** The body of a function as plain loops. */
export function lower(f: PrimFunc, observe?: Observer): Stmt {
  let body: Stmt = f.body;
  for (const pass of LOWER_PASSES) {
    body = pass.run(body, f);
    observe?.(pass, body);
  }
  return body;
}
