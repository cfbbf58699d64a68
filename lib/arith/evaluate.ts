/** Integer expressions evaluated with plain numbers, where proofs are not found and cases are few. */
import { constNumber, type Expr, isLogicOp, ops } from "../ir/index.ts";

/** The value of an integer or bool expression; NaN where a variable is unknown, or for loads and calls. */
export function evalInt(e: Expr, env: ReadonlyMap<number, number>): number {
  switch (e.kind) {
    case "const":
      return constNumber(e);
    case "var":
      return env.get(e.id) ?? Number.NaN;
    case "cast":
      return evalInt(e.value, env);
    case "unary":
      return e.op === "not" ? 1 - evalInt(e.a, env) : -evalInt(e.a, env);
    case "select":
      return evalInt(e.cond, env) ? evalInt(e.a, env) : evalInt(e.b, env);
    case "binary": {
      const a = evalInt(e.a, env);
      const b = evalInt(e.b, env);
      if (isLogicOp(e.op)) return e.op === "and" ? a && b : a || b;
      return ops.foldInts(e.op, a, b) ?? Number.NaN;
    }
    default:
      return Number.NaN;
  }
}
