/** A whole function: parameters, the callback, the root block; and the check that what was read is well-formed. */
import type { ArrowFunctionExpression, FunctionExpression, Pattern, Statement } from "acorn";
import {
  type Attrs,
  assertWellFormed,
  block,
  type PrimFunc,
  primFunc,
  type Stmt,
  VerifyError,
  withSpan,
} from "../../ir/index.ts";
import { ScriptError } from "../error.ts";
import type { ParamSpecs } from "../spec.ts";
import { at, type Context, fail, spanAt } from "./context.ts";
import { newFrame } from "./frame.ts";
import { makeParams, type Params } from "./params.ts";
import { type Binding, type ConstValue, Scope } from "./scope.ts";
import { statements } from "./statements.ts";

export type FunctionNode = ArrowFunctionExpression | FunctionExpression;
export type Consts = { readonly [name: string]: ConstValue };

export interface FunctionOptions {
  /** Values of the surroundings that the program mentions, by name. */
  readonly consts?: Consts;
  readonly attrs?: Attrs;
}

/** Parses the callback of `T.primFunc`. */
export function parseFunction(
  source: string,
  fn: FunctionNode,
  specs: ParamSpecs,
  options: FunctionOptions = {},
): PrimFunc {
  const cx0 = { source };
  const params = at(cx0, fn, () => makeParams(specs));
  const scope = rootScope(params, options.consts ?? {});
  const cx: Context = { source, scope };
  if (fn.async || fn.generator) fail(cx, fn, "a tensor program is neither async nor a generator");
  bindParams(fn, params, options.consts ?? {}, cx);

  const inside = new Scope(scope);
  const frame = newFrame("function", "root", scope, inside);
  const body = statements(bodyOf(fn), { source, scope: inside }, frame);
  const root = withSpan(rootBlock(frame, body), spanAt(cx, fn));
  const func = primFunc([...params.params.values()], root, { attrs: { ...options.attrs, ...frame.attrs } });
  return check(withSpan(func, spanAt(cx, fn)), source, fn);
}

function rootBlock(frame: ReturnType<typeof newFrame>, body: Stmt) {
  const { allocs, reads, writes, annotations } = frame;
  return block({ name: "root", body, allocs, reads, writes, annotations });
}

function bodyOf(fn: FunctionNode): Statement[] {
  if (fn.body.type === "BlockStatement") return fn.body.body;
  return [
    { type: "ExpressionStatement", expression: fn.body, start: fn.body.start, end: fn.body.end } as Statement,
  ];
}

/** What the names of the callback's parameter may be: parameters, sizes and constants. */
function rootScope(params: Params, consts: Consts): Scope {
  const scope = new Scope(undefined, {
    explain: (name) => {
      if (params.params.has(name))
        return `${name} is a parameter that the callback does not take: add it, ({ …, ${name} }) => …`;
      if (params.sizes.has(name))
        return `${name} is a symbolic size that the callback does not take: add it, ({ …, ${name} }) => …`;
      return undefined;
    },
  });
  for (const [name, value] of Object.entries(consts)) {
    if (!["number", "bigint", "boolean"].includes(typeof value)) {
      throw new TypeError(`consts.${name}: a constant is a number, bigint or boolean, not ${typeof value}`);
    }
    scope.declare(name, { kind: "const", value });
  }
  return scope;
}

function bindParams(fn: FunctionNode, { params, sizes }: Params, consts: Consts, cx: Context): void {
  const names = [...params.keys(), ...sizes.keys()];
  const usage = `take the parameters by name: ({ ${names.join(", ")} }) => { … }`;
  if (fn.params.length === 0) return;
  const p: Pattern = fn.params[0];
  if (fn.params.length > 1 || p.type !== "ObjectPattern") return fail(cx, p, usage);
  for (const q of p.properties) {
    if (q.type !== "Property" || q.key.type !== "Identifier" || q.value.type !== "Identifier")
      return fail(cx, q, usage);
    const binding = bindingOf(q.key.name, params, sizes, consts);
    if (!binding) {
      return fail(
        cx,
        q,
        `${q.key.name} is no parameter; there are ${[...names, ...Object.keys(consts)].join(", ") || "none"}`,
      );
    }
    cx.scope.declare(q.value.name, binding);
  }
}

function bindingOf(
  name: string,
  params: Params["params"],
  sizes: Params["sizes"],
  consts: Consts,
): Binding | undefined {
  const p = params.get(name);
  if (p) return p.kind === "buffer" ? { kind: "buffer", buffer: p } : { kind: "scalar", v: p };
  const v = sizes.get(name);
  if (v) return { kind: "size", v };
  return Object.hasOwn(consts, name) ? { kind: "const", value: consts[name] } : undefined;
}

/** The verifier's problems as an error at the place of the first. */
function check(f: PrimFunc, source: string, fn: FunctionNode): PrimFunc {
  try {
    return assertWellFormed(f);
  } catch (e) {
    if (!(e instanceof VerifyError)) throw e;
    const first = e.problems.find((p) => p.span)?.span;
    const text = [...new Set(e.problems.map((p) => p.message))].join("; ");
    throw new ScriptError(text, source, first?.offset ?? fn.start, { cause: e });
  }
}
