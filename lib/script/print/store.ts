/** Stores as text. */
import { type Expr, type Store, structuralEqual } from "../../ir/index.ts";
import { accessText, compoundOperator, exprText } from "./expression.ts";
import type { Names } from "./names.ts";

/** `C[vi] = e;`, or `C[vi] += e;` where the value begins with the element stored to. */
export function storeText(s: Store, names: Names): string {
  const target = accessText(s.buffer, s.indices, names);
  const v = s.value;
  const op = v.kind === "binary" ? compoundOperator(v.op) : undefined;
  if (op && v.kind === "binary" && isElement(v.a, s)) {
    return `${target} ${op}= ${exprText(v.b, names, s.buffer.dtype)};`;
  }
  return `${target} = ${exprText(v, names, s.buffer.dtype)};`;
}

/** Whether `e` loads the element that `s` stores. */
const isElement = (e: Expr, s: Store): boolean =>
  e.kind === "load" &&
  e.buffer.id === s.buffer.id &&
  e.indices.every((x, d) => x === s.indices[d] || structuralEqual(x, s.indices[d]));
