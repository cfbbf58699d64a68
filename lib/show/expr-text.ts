/**
 * Expressions in the short notation of labels: `i * 8 + j`, `⌊k / 4⌋`, `A[vi, vk]`. For reading, not for parsing:
 * the script is what can be pasted back.
 */
import type { BinaryOp, Expr } from "../ir/index.ts";

/** The sign of an operator and how tightly it binds (more binds tighter). */
const INFIX: Readonly<Partial<Record<BinaryOp, readonly [sign: string, level: number]>>> = {
  or: ["or", 1],
  and: ["and", 2],
  eq: ["=", 3],
  ne: ["≠", 3],
  lt: ["<", 3],
  le: ["≤", 3],
  gt: [">", 3],
  ge: ["≥", 3],
  add: ["+", 4],
  sub: ["-", 4],
  mul: ["*", 5],
  div: ["/", 5],
  floormod: ["mod", 5],
  truncdiv: ["quot", 5],
  truncmod: ["rem", 5],
};
const TIGHTEST = 6;

/** The text of an expression; parentheses only where they are needed. */
export function exprText(e: Expr): string {
  return at(e, 0);
}

/** `level`: what the surroundings bind with; looser operators get parentheses. */
function at(e: Expr, level: number): string {
  switch (e.kind) {
    case "var":
      return e.name;
    case "const":
      return e.dtype === "bool" ? (e.value ? "true" : "false") : String(e.value);
    case "binary": {
      if (e.op === "floordiv") return `⌊${at(e.a, 5)} / ${at(e.b, TIGHTEST)}⌋`;
      const infix = INFIX[e.op];
      if (!infix) return `${e.op}(${at(e.a, 0)}, ${at(e.b, 0)})`;
      const [sign, own] = infix;
      const text = `${at(e.a, own)} ${sign} ${at(e.b, own + 1)}`;
      return own < level ? `(${text})` : text;
    }
    case "unary":
      return `${e.op === "neg" ? "-" : "not "}${at(e.a, TIGHTEST)}`;
    case "select":
      return `select(${at(e.cond, 0)}, ${at(e.a, 0)}, ${at(e.b, 0)})`;
    case "cast":
      return `${e.dtype}(${at(e.value, 0)})`;
    case "call":
      return `${e.op}(${e.args.map((a) => at(a, 0)).join(", ")})`;
    case "load":
      return accessText(e.buffer.name, e.indices);
  }
}

/** `A[i, j]`; a scalar's buffer is its name. */
export function accessText(name: string, indices: readonly Expr[]): string {
  return indices.length === 0 ? name : `${name}[${indices.map(exprText).join(", ")}]`;
}
