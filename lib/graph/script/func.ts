/** A whole graph-level function: parameters, the callback, and the check that what was read is well-formed. */
import type { ArrowFunctionExpression, FunctionExpression } from "acorn";
import { type Attrs, type GraphFunc, graphFunc, spanOf, verifyGraphFunc, withSpan } from "../../ir/index.ts";
import { type ConstantTable, type ConstValue, ScriptError } from "../../script/index.ts";
import { at, fail, spanAt } from "../../script/parse/context.ts";
import { Scope } from "../../script/parse/scope.ts";
import { functionSyntax } from "../../script/parse/source.ts";
import { body } from "./body.ts";
import { declareSize, type GraphContext, OpenBody, Values } from "./context.ts";
import { type Signature, signatureOf } from "./signature.ts";
import type { GraphParams } from "./types.ts";

export interface GraphFuncOptions {
  readonly attrs?: Attrs;
  /** Numbers of the surroundings that the function mentions, by name. */
  readonly consts?: { readonly [name: string]: ConstValue };
  /** The data of `R.constant`, by name; `T.module` may give them later. */
  readonly constants?: ConstantTable;
}

/** Reads the callback of `R.func` from its source. Throws a ScriptError that points at what is wrong. */
export function parseGraphCallback(
  source: string,
  fn: ArrowFunctionExpression | FunctionExpression,
  specs: GraphParams,
  options: GraphFuncOptions = {},
): GraphFunc {
  const { consts = {}, constants, attrs } = options;
  const signature = at({ source }, fn, () => signatureOf(specs));
  const unknown = (name: string): string | undefined =>
    signature.sizes.has(name)
      ? `${name} is a symbolic size that the callback does not take: add it, ({ …, ${name} }) => …`
      : `${name} is no size of this function; a number from outside is passed by name: R.func(params, fn, { consts: { ${name} } })`;
  const scope = new Scope(undefined, { explain: unknown });
  for (const [name, value] of Object.entries(consts)) scope.declare(name, { kind: "const", value });
  const values = new Values();
  const cx: GraphContext = {
    source,
    scope,
    values,
    body: new OpenBody(),
    constants,
    mentioned: new Map(),
  };
  bindParams(fn, signature, consts, cx);
  const f = graphFunc([...signature.params.values()], body({ ...fn, params: [] }, cx), attrs);
  return check(withSpan(f, spanAt(cx, fn)), source, fn.start);
}

/** `R.func` at run time: the callback is never run. */
export function parseGraphFunction(specs: GraphParams, fn: unknown, options?: GraphFuncOptions): GraphFunc {
  if (typeof fn !== "function") {
    throw new TypeError(
      "R.func takes the parameters and a function: R.func({ x: R.tensor([3]) }, ({ x }) => { … })",
    );
  }
  const source = String(fn);
  return parseGraphCallback(source, functionSyntax(source), specs, options);
}

function bindParams(
  fn: ArrowFunctionExpression | FunctionExpression,
  { params, sizes }: Signature,
  consts: { readonly [name: string]: ConstValue },
  cx: GraphContext,
): void {
  const names = [...params.keys(), ...sizes.keys(), ...Object.keys(consts)];
  const usage = `take the parameters by name: ({ ${names.join(", ")} }) => { … }`;
  if (fn.params.length === 0) return;
  const p = fn.params[0];
  if (fn.params.length > 1 || p.type !== "ObjectPattern") return fail(cx, p, usage);
  for (const q of p.properties) {
    if (q.type !== "Property" || q.key.type !== "Identifier" || q.value.type !== "Identifier")
      return fail(cx, q, usage);
    const [key, name] = [q.key.name, q.value.name];
    const v = params.get(key);
    const size = sizes.get(key);
    if (v) cx.values.declare(name, v);
    else if (size) declareSize(cx, name, size);
    else if (Object.hasOwn(consts, key)) cx.scope.declare(name, { kind: "const", value: consts[key] });
    else fail(cx, q, `${key} is no parameter; there are ${names.join(", ") || "none"}`);
  }
}

/** The verifier's problems as an error at the place of the first. */
function check(f: GraphFunc, source: string, start: number): GraphFunc {
  const problems = verifyGraphFunc(f);
  if (problems.length === 0) return f;
  const first = problems.map((p) => spanOf(p.node)).find((s) => s);
  const text = [...new Set(problems.map((p) => p.message))].join("; ");
  throw new ScriptError(text, source, first?.offset ?? start);
}
