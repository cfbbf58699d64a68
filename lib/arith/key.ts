/** Text that two expressions share exactly when they are the same computation of the same variables. */
import { type Expr, unreachable } from "../ir/index.ts";

export function exprKey(e: Expr): string {
  switch (e.kind) {
    case "var":
      return `v${e.id}`;
    case "const":
      return `${e.value}:${e.dtype}`;
    case "binary":
      return `(${exprKey(e.a)} ${e.op} ${exprKey(e.b)})`;
    case "unary":
      return `${e.op}(${exprKey(e.a)})`;
    case "select":
      return `sel(${exprKey(e.cond)},${exprKey(e.a)},${exprKey(e.b)})`;
    case "cast":
      return `${e.dtype}(${exprKey(e.value)}:${e.value.dtype})`;
    case "call":
      return `${e.op}(${e.args.map(exprKey).join(",")})`;
    case "load":
      return `b${e.buffer.id}[${e.indices.map(exprKey).join(",")}]`;
    default:
      return unreachable(e);
  }
}

export const sameExpr = (a: Expr, b: Expr): boolean => a === b || exprKey(a) === exprKey(b);
