/** Whether a program may write its result over one of its inputs. */
import { bufferParams, type PrimFunc, type Stmt, visitExpr, visitStmt } from "../../ir/index.ts";
import { sameShape } from "../shape.ts";

/**
 * Whether every element of the input `param` is read only in the instance of a block that writes the element at the same
 * place of the output `out` (both by position among the buffers): then the two may be the same memory.
 */
export function worksInPlace(f: PrimFunc, param: number, out: number): boolean {
  const buffers = bufferParams(f);
  const [x, y] = [buffers[param], buffers[out]];
  if (!x || !y || x.dtype !== y.dtype || x.strides || y.strides || !sameShape(x.shape, y.shape)) return false;
  let fine = true;
  let stores = 0;
  const key = (v: unknown): string => JSON.stringify(v);
  const look = (s: Stmt): void => {
    visitStmt(s, {
      stmt: (t) => {
        if (t.kind === "extern") fine = false;
        if (t.kind !== "store") return true;
        const own = t.buffer.id === y.id;
        if (own) stores++;
        const at = key(t.indices);
        for (const e of [...t.indices, t.value]) {
          visitExpr(e, (l) => {
            if (l.kind === "load" && l.buffer.id === x.id && !(own && key(l.indices) === at)) fine = false;
          });
        }
        return false;
      },
      expr: (e) => {
        if (e.kind === "load" && e.buffer.id === x.id) fine = false;
      },
    });
  };
  look(f.body);
  return fine && stores === 1;
}
