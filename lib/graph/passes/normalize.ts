/** Programs made by hand, brought into normal form. */
import { type GraphExpr, mapGraphExpr } from "../../ir/index.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

/** A leaf stands as it is; tuples and shapes may hold leaves; everything else gets a name. */
function leaf(e: GraphExpr, at: Place): GraphExpr {
  if (e.kind === "graphVar" || e.kind === "constant" || e.kind === "shapeLiteral") return e;
  const inner = mapGraphExpr(e, { expr: (x) => leaf(x, at) });
  return inner.kind === "tupleExpr" ? inner : at.emit(inner);
}

/**
 * The normal form: the arguments of a value are leaves, or tuples and shapes of leaves, and what a function gives is a
 * leaf or a tuple of them. Every value between gets a variable.
 */
export const normalize: Pass = graphPass("normalize", (f) =>
  rewriteFunc(f, {
    value: (e, at) => (e.kind === "constant" ? e : mapGraphExpr(e, { expr: (x) => leaf(x, at) })),
    result: leaf,
  }),
);
