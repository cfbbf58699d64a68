/** Functions of indices, such as `(i, j) => [T.floordiv(i, 16), j]`: read from their source like programs. */
import type { ArrowFunctionExpression, Expression, FunctionExpression } from "acorn";
import { type Buffer, type DType, type Expr, type Var, variable } from "../../ir/index.ts";
import { at, type Context, fail } from "./context.ts";
import { expression } from "./expression.ts";
import { type ConstValue, Scope } from "./scope.ts";
import { functionSyntax } from "./source.ts";

export interface IndexFunction {
  readonly vars: readonly Var[];
  readonly results: readonly Expr[];
}

export interface IndexFunctionNames {
  /** Values of the surroundings that the function mentions, by name. */
  readonly consts?: { readonly [name: string]: ConstValue };
  /** Buffers it may load from, by name. */
  readonly buffers?: ReadonlyMap<string, Buffer>;
}

/**
 * Reads the source of a function from indices to a list of expressions (or to one). Literals take dtype `want` where
 * nothing nearer gives them one. Throws a ScriptError that points at what cannot be read.
 */
export function parseIndexFunction(
  source: string,
  want: DType = "i32",
  names: IndexFunctionNames = {},
): IndexFunction {
  const fn = functionSyntax(source);
  const outer = new Scope();
  for (const [name, value] of Object.entries(names.consts ?? {}))
    outer.declare(name, { kind: "const", value });
  for (const [name, buffer] of names.buffers ?? []) outer.declare(name, { kind: "buffer", buffer });
  const scope = new Scope(outer);
  const cx: Context = { source, scope };
  const vars = fn.params.map((p): Var => {
    if (p.type !== "Identifier") return fail(cx, p, "name every index: (i, j) => [j, i]");
    const v = variable(p.name);
    scope.declare(p.name, { kind: "size", v });
    return v;
  });
  const body = bodyOf(fn, cx);
  const list = body.type === "ArrayExpression" ? body.elements : [body];
  const results = list.map((e) =>
    e === null || e.type === "SpreadElement"
      ? fail(cx, body, "write every index out: (i, j) => [j, i]")
      : at(cx, e, () => expression(e, cx, want)),
  );
  return { vars, results };
}

function bodyOf(fn: ArrowFunctionExpression | FunctionExpression, cx: Context): Expression {
  if (fn.body.type !== "BlockStatement") return fn.body;
  const [s] = fn.body.body;
  if (fn.body.body.length === 1 && s.type === "ReturnStatement" && s.argument) return s.argument;
  return fail(cx, fn, "a function of indices is one expression: (i, j) => [j, i]");
}
