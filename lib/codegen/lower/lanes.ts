/** Which vectorised loops can run in lanes, and in how many. */
import { constInt, type DType, type Expr, type For, type Var, visitExpr, visitStmt } from "../../ir/index.ts";
import { accessesIn, type BufferAccess, linearIndex } from "./access.ts";
import { distance, type Poly, polyOf } from "./poly.ts";

/** How many lanes the loop can run in, or undefined when it has to stay scalar. */
export function vectorLanesOf(s: For): 2 | 4 | undefined {
  if (!isLaneParallel(s)) return undefined;
  const wide = (t: DType): boolean => t === "f64" || t === "i64";
  let lanes: 2 | 4 = wide(s.v.dtype) ? 2 : 4;
  const look = (e: Expr): void =>
    visitExpr(e, (x) => {
      if (wide(x.dtype)) lanes = 2;
      // Indices are scalar code.
      return x.kind !== "load";
    });
  visitStmt(s.body, {
    stmt: (x) => {
      if (x.kind === "store") look(x.value);
      if (x.kind === "let") look(x.value);
    },
  });
  return lanes;
}

/** Whether running the statements of the body for all iterations side by side gives what the loop gives. */
function isLaneParallel(s: For): boolean {
  const bound = new Set<number>();
  const varying = new Set([s.v.id]);
  let uniform = true;
  const depends = (e: Expr): boolean => {
    let found = false;
    visitExpr(e, (x) => {
      if (x.kind === "var" && varying.has(x.id)) found = true;
      return !found;
    });
    return found;
  };
  visitStmt(s.body, {
    stmt: (x) => {
      if (x.kind === "for") bound.add(x.v.id);
      if (x.kind === "let") {
        bound.add(x.v.id);
        if (depends(x.value)) varying.add(x.v.id);
      }
      if (x.kind === "if" && depends(x.cond)) uniform = false;
      if (x.kind === "extern") uniform = false;
      if (x.kind === "for" && (depends(x.min) || depends(x.extent))) uniform = false;
    },
  });
  if (!uniform) return false;
  const accesses = accessesIn(s.body);
  const stored = new Set(accesses.filter((a) => a.isStore).map((a) => a.buffer.id));
  for (const id of stored) {
    const own = accesses.filter((a) => a.buffer.id === id);
    if (!separateDimension(s.v, own, bound) && !separateElements(s, own, bound)) return false;
  }
  return true;
}

/** Coefficient of `v` in `p` when `p` is otherwise free of `v` and of `bound`; undefined when it is not. */
function coefficient(p: Poly, v: Var, bound: ReadonlySet<number>): number | undefined {
  let coef = 0;
  for (const t of p.values()) {
    const isV = t.atoms.length === 1 && t.atoms[0].kind === "var" && t.atoms[0].id === v.id;
    if (isV) coef = t.coef;
    else {
      for (const a of t.atoms) {
        let bad = false;
        visitExpr(a, (x) => {
          if (x.kind === "load" || (x.kind === "var" && (x.id === v.id || bound.has(x.id)))) bad = true;
        });
        if (bad) return undefined;
      }
    }
  }
  return coef;
}

/** Some dimension has the same index in all accesses, and it is another one in every lane. */
function separateDimension(v: Var, accesses: readonly BufferAccess[], bound: ReadonlySet<number>): boolean {
  return accesses[0].indices.some((_, d) => {
    const polys = accesses.map((a) => polyOf(a.indices[d]));
    const coef = coefficient(polys[0], v, bound);
    return coef !== undefined && coef !== 0 && polys.every((p) => distance(p, polys[0]) === 0);
  });
}

/** All accesses are apart by constants that no two lanes can bridge. */
function separateElements(s: For, accesses: readonly BufferAccess[], bound: ReadonlySet<number>): boolean {
  const n = constInt(s.extent);
  if (n === undefined) return false;
  const polys = accesses.map((a) => linearIndex(a.buffer, a.indices));
  const stride = coefficient(polys[0], s.v, bound);
  if (stride === undefined || stride === 0) return false;
  return polys.every((p) =>
    polys.every((q) => {
      const d = distance(p, q);
      return d !== undefined && (d === 0 || d % stride !== 0 || Math.abs(d / stride) >= n);
    }),
  );
}
