/** Constants and types in the text of a graph-level function. */
import type { CallExpression, Expression } from "acorn";
import {
  type Constant,
  constantOf,
  type Expr,
  type GraphType,
  tensorType,
  tupleType,
} from "../../ir/index.ts";
import { dialectName, fail, plainArgs } from "../../script/parse/context.ts";
import { expression } from "../../script/parse/expression.ts";
import { dtypeArg } from "../../script/parse/functions.ts";
import { text } from "../../script/parse/literals.ts";
import { dataOf, pendingData } from "../../script/pending.ts";
import { constantData, type Nested } from "../constant.ts";
import { type GraphContext, made } from "./context.ts";

/** Sizes: `[n, 4]`. */
export function sizes(e: Expression | undefined, at: Expression, cx: GraphContext): Expr[] {
  if (e?.type !== "ArrayExpression") return fail(cx, e ?? at, "sizes are written as an array: [n, 4]");
  return e.elements.map((s) => {
    if (s === null || s.type === "SpreadElement") return fail(cx, e, "write every size out: [n, 4]");
    if (s.type === "Literal" && typeof s.value === "string")
      return fail(cx, s, `inside the program a size is declared: const ${s.value} = R.size()`);
    const x = expression(s, cx, "i32");
    return x.dtype === "i32" || x.dtype === "i64" ? x : fail(cx, s, `a size is an integer, not ${x.dtype}`);
  });
}

/** A type: `R.tensor([n, 10], "f32")`, a list of types for a tuple, `R.shapeType(2)`. */
export function typeOf(e: Expression | undefined, at: Expression, cx: GraphContext): GraphType {
  if (e?.type === "ArrayExpression") {
    return tupleType(
      e.elements.map((f) =>
        f === null || f.type === "SpreadElement" ? fail(cx, e, "write every type out") : typeOf(f, e, cx),
      ),
    );
  }
  if (e?.type === "CallExpression") {
    const [first, second] = plainArgs(cx, e.arguments);
    const word = dialectName(e.callee, "R");
    if (word === "shapeType") return { kind: "shape", rank: rankOf(first, e, cx) };
    if (word === "tensor") {
      const dtype = second === undefined ? "f32" : dtypeArg(second, e, cx);
      return tensorType(sizes(first, e, cx), dtype);
    }
  }
  return fail(cx, e ?? at, 'a type is needed here: R.tensor([n, 10], "f32"), or a list of types');
}

export function rankOf(e: Expression | undefined, at: Expression, cx: { source: string }): number {
  if (e?.type === "Literal" && typeof e.value === "number") return e.value;
  return fail(cx, e ?? at, "a rank is a number");
}

/** `R.const([1, 2], "i64")`, `R.constant("c0", type)`. */
export function constant(e: CallExpression, word: "const" | "constant", cx: GraphContext): Constant {
  const [first, second, third] = plainArgs(cx, e.arguments);
  if (first === undefined) return fail(cx, e, `R.${word} takes ${word === "const" ? "data" : "a name"}`);
  if (word === "constant") return named(text(first, "the name of a constant", e, cx), second, e, cx);
  const dtype = second === undefined ? undefined : dtypeArg(second, e, cx);
  const shape =
    third === undefined ? undefined : (elements(third, cx) as readonly number[]).map((s) => Number(s));
  return made(cx, e, () => constantOf(constantData(elements(first, cx), dtype, shape)));
}

function named(name: string, type: Expression | undefined, e: Expression, cx: GraphContext): Constant {
  const known = cx.mentioned.get(name);
  if (known) return known;
  const t = typeOf(type, e, cx);
  if (t.kind !== "tensor") return fail(cx, type ?? e, "a constant is a tensor");
  const c = made(cx, e, () =>
    cx.constants ? dataOf(name, t, cx.constants) : constantOf(pendingData(name, t)),
  );
  cx.mentioned.set(name, c);
  return c;
}

/** Numbers, booleans and arrays of them. Captured numbers may be mentioned. */
function elements(e: Expression, cx: GraphContext): Nested {
  if (e.type === "Literal") {
    if (e.bigint != null) return BigInt(e.bigint);
    if (typeof e.value === "number" || typeof e.value === "boolean") return e.value;
  }
  if (e.type === "UnaryExpression") {
    const x = elements(e.argument, cx);
    if (e.operator === "-" && (typeof x === "number" || typeof x === "bigint")) return -x;
    // What minifiers make of true and false.
    if (e.operator === "!" && typeof x === "number") return !x;
  }
  if (e.type === "BinaryExpression" && e.operator === "/" && e.left.type !== "PrivateIdentifier") {
    // And of Infinity.
    const [x, y] = [elements(e.left, cx), elements(e.right, cx)];
    if (typeof x === "number" && typeof y === "number") return x / y;
  }
  if (e.type === "ArrayExpression") {
    return e.elements.map((x) =>
      x === null || x.type === "SpreadElement" ? fail(cx, e, "write the elements out") : elements(x, cx),
    );
  }
  if (e.type === "Identifier") {
    if (e.name === "Infinity" || e.name === "NaN") return Number(e.name);
    const b = cx.scope.find(e.name)?.binding;
    if (b?.kind === "const") return b.value;
  }
  return fail(cx, e, "the data of R.const are numbers, and arrays of them; larger data go by R.constant");
}
