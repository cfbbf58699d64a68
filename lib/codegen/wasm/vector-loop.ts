/** Vectorised loops. */
import { constInt, type For, type Stmt } from "../../ir/index.ts";
import type { Context } from "./context.ts";

/** Generates vector code for the loop; false when it has to run as a scalar loop. */
export function vectorLoop(c: Context, s: For, statement: (c: Context, s: Stmt) => void): boolean {
  const n = constInt(s.extent);
  const min = constInt(s.min);
  if (n === undefined || min === undefined || n > 64) return false;
  for (let i = 0; i < n; i++) {
    c.known.set(s.v.id, min + i);
    c.ranges.set(s.v.id, { min: min + i, max: min + i });
    statement(c, s.body);
  }
  c.known.delete(s.v.id);
  return true;
}
