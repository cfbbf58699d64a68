/**
 * Locals that stand for elements of a small buffer, as they are read and set.
 *
 * Elements that become greater and greater (`Y = max(Y, x)`, in lanes) are held with the other sign. The greater of two
 * floats is made from the lesser of both with the other sign (`vector.ts`); held so, nothing has to be turned round for the
 * element, and what is compared with it only once, however many windows it is in.
 */
import { exprKey } from "../../arith/index.ts";
import type { Buffer, Expr, Stmt } from "../../ir/index.ts";
import { isFloat, visitStmt } from "../../ir/index.ts";
import type { Context, RegisterFile } from "./context.ts";
import type { Value } from "./graph.ts";
import { turned } from "./vector.ts";

/** What local number `n` of a buffer's holds. */
export function getHeld(c: Context, buffer: Buffer, file: RegisterFile, n: number): Value {
  const value = c.g.get(file.locals[n]);
  return file.turned ? turned(c.g, buffer.dtype, value) : value;
}

/** Has local number `n` hold a value. */
export function setHeld(c: Context, buffer: Buffer, file: RegisterFile, n: number, value: Value): void {
  c.g.set(file.locals[n], file.turned ? turned(c.g, buffer.dtype, value) : value);
  c.g.bump(buffer.id);
}

/** The buffers of floats (by id) all of whose elements that are made from themselves are made by `max`. */
export function growing(s: Stmt): ReadonlySet<number> {
  const grows = new Set<number>();
  const others = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind !== "store" || !isFloat(x.buffer.dtype) || x.buffer.dtype === "f16") return;
      const own = (e: Expr): boolean =>
        e.kind === "load" &&
        e.buffer.id === x.buffer.id &&
        e.indices.every((i, d) => exprKey(i) === exprKey(x.indices[d]));
      const { value } = x;
      if (value.kind !== "binary") return;
      if (!own(value.a) && !own(value.b)) return;
      (value.op === "max" ? grows : others).add(x.buffer.id);
    },
  });
  return new Set([...grows].filter((id) => !others.has(id)));
}
