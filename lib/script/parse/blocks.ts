/** Blocks and what is said about them: `T.block`, `T.init`, `T.where`, `T.reads`, … */
import type { CallExpression, Expression, Statement } from "acorn";
import { block as makeBlock, type Stmt } from "../../ir/index.ts";
import { outside } from "./axes.ts";
import { region } from "./buffers.ts";
import { built, type Context, fail, plainArgs } from "./context.ts";
import { condition } from "./expression.ts";
import { type Frame, newFrame } from "./frame.ts";
import { attrs, text } from "./literals.ts";
import { Scope } from "./scope.ts";

/** Parses statement lists (passed in, as statements contain blocks and blocks statements). */
export type StatementsParser = (nodes: readonly Statement[], cx: Context, frame?: Frame) => Stmt;

/** `T.block("name", () => { … })`. */
export function block(e: CallExpression, cx: Context, statements: StatementsParser): Stmt {
  const [nameArg, fn] = plainArgs(cx, e.arguments);
  const name = text(nameArg, "the block's name", e, cx);
  const scope = new Scope(cx.scope, { block: name });
  const frame = newFrame("block", name, cx.scope, scope);
  const usage = 'T.block("name", () => { … })';
  const body = statements(callback(fn, e, usage, cx), { ...cx, scope }, frame);
  return built(cx, e, () => makeBlock({ ...frame, body }));
}

/** The statements of a callback without parameters. */
export function callback(fn: Expression | undefined, e: Expression, usage: string, cx: Context): Statement[] {
  let f = fn;
  // esbuild's keepNames wraps functions: __name(() => …, "name").
  if (f?.type === "CallExpression" && f.callee.type === "Identifier" && f.callee.name === "__name") {
    const wrapped = f.arguments[0];
    if (wrapped && wrapped.type !== "SpreadElement") f = wrapped;
  }
  if (f?.type !== "ArrowFunctionExpression" && f?.type !== "FunctionExpression")
    return fail(cx, f ?? e, `write ${usage}`);
  if (f.params.length > 0 || f.async || f.generator) {
    fail(cx, f, `the function takes no parameters and is neither async nor a generator: ${usage}`);
  }
  if (f.body.type === "BlockStatement") return f.body.body;
  const { start, end, loc, range } = f.body;
  return [{ type: "ExpressionStatement", expression: f.body, start, end, loc, range } as Statement];
}

interface Declaration {
  /** Whether it may stand in a function's body, a block's or both. */
  readonly of: readonly Frame["kind"][];
  readonly parse: (e: CallExpression, cx: Context, frame: Frame, statements: StatementsParser) => void;
}

/** Calls that are statements and say something about the block or function around them. */
export const DECLARATIONS: Readonly<Record<string, Declaration>> = {
  init: {
    of: ["block"],
    parse: (e, cx, frame, statements) => {
      once("init", frame.init, e, cx);
      const [fn] = plainArgs(cx, e.arguments);
      const body = callback(fn, e, "T.init(() => { Y[vi] = 0; })", cx);
      const reduce = new Set(frame.axes.filter((a) => a.type === "R").map((a) => a.v.name));
      const scope = new Scope(cx.scope, {
        hides: reduce,
        explain: (name) =>
          reduce.has(name)
            ? `${name} is a reduce axis: T.init runs before the reduction and cannot mention it`
            : undefined,
      });
      frame.init = statements(body, { ...cx, scope });
    },
  },
  where: {
    of: ["block"],
    parse: (e, cx, frame) => {
      once("where", frame.predicate, e, cx);
      const [c] = plainArgs(cx, e.arguments);
      if (!c) fail(cx, e, "T.where takes the condition under which the block runs");
      frame.predicate = condition(c, { ...cx, scope: outside(frame) });
    },
  },
  reads: {
    of: ["block", "function"],
    parse: (e, cx, frame) => {
      once("reads", frame.reads, e, cx);
      frame.reads = plainArgs(cx, e.arguments).map((a) => region(a, cx));
    },
  },
  writes: {
    of: ["block", "function"],
    parse: (e, cx, frame) => {
      once("writes", frame.writes, e, cx);
      frame.writes = plainArgs(cx, e.arguments).map((a) => region(a, cx));
    },
  },
  annotate: {
    of: ["block", "function"],
    parse: (e, cx, frame) => {
      frame.annotations = { ...frame.annotations, ...attrs(plainArgs(cx, e.arguments)[0], cx) };
    },
  },
  attrs: {
    of: ["function"],
    parse: (e, cx, frame) => {
      frame.attrs = { ...frame.attrs, ...attrs(plainArgs(cx, e.arguments)[0], cx) };
    },
  },
};

function once(name: string, old: unknown, e: CallExpression, cx: Context): void {
  if (old !== undefined) fail(cx, e, `T.${name} stands twice in this block`);
}
