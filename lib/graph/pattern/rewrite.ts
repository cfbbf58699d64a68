/** Replacing what patterns match. */
import type { GraphExpr, GraphFunc, GraphVar } from "../../ir/index.ts";
import { ExprMutator } from "../mutator.ts";
import { removeAllUnused } from "../remove-unused.ts";
import { type Bindings, indexBindings } from "./bindings.ts";
import { type Match, matchExpr } from "./match.ts";
import type { Pattern } from "./pattern.ts";

/** What stands for a value that matched: `match.get(x)` gives what the pattern x stands for. The value itself: no change. */
export type Rewrite = (value: GraphExpr, match: Match) => GraphExpr;

/**
 * Each bound value that the pattern matches is replaced by what `rewrite` gives. Values are seen in order and rewritten
 * as they are met, so that a later one sees what became of the earlier; what is then unused is dropped.
 */
export function rewriteCall(pattern: Pattern, rewrite: Rewrite, f: GraphFunc): GraphFunc {
  return removeAllUnused(new PatternRewriter(pattern, rewrite, f).visitFunc(f));
}

class PatternRewriter extends ExprMutator {
  private readonly pattern: Pattern;
  private readonly rewrite: Rewrite;
  private readonly bindings: Bindings;

  constructor(pattern: Pattern, rewrite: Rewrite, f: GraphFunc) {
    super();
    this.pattern = pattern;
    this.rewrite = rewrite;
    const before = indexBindings(f);
    this.bindings = {
      valueOf: (v: GraphVar) => this.lookupBinding(v),
      usersOf: (v) => before.usersOf(v),
    };
  }

  protected override visitValue(e: GraphExpr, original: GraphExpr): GraphExpr {
    const value = super.visitValue(e, original);
    const match = matchExpr(this.pattern, value, this.bindings);
    return match ? this.rewrite(value, match) : value;
  }
}
