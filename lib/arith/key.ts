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

/** Whether two expressions have one key; without making it. */
export function sameExpr(a: Expr, b: Expr): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case "var":
      return b.kind === "var" && a.id === b.id;
    case "const":
      return b.kind === "const" && a.dtype === b.dtype && String(a.value) === String(b.value);
    case "binary":
      return b.kind === "binary" && a.op === b.op && sameExpr(a.a, b.a) && sameExpr(a.b, b.b);
    case "unary":
      return b.kind === "unary" && a.op === b.op && sameExpr(a.a, b.a);
    case "select":
      return b.kind === "select" && sameExpr(a.cond, b.cond) && sameExpr(a.a, b.a) && sameExpr(a.b, b.b);
    case "cast":
      return (
        b.kind === "cast" &&
        a.dtype === b.dtype &&
        a.value.dtype === b.value.dtype &&
        sameExpr(a.value, b.value)
      );
    case "call":
      return b.kind === "call" && a.op === b.op && sameExprs(a.args, b.args);
    case "load":
      return b.kind === "load" && a.buffer.id === b.buffer.id && sameExprs(a.indices, b.indices);
    default:
      return unreachable(a);
  }
}

const sameExprs = (a: readonly Expr[], b: readonly Expr[]): boolean =>
  a.length === b.length && a.every((x, i) => sameExpr(x, b[i]));
