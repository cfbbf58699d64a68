/** Loops: `for (const [i, j] of T.grid(m, n))`, `for (const i of T.parallel(n, { min, annotations }))`. */
import type { CallExpression, Expression, ForOfStatement, Pattern } from "acorn";
import {
  type Attrs,
  type Expr,
  type LoopKind,
  loop,
  NO_ATTRS,
  ops,
  type Stmt,
  variable,
} from "../../ir/index.ts";
import { at, built, type Context, dialectName, fail, plainArgs } from "./context.ts";
import { value } from "./expression.ts";
import { attrs, entries, text } from "./literals.ts";
import { Scope } from "./scope.ts";
import { literal, pairOf, type Value } from "./value.ts";

const KINDS: Readonly<Record<string, LoopKind>> = {
  serial: "serial",
  parallel: "parallel",
  vectorized: "vectorized",
  unroll: "unrolled",
  threadBinding: "threadBinding",
};
const HOW =
  "a loop runs over T.grid, T.serial, T.range, T.parallel, T.vectorized, T.unroll or T.threadBinding";

interface Header {
  readonly min: Expr;
  readonly extent: Expr;
  readonly loopKind: LoopKind;
  readonly thread?: string;
  readonly annotations: Attrs;
}

/** The loops of one `for`, around what `body` parses with their variables in scope. */
export function forOf(s: ForOfStatement, cx: Context, body: (cx: Context) => Stmt): Stmt {
  if (s.await) fail(cx, s, "await is not part of tensor programs");
  const e = s.right;
  const name = e.type === "CallExpression" ? dialectName(e.callee) : undefined;
  if (
    e.type !== "CallExpression" ||
    name === undefined ||
    !(name === "grid" || name === "range" || name in KINDS)
  ) {
    return fail(cx, e, `${HOW}; this is ${cx.source.slice(e.start, Math.min(e.end, e.start + 40))}`);
  }
  const headers = name === "grid" ? grid(e, cx) : [single(name, e, cx)];
  const names = variables(s, name, headers.length, cx);

  const scope = new Scope(cx.scope);
  const vars = headers.map((h, k) => variable(names[k], h.extent.dtype));
  headers.forEach((h, k) => {
    scope.declare(names[k], { kind: "loop", v: vars[k], min: h.min, extent: h.extent });
  });
  let stmt = body({ ...cx, scope });
  for (let k = headers.length - 1; k >= 0; k--) {
    const { extent, ...options } = headers[k];
    const inner = stmt;
    stmt = built(cx, s, () => loop(vars[k], extent, inner, options));
  }
  return stmt;
}

function variables(s: ForOfStatement, iterator: string, n: number, cx: Context): string[] {
  if (s.left.type !== "VariableDeclaration")
    return fail(cx, s.left, "declare the loop variable: for (const i of …)");
  const id: Pattern = s.left.declarations[0].id;
  if (iterator !== "grid") {
    return id.type === "Identifier"
      ? [id.name]
      : fail(cx, id, `T.${iterator} gives one variable: for (const i of …)`);
  }
  const wanted = `T.grid of ${n} extent(s) gives ${n} variable(s): for (const [${"ijklmnpq".slice(0, n).split("").join(", ")}] of …)`;
  if (id.type !== "ArrayPattern" || id.elements.length !== n) return fail(cx, id, wanted);
  return id.elements.map((x) => (x?.type === "Identifier" ? x.name : fail(cx, id, wanted)));
}

function grid(e: CallExpression, cx: Context): Header[] {
  const args = plainArgs(cx, e.arguments);
  if (args.length === 0) fail(cx, e, "T.grid needs the extents of the loops: T.grid(128, 128)");
  return args.map((a) => ({
    ...bounds(
      literal(0, (b) => b()),
      value(a, cx),
      a,
      cx,
    ),
    loopKind: "serial",
    annotations: NO_ATTRS,
  }));
}

function single(name: string, e: CallExpression, cx: Context): Header {
  const args = plainArgs(cx, e.arguments);
  if (name === "range") {
    if (args.length === 0 || args.length > 2) fail(cx, e, "T.range takes an end, or a start and an end");
    return { ...range(args, e, cx), loopKind: "serial", annotations: NO_ATTRS };
  }
  const bound = name === "threadBinding";
  const thread = bound ? text(args[1], 'the thread axis, such as "threadIdx.x",', e, cx) : undefined;
  const [extent, options, more] = bound ? [args[0], ...args.slice(2)] : args;
  if (extent === undefined) fail(cx, e, `T.${name} needs the extent of the loop`);
  if (more || (options && options.type !== "ObjectExpression")) {
    fail(
      cx,
      more ?? options,
      `T.${name} takes one extent: write T.${name}(extent, { min }) or T.range(start, end)`,
    );
  }
  let min: Value = literal(0, (b) => b());
  let annotations = NO_ATTRS;
  for (const [key, v] of options?.type === "ObjectExpression" ? entries(options, cx) : []) {
    if (key === "min") min = value(v, cx);
    else if (key === "annotations") annotations = attrs(v, cx);
    else fail(cx, v, `unknown option ${key}: T.${name} knows min and annotations`);
  }
  return {
    ...bounds(min, value(extent, cx), extent, cx),
    loopKind: KINDS[name],
    ...(thread === undefined ? {} : { thread }),
    annotations,
  };
}

function range(args: readonly Expression[], e: Expression, cx: Context): { min: Expr; extent: Expr } {
  const values = args.map((a) => value(a, cx));
  if (values.length === 1)
    return bounds(
      literal(0, (b) => b()),
      values[0],
      e,
      cx,
    );
  const { min, extent: end } = bounds(values[0], values[1], e, cx);
  const extent = built(cx, e, () => ops.sub(end, min));
  if (extent.kind === "const" && Number(extent.value) < 0) fail(cx, e, "the range ends before it starts");
  return { min, extent };
}

function bounds(min: Value, extent: Value, e: Expression, cx: Context): { min: Expr; extent: Expr } {
  const [lo, n] = at(cx, e, () => pairOf(min, extent, "i32"));
  for (const x of [lo, n]) {
    if (x.dtype !== "i32" && x.dtype !== "i64") fail(cx, e, `loop bounds are integers, this is ${x.dtype}`);
  }
  if (lo.dtype !== n.dtype)
    fail(cx, e, `the loop starts at an ${lo.dtype} but its extent is ${n.dtype}: cast one`);
  if (n.kind === "const" && Number(n.value) < 0) fail(cx, e, `a loop cannot have ${n.value} iterations`);
  return { min: lo, extent: n };
}
