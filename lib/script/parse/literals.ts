/** Syntax that is data: annotations, attributes, names. */
import type { Expression, ObjectExpression } from "acorn";
import type { Attr, Attrs } from "../../ir/index.ts";
import { type Context, fail } from "./context.ts";

/** The keys and values of an object literal without spreads, methods or computed keys. */
export function entries(e: ObjectExpression, cx: { source: string }): [string, Expression][] {
  return e.properties.map((p) => {
    if (p.type !== "Property" || p.kind !== "init" || p.computed || p.method)
      return fail(cx, p, "write key: value pairs here");
    const key =
      p.key.type === "Identifier" ? p.key.name : p.key.type === "Literal" ? String(p.key.value) : undefined;
    return key === undefined ? fail(cx, p, "write key: value pairs here") : [key, p.value];
  });
}

/** A JSON value: number, string, bool, null, array or object. Captured constants may be mentioned. */
export function attr(e: Expression, cx: Context): Attr {
  if (
    e.type === "Literal" &&
    (e.value === null || ["number", "string", "boolean"].includes(typeof e.value))
  ) {
    return e.value as Attr;
  }
  if (e.type === "TemplateLiteral" && e.expressions.length === 0) return e.quasis[0].value.cooked ?? "";
  if (e.type === "UnaryExpression" && (e.operator === "-" || e.operator === "!")) {
    const v = attr(e.argument, cx);
    if (e.operator === "-" && typeof v === "number") return -v;
    if (e.operator === "!" && (typeof v === "number" || typeof v === "boolean")) return !v;
  }
  if (e.type === "ArrayExpression") {
    return e.elements.map((x) =>
      x === null || x.type === "SpreadElement" ? fail(cx, e, "write the elements out") : attr(x, cx),
    );
  }
  if (e.type === "ObjectExpression") return attrs(e, cx);
  if (e.type === "Identifier") {
    if (e.name === "Infinity" || e.name === "NaN") return Number(e.name);
    const b = cx.scope.find(e.name)?.binding;
    if (b?.kind === "const" && typeof b.value !== "bigint") return b.value;
  }
  return fail(cx, e, "an annotation's value is a literal: number, string, bool, null, array or object");
}

export function attrs(e: Expression | undefined, cx: Context): Attrs {
  if (e === undefined) return {};
  if (e.type !== "ObjectExpression") return fail(cx, e, "write the annotations as { key: value }");
  return Object.fromEntries(entries(e, cx).map(([k, v]) => [k, attr(v, cx)]));
}

/** A string literal. */
export function text(e: Expression | undefined, what: string, at: Expression, cx: Context): string {
  if (e?.type === "Literal" && typeof e.value === "string") return e.value;
  if (e?.type === "TemplateLiteral" && e.expressions.length === 0) return e.quasis[0].value.cooked ?? "";
  return fail(cx, e ?? at, `${what} is written as a string literal`);
}
