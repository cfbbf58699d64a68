/** `R.func(…)` in the text of a script. */
import type { CallExpression, Expression } from "acorn";
import type { Attrs, GraphFunc } from "../../ir/index.ts";
import { setGraphDialect } from "../../script/graph-dialect.ts";
import type { ConstantTable, ConstValue, Dim } from "../../script/index.ts";
import { type Context, dialectName, fail, plainArgs } from "../../script/parse/context.ts";
import { dtypeArg } from "../../script/parse/functions.ts";
import { attr, attrs, entries } from "../../script/parse/literals.ts";
import { Scope } from "../../script/parse/scope.ts";
import { scriptSyntax } from "../../script/parse/source.ts";
import { getOp, listOps } from "../registry.ts";
import { rankOf } from "./data.ts";
import { type GraphFuncOptions, parseGraphCallback } from "./func.ts";
import type { TypeSpec } from "./types.ts";

/**
 * The function that a script `R.func(…)` describes. `constants`: the data of the constants it names, as `constantsOf`
 * gives them.
 */
export function parseGraphFunc(
  source: string,
  options: { readonly constants?: ConstantTable } = {},
): GraphFunc {
  const e = scriptSyntax(source);
  const cx: Context = { source, scope: new Scope() };
  const f = func(e, cx, options.constants ?? {});
  return f ?? fail(cx, e, "a graph-level function is written R.func({ x: R.tensor([3]) }, ({ x }) => { … })");
}

function func(e: Expression, cx: Context, constants: ConstantTable | undefined): GraphFunc | undefined {
  if (e.type !== "CallExpression" || dialectName(e.callee, "R") !== "func") return undefined;
  const [params, fn, options] = plainArgs(cx, e.arguments);
  if (params?.type !== "ObjectExpression")
    return fail(cx, params ?? e, "the parameters are { x: R.tensor(…), … }");
  if (fn?.type !== "ArrowFunctionExpression" && fn?.type !== "FunctionExpression") {
    return fail(cx, fn ?? e, "the function is written ({ x, w }) => { … }");
  }
  const specs = Object.fromEntries(entries(params, cx).map(([name, s]) => [name, spec(s, cx)]));
  return parseGraphCallback(cx.source, fn, specs, { constants, ...optionsOf(options, cx) });
}

function optionsOf(e: Expression | undefined, cx: Context): GraphFuncOptions {
  if (e === undefined) return {};
  if (e.type !== "ObjectExpression") return fail(cx, e, "options are { attrs: { … }, consts: { … } }");
  const out: { attrs?: Attrs; consts?: { [name: string]: ConstValue } } = {};
  for (const [key, v] of entries(e, cx)) {
    if (key === "attrs") out.attrs = attrs(v, cx);
    else if (key === "consts") out.consts = attrs(v, cx) as { [name: string]: ConstValue };
    else if (key !== "constants") fail(cx, v, `unknown option ${key}: there are attrs, consts and constants`);
  }
  return out;
}

/** The type of a parameter. */
function spec(e: Expression, cx: Context): TypeSpec {
  if (e.type === "ArrayExpression") {
    return e.elements.map((f) =>
      f === null || f.type === "SpreadElement" ? fail(cx, e, "write every type out") : spec(f, cx),
    );
  }
  const word = e.type === "CallExpression" ? dialectName(e.callee, "R") : undefined;
  if (e.type === "CallExpression" && word === "tensor") return tensorSpec(e, cx);
  if (e.type === "CallExpression" && word === "shapeType")
    return { kind: "shape", rank: rankOf(plainArgs(cx, e.arguments)[0], e, cx) };
  return fail(cx, e, "a parameter's type is R.tensor(shape, dtype), or a list of types for a tuple");
}

function tensorSpec(e: CallExpression, cx: Context): TypeSpec {
  const [shape, dtype] = plainArgs(cx, e.arguments);
  if (shape?.type !== "ArrayExpression")
    return fail(cx, shape ?? e, 'a shape is written as an array: ["n", 784]');
  const dims = attr(shape, cx) as readonly Dim[];
  return { kind: "tensorSpec", shape: dims, dtype: dtype === undefined ? "f32" : dtypeArg(dtype, e, cx) };
}

/** Makes scripts understand `R.func`. `isWord`: whether `R` has a word for an operator. */
export function installGraphScript(isWord: (op: string) => boolean): void {
  setGraphDialect({
    parse: func,
    operator(name) {
      if (!listOps().includes(name)) return undefined;
      const defaults = Object.entries(getOp(name).attrs ?? {}).flatMap(([k, a]) =>
        a.default === undefined ? [] : [[k, a.default] as const],
      );
      return { word: isWord(name), defaults: Object.fromEntries(defaults) };
    },
  });
}
