/** The error of an illegal primitive. */
import type { PrimFunc, Stmt } from "../ir/index.ts";

export interface Refusal {
  /** The primitive's method name, e.g. `reorder`. */
  readonly primitive: string;
  /** The rule that was broken, in a few words: "the loops do not form a chain". */
  readonly rule: string;
  /** What is the case here, with names and numbers. */
  readonly detail: string;
  /** Loops and blocks at fault; they are underlined in the printed program. */
  readonly nodes: readonly Stmt[];
  /** A call that would be legal, or that makes this one legal, as the reader would write it. */
  readonly suggestion?: string;
}

/**
 * Thrown by every primitive that refuses; the schedule is unchanged. Primitives throw it with a `Refusal`; the
 * `Schedule` that ran them adds the printed program with the nodes underlined (`excerpt`).
 */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
  readonly refusal: Refusal;
  /** The function as it was when the primitive was refused. */
  readonly func?: PrimFunc;
  readonly excerpt?: string;

  constructor(refusal: Refusal, context: { func?: PrimFunc; excerpt?: string } = {}) {
    const parts = [`${refusal.primitive}: ${refusal.rule}. ${refusal.detail}`];
    if (context.excerpt) parts.push(context.excerpt);
    if (refusal.suggestion) parts.push(`Try: ${refusal.suggestion}`);
    super(parts.join("\n\n"));
    this.refusal = refusal;
    this.func = context.func;
    this.excerpt = context.excerpt;
  }
}
