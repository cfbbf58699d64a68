/** What is declared at the top of a function's or block's body. */
import type { Attrs, BlockAxis, Buffer, Expr, Region, Stmt } from "../../ir/index.ts";
import type { Scope } from "./scope.ts";

/** Filled while a body is parsed; only its direct statements may add to it. */
export interface Frame {
  readonly kind: "function" | "block";
  readonly name: string;
  /** The names around the block: bindings and the predicate speak about those. */
  readonly outer: Scope;
  /** The names inside, without the lets: axes and buffers are declared here. */
  readonly scope: Scope;
  readonly axes: BlockAxis[];
  readonly allocs: Buffer[];
  predicate?: Expr;
  init?: Stmt;
  reads?: Region[];
  writes?: Region[];
  annotations?: Attrs;
  /** Of a function. */
  attrs?: Attrs;
}

export function newFrame(kind: Frame["kind"], name: string, outer: Scope, scope: Scope): Frame {
  return { kind, name, outer, scope, axes: [], allocs: [] };
}
