/** What a lowering pass gets and gives. */
import type { Buffer, For, Interval, PrimFunc, Stmt } from "../../ir/index.ts";

export interface PassContext {
  readonly func: PrimFunc;
  /** Ranges of symbolic sizes. */
  readonly sizes: ReadonlyMap<number, Interval>;
  /** How many threads share the iterations of parallel loops. */
  readonly threads: number;
  /** Whether all iterations of a loop around a buffer use one copy of it: the threads that share its memory. */
  readonly sharedOver?: (b: Buffer, loop: For) => boolean;
  /** Says what was not done and why, for whoever asks why code is slow. */
  note(message: string): void;
}

export interface LowerPass {
  readonly name: string;
  /** Why it stands where it stands. */
  readonly reason: string;
  readonly run: (s: Stmt, c: PassContext) => Stmt;
}
