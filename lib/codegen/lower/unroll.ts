/** `unrolled` loops of constant extent become straight-line code. */
import { constant, constInt, mapStmt, type Stmt, seq, substStmt, visitStmt } from "../../ir/index.ts";
import type { PassContext } from "./pass.ts";

/** Stores one unrolled loop may become. More only makes the instruction cache work. */
const MAX_STORES = 4096;

export function unrollLoops(s: Stmt, c: PassContext): Stmt {
  const go = (x: Stmt): Stmt => {
    const y = mapStmt(x, { stmt: go });
    if (y.kind !== "for" || y.loopKind !== "unrolled") return y;
    const n = constInt(y.extent);
    const min = constInt(y.min);
    if (n === undefined || min === undefined) {
      c.note(`loop ${y.v.name} is not unrolled: its bounds are not constant`);
      return { ...y, loopKind: "serial" };
    }
    const stores = n * countStores(y.body);
    if (stores > MAX_STORES) {
      c.note(`loop ${y.v.name} is not unrolled: it would become ${stores} stores (at most ${MAX_STORES})`);
      return { ...y, loopKind: "serial" };
    }
    const copies = Array.from({ length: n }, (_, i) =>
      substStmt(y.body, new Map([[y.v.id, constant(min + i, y.v.dtype)]])),
    );
    return seq(copies);
  };
  return go(s);
}

function countStores(s: Stmt): number {
  let n = 0;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "store" || x.kind === "extern") n++;
    },
  });
  return n;
}
