/** Indices and conditions made short again after axes or loops were put in other terms. */
import { simplify } from "../arith/index.ts";
import { constInt, type PrimFunc, rewriteStmt, type Stmt } from "../ir/index.ts";
import { rangesBelow } from "./inline-parts.ts";
import { type Located, rangesOf } from "./lookup.ts";

/** The statement, which stands (or will stand) at `at`, with indices and predicates simplified. */
export function simplifyBelow(f: PrimFunc, at: Located<Stmt>, s: Stmt): Stmt {
  const ranges = rangesBelow(s, rangesOf(f, at.path.slice(0, -1)));
  return rewriteStmt(s, {
    expr: (e) => (e.kind === "load" ? { ...e, indices: e.indices.map((i) => simplify(i, ranges)) } : e),
    stmt: (x) => {
      if (x.kind === "store") return { ...x, indices: x.indices.map((i) => simplify(i, ranges)) };
      if (x.kind !== "block" || !x.predicate) return x;
      const predicate = simplify(x.predicate, ranges);
      const { predicate: _, ...rest } = x;
      return constInt(predicate) === 1 ? rest : { ...rest, predicate };
    },
  });
}
