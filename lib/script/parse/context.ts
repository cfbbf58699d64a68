/** What every part of the parser carries: the text, for positions, and the names in scope. */
import type { Expression, Node, SpreadElement, Super } from "acorn";
import { type Span, withSpan } from "../../ir/index.ts";
import { ScriptError } from "../error.ts";
import type { Scope } from "./scope.ts";

export interface Context {
  readonly source: string;
  readonly scope: Scope;
}

/** A syntax node of any sort that has a place in the text. */
export type Place = Pick<Node, "start" | "loc">;

export function fail(cx: { readonly source: string }, at: Place, reason: string): never {
  throw new ScriptError(reason, cx.source, at.start);
}

/** Runs a factory of lib/ir; what it refuses (TypeError, RangeError) becomes an error at this place. */
export function at<X>(cx: { readonly source: string }, place: Place, build: () => X): X {
  try {
    return build();
  } catch (e) {
    if (e instanceof TypeError || e instanceof RangeError) {
      throw new ScriptError(e.message, cx.source, place.start, { cause: e });
    }
    throw e;
  }
}

export function spanAt(cx: { readonly source: string }, place: Place): Span {
  const start = place.loc?.start ?? { line: 1, column: place.start };
  return { line: start.line, column: start.column, offset: place.start, source: cx.source };
}

/** `at`, and the node built remembers the place. */
export function built<N extends object>(cx: { readonly source: string }, place: Place, build: () => N): N {
  return withSpan(at(cx, place, build), spanAt(cx, place));
}

/** The arguments of a call; a spread has no meaning in a program that is never run. */
export function plainArgs(cx: Context, args: readonly (Expression | SpreadElement)[]): readonly Expression[] {
  for (const a of args) {
    if (a.type === "SpreadElement")
      fail(cx, a, "… cannot be used here: the program is read, not run; write the values out");
  }
  return args as readonly Expression[];
}

/** `grid` for `T.grid`, `axis.remap` for `T.axis.remap`; undefined when the callee is not of the dialect `of`. */
export function dialectName(callee: Expression | Super, of: "T" | "R" = "T"): string | undefined {
  const e = callee.type === "SequenceExpression" ? callee.expressions[callee.expressions.length - 1] : callee;
  if (e.type !== "MemberExpression" || e.computed || e.property.type !== "Identifier") return undefined;
  if (isDialect(e.object, of)) return e.property.name;
  const o = e.object;
  const nested = o.type === "MemberExpression" && !o.computed && o.property.type === "Identifier";
  return nested && isDialect(o.object, of) && o.property.type === "Identifier"
    ? `${o.property.name}.${e.property.name}`
    : undefined;
}

/** `T`, or what a transpiler made of it (`tilewright_1.T`). */
function isDialect(e: Expression | Super, of: string): boolean {
  if (e.type === "Identifier") return e.name === of;
  return (
    e.type === "MemberExpression" && !e.computed && e.property.type === "Identifier" && e.property.name === of
  );
}
