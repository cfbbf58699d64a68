/**
 * Quads: four bytes in an i32, the first lowest. The product of two quads is the sum of the products of their bytes, of
 * which those of the first factor have a sign and those of the second lie in 0 … 127 (the highest bit of each is not
 * looked at). With that, `i32x4.relaxed_dot_i8x16_i7x16_add_s` is exact on every machine: for seven bits its
 * specification leaves nothing open (WebAssembly core 3.0, "relaxed integer dot product"), and two products of 8 by 7
 * bits, at most 32512, fit the 16 bits in which processors add them.
 */
import { call, type Expr, ops } from "../ir/index.ts";
import { exprKey } from "./key.ts";

const i32 = (n: number): Expr => ops.toExpr(n, "i32");
const shiftLeft = (x: Expr, n: number): Expr => (n === 0 ? x : call("shiftLeft", [x, i32(n)]));
const shiftRight = (x: Expr, n: number): Expr => (n === 0 ? x : call("shiftRight", [x, i32(n)]));

/** Σ x_i · y_i over the four bytes of x (-128 … 127) and the low seven bits of those of y, as i32. */
export function quadProduct(x: Expr, y: Expr): Expr {
  const term = (byte: number): Expr =>
    ops.mul(shiftRight(shiftLeft(x, 24 - 8 * byte), 24), call("bitAnd", [shiftRight(y, 8 * byte), i32(127)]));
  return ops.add(ops.add(term(0), term(1)), ops.add(term(2), term(3)));
}

/** The quads whose product (as `quadProduct` writes it) an expression is, or undefined. */
export function factorsOfQuads(e: Expr): readonly [Expr, Expr] | undefined {
  if (e.dtype !== "i32" || e.kind !== "binary" || e.op !== "add") return undefined;
  if (e.b.kind !== "binary" || e.b.op !== "add") return undefined;
  const last = e.b.b;
  if (last.kind !== "binary" || last.op !== "mul") return undefined;
  const x = last.a.kind === "call" && last.a.op === "shiftRight" ? last.a.args[0] : undefined;
  const high = last.b.kind === "call" && last.b.op === "bitAnd" ? last.b.args[0] : undefined;
  const y = high?.kind === "call" && high.op === "shiftRight" ? high.args[0] : undefined;
  return x && y && exprKey(quadProduct(x, y)) === exprKey(e) ? [x, y] : undefined;
}
