/** Printed scripts back to programs, without running them. */
import type { CallExpression, Expression } from "acorn";
import { type Attrs, type BaseFunc, type IRModule, irModule, type PrimFunc } from "../../ir/index.ts";
import { graphDialect } from "../graph-dialect.ts";
import type { ConstantTable } from "../pending.ts";
import { bufferSpec, type Dim, type ParamSpec, scalarSpec } from "../spec.ts";
import { at, type Context, dialectName, fail, plainArgs } from "./context.ts";
import { type Consts, type FunctionOptions, parseFunction } from "./function.ts";
import { dtypeArg } from "./functions.ts";
import { attr, attrs, entries, text } from "./literals.ts";
import { Scope } from "./scope.ts";
import { scriptSyntax } from "./source.ts";

export interface ParseOptions {
  /** The data of the constants that the script names: `R.constant("c0", …)`. */
  readonly constants?: ConstantTable;
}

/** The module that a script `T.module({ … })` describes. */
export function parseModule(source: string, options: ParseOptions = {}): IRModule {
  const cx: Context = { source, scope: new Scope() };
  const e = scriptSyntax(source);
  if (e.type !== "CallExpression" || dialectName(e.callee) !== "module") {
    return fail(cx, e, "this script is no module: T.module({ name: T.primFunc(…) })");
  }
  const [funcs, given] = plainArgs(cx, e.arguments);
  if (funcs?.type !== "ObjectExpression")
    return fail(cx, funcs ?? e, "T.module takes { name: T.primFunc(…) }");
  const { constants = {} } = options;
  const parsed = entries(funcs, cx).map(([name, f]) => [name, funcOf(f, cx, constants)] as const);
  return irModule(Object.fromEntries(parsed), moduleAttrs(given, cx));
}

function funcOf(e: Expression, cx: Context, constants: ConstantTable): BaseFunc {
  if (e.type === "CallExpression" && dialectName(e.callee, "R") === "func") {
    const read = graphDialect()?.parse(e, cx, constants);
    return read ?? fail(cx, e, "R.func needs the operators: load the whole library, not lib/script alone");
  }
  return primFuncOf(e, cx);
}

function moduleAttrs(e: Expression | undefined, cx: Context): Attrs | undefined {
  if (e === undefined) return undefined;
  if (e.type !== "ObjectExpression") return fail(cx, e, "options are { attrs: { … }, constants }");
  let out: Attrs | undefined;
  for (const [key, v] of entries(e, cx)) {
    if (key === "attrs") out = attrs(v, cx);
    else if (key !== "constants") fail(cx, v, `unknown option ${key}: there are attrs and constants`);
  }
  return out;
}

/** The function that a script `T.primFunc(…)` describes. */
export function parsePrimFunc(source: string): PrimFunc {
  return primFuncOf(scriptSyntax(source), { source, scope: new Scope() });
}

function primFuncOf(e: Expression, cx: Context): PrimFunc {
  if (e.type !== "CallExpression" || dialectName(e.callee) !== "primFunc") {
    return fail(
      cx,
      e,
      "a function is written T.primFunc({ A: T.buffer([128]) }, ({ A }) => { … }) or R.func(…)",
    );
  }
  const [params, fn, options] = plainArgs(cx, e.arguments);
  if (params?.type !== "ObjectExpression")
    return fail(cx, params ?? e, "the parameters are { A: T.buffer(…), … }");
  if (fn?.type !== "ArrowFunctionExpression" && fn?.type !== "FunctionExpression") {
    return fail(cx, fn ?? e, "the program is a function: ({ A, B }) => { … }");
  }
  const specs = Object.fromEntries(entries(params, cx).map(([name, s]) => [name, spec(s, cx)]));
  return parseFunction(cx.source, fn, specs, optionsOf(options, cx));
}

function optionsOf(e: Expression | undefined, cx: Context): FunctionOptions {
  if (e === undefined) return {};
  if (e.type !== "ObjectExpression") return fail(cx, e, "options are { attrs: { … }, consts: { … } }");
  const out: { attrs?: Attrs; consts?: Consts } = {};
  for (const [key, v] of entries(e, cx)) {
    if (key === "attrs") out.attrs = attrs(v, cx);
    else if (key === "consts") out.consts = attrs(v, cx) as Consts;
    else fail(cx, v, `unknown option ${key}: there are attrs and consts`);
  }
  return out;
}

function spec(e: Expression, cx: Context): ParamSpec {
  const name = e.type === "CallExpression" ? dialectName(e.callee) : undefined;
  if (e.type !== "CallExpression" || (name !== "buffer" && name !== "scalar")) {
    return fail(cx, e, "a parameter is T.buffer(shape, dtype) or T.scalar(dtype)");
  }
  const args = plainArgs(cx, e.arguments);
  if (name === "scalar") return scalarSpec(dtypeArg(args[0], e, cx));
  return buffer(args, e, cx);
}

function buffer([shape, dtype, options]: readonly Expression[], e: CallExpression, cx: Context): ParamSpec {
  const o: { scope?: string; strides?: Dim[]; offsetFactor?: number } = {};
  if (options && options.type !== "ObjectExpression")
    fail(cx, options, "options are { scope, strides, offsetFactor }");
  for (const [key, v] of options?.type === "ObjectExpression" ? entries(options, cx) : []) {
    if (key === "scope") o.scope = text(v, "a storage scope", e, cx);
    else if (key === "strides") o.strides = dims(v, e, cx);
    else if (key === "offsetFactor") o.offsetFactor = attr(v, cx) as number;
    else fail(cx, v, `unknown option ${key}: T.buffer knows scope, strides and offsetFactor`);
  }
  const type = dtype === undefined ? "f32" : dtypeArg(dtype, e, cx);
  return at(cx, e, () => bufferSpec(dims(shape, e, cx), type, o));
}

/** Sizes as data; `bufferSpec` checks them. */
function dims(e: Expression | undefined, call: Expression, cx: Context): Dim[] {
  const v =
    e?.type === "ArrayExpression"
      ? attr(e, cx)
      : fail(cx, e ?? call, "a shape is written as an array: [128, 128]");
  return v as Dim[];
}
