/**
 * Pairs: two numbers of 16 bits in an i32, the first in its low half. The product of two pairs is the sum of the products
 * of their halves, which processors have as one instruction: sums of products of small integers take half as many
 * steps. Products and their sum wrap like i32 does (only four times the least number of 16 bits can).
 */
import { call, constInt, type Expr, ops } from "../ir/index.ts";
import { exprKey } from "./key.ts";

const BITS = 16;
const shift = (op: "shiftLeft" | "shiftRight", x: Expr): Expr => call(op, [x, ops.toExpr(BITS, "i32")]);
const low = (x: Expr): Expr => shift("shiftRight", shift("shiftLeft", x));
const high = (x: Expr): Expr => shift("shiftRight", x);

/** The pair of two i32, of which the low 16 bits are kept. */
export function pairOf(first: Expr, second: Expr): Expr {
  const kept = call("bitAnd", [first, ops.toExpr(0xffff, "i32")]);
  return call("bitOr", [kept, shift("shiftLeft", second)]);
}

/** first · first + second · second of two pairs, as i32. */
export function pairProduct(x: Expr, y: Expr): Expr {
  return ops.add(ops.mul(low(x), low(y)), ops.mul(high(x), high(y)));
}

/** The pairs whose product (as `pairProduct` writes it) an expression is, or undefined. */
export function factorsOfPairs(e: Expr): readonly [Expr, Expr] | undefined {
  if (e.dtype !== "i32" || e.kind !== "binary" || e.op !== "add") return undefined;
  const [a, b] = [e.a, e.b];
  if (a.kind !== "binary" || a.op !== "mul" || b.kind !== "binary" || b.op !== "mul") return undefined;
  const x = shifted(b.a, "shiftRight");
  const y = shifted(b.b, "shiftRight");
  if (!x || !y) return undefined;
  const isLow = (part: Expr, pair: Expr): boolean => {
    const inner = shifted(part, "shiftRight");
    const whole = inner && shifted(inner, "shiftLeft");
    return whole !== undefined && exprKey(whole) === exprKey(pair);
  };
  return isLow(a.a, x) && isLow(a.b, y) ? [x, y] : undefined;
}

/** What is shifted by half a pair. */
function shifted(e: Expr, op: "shiftLeft" | "shiftRight"): Expr | undefined {
  return e.kind === "call" && e.op === op && constInt(e.args[1]) === BITS ? e.args[0] : undefined;
}
