/** The error of an illegal primitive. */
import type { Block, For, PrimFunc, Stmt } from "../ir/index.ts";

/** How the reader calls a block or loop: the name of a handle where there is one, else the node's own name. */
export type NameOf = (node: Block | For) => string;

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
  readonly suggestion?: string | ((name: NameOf) => string);
}

/**
 * Thrown by every primitive that refuses; the schedule is unchanged. Primitives throw it with a `Refusal`; the
 * `Schedule` that ran them adds the printed program with the nodes underlined (`excerpt`).
 */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
  /** With its suggestion as text. */
  readonly refusal: Refusal & { readonly suggestion?: string };
  /** The function as it was when the primitive was refused. */
  readonly func?: PrimFunc;
  readonly excerpt?: string;

  /** As it was thrown: `Schedule` renders the suggestion again, with the reader's names. */
  readonly thrown: Refusal;

  constructor(refusal: Refusal, context: { func?: PrimFunc; excerpt?: string; name?: NameOf } = {}) {
    const { suggestion: say, ...rest } = refusal;
    const suggestion = typeof say === "function" ? say(context.name ?? ownName) : say;
    const parts = [`${refusal.primitive}: ${refusal.rule}. ${refusal.detail}`];
    if (context.excerpt) parts.push(context.excerpt);
    if (suggestion) parts.push(`Try: ${suggestion}`);
    super(parts.join("\n\n"));
    this.refusal = { ...rest, ...(suggestion === undefined ? {} : { suggestion }) };
    this.thrown = refusal;
    this.func = context.func;
    this.excerpt = context.excerpt;
    // The message says it all; a console that lists own properties would print whole programs below it.
    for (const key of ["refusal", "thrown", "func", "excerpt"])
      Object.defineProperty(this, key, { enumerable: false });
  }
}

const ownName: NameOf = (n) => (n.kind === "for" ? n.v.name : n.name);

/** Refuses. `nodes` are underlined in the printed program. */
export function refuse(
  primitive: string,
  rule: string,
  detail: string,
  nodes: readonly Stmt[],
  suggestion?: Refusal["suggestion"],
): never {
  throw new ScheduleError({ primitive, rule, detail, nodes, suggestion });
}
