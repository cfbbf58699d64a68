/** How operators are evaluated at import. */
import type { NodeContext } from "./context.ts";
import type { Literal } from "./literal.ts";

/** The result for known inputs; undefined where it cannot be said at import. */
export type Rule = (
  cx: NodeContext,
  x: readonly (Literal | undefined)[],
) => Literal | readonly Literal[] | undefined;
