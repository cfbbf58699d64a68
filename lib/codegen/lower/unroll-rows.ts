/**
 * Short serial loops over neighbouring sums become straight-line code, as if the schedule had said `unroll`.
 *
 * `for k { for j in 0..8 { Y[j] += A[k] * B[k][j] } }` updates the same eight elements for every k. Written out, they
 * are accumulators in registers (`accumulators.ts`) whose additions overlap; as a loop each waits for memory. Only loops
 * whose variable picks the stored element are taken: unrolling the reduction itself makes V8 move all loads ahead of
 * the arithmetic and run out of registers.
 */
import { constInt, type For, mapStmt, type Stmt, type Store, usesVar, visitStmt } from "../../ir/index.ts";

/** As many scalar sums as fit beside their operands in 16 registers. */
const MAX_ROW = 8;

export function unrollRows(root: Stmt): Stmt {
  const go = (s: Stmt): Stmt => {
    const y = mapStmt(s, { stmt: go });
    if (y.kind !== "for" || (y.loopKind !== "serial" && y.loopKind !== "unrolled") || y.body.kind !== "for")
      return y;
    return isRow(y.body, y) ? { ...y, body: { ...y.body, loopKind: "unrolled" } } : y;
  };
  return go(root);
}

/** Whether `inner` goes over a few elements that every iteration of `outer` updates again. */
function isRow(inner: For, outer: For): boolean {
  const n = constInt(inner.extent);
  if (inner.loopKind !== "serial" || n === undefined || n < 2 || constInt(inner.min) === undefined)
    return false;
  const stores: Store[] = [];
  let plain = true;
  visitStmt(inner.body, {
    stmt: (x) => {
      if (x.kind === "store") stores.push(x);
      else if (x.kind !== "seq" && x.kind !== "let") plain = false;
    },
  });
  if (!plain || stores.length === 0 || n * stores.length > MAX_ROW) return false;
  const moves = (s: Store, loop: For): boolean => s.indices.some((i) => usesVar(i, new Set([loop.v.id])));
  return stores.every((s) => moves(s, inner) && !moves(s, outer));
}
