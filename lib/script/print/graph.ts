/** Graph-level functions as lines. */
import { bindingsOf, type GraphFunc } from "../../ir/index.ts";
import type { Lines } from "./lines.ts";

/** `R.func(…)` between `before` and `after`. */
export function printGraphFunc(f: GraphFunc, lines: Lines, before = "", after = ";"): void {
  lines.line(`${before}R.func(/* ${bindingsOf(f.body).length} binding(s) */)${after}`, [f]);
}
