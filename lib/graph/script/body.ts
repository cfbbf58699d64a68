/** Bodies of graph-level functions, dataflow blocks and branches: statements one after the other, then what is returned. */
import type {
  ArrowFunctionExpression,
  CallExpression,
  Expression,
  FunctionExpression,
  Pattern,
  ReturnStatement,
  Statement,
  VariableDeclarator,
} from "acorn";
import {
  type GraphBody,
  type GraphExpr,
  type GraphVar,
  graphIf,
  tupleExpr,
  tupleGet,
  type Var,
  variable,
  withSpan,
} from "../../ir/index.ts";
import { dialectName, fail, plainArgs, spanAt } from "../../script/parse/context.ts";
import { text } from "../../script/parse/literals.ts";
import { declareSize, emit, type GraphContext, inner, made, OpenBody, operand } from "./context.ts";
import { ValueParser } from "./values.ts";

type Callback = ArrowFunctionExpression | FunctionExpression;
type Item = VariableDeclarator | Expression | ReturnStatement;

const values: ValueParser = new ValueParser({
  dataflow: (e, cx) => {
    const outputs = dataflow(e, cx);
    return outputs.length === 1 ? outputs[0] : made(cx, e, () => tupleExpr(outputs));
  },
  branches: (e, cx) => {
    const [cond, then, other] = plainArgs(cx, e.arguments);
    if (cond === undefined) return fail(cx, e, "R.if takes (cond, () => { … }, () => { … })");
    const c = values.leaf(cond, cx);
    if (cx.body.dataflow)
      return fail(cx, e, "an if stands outside of dataflow blocks: which branch runs is an effect");
    const sides = [then, other].map((b) => body(callback(b, e, cx), cx));
    return made(cx, e, () => graphIf(c, sides[0], sides[1]));
  },
});

/** The body of a function or branch, in a scope of its own. */
export function body(fn: Callback, outer: GraphContext): GraphBody {
  const open = new OpenBody();
  const cx = inner(outer, open);
  const returned = statements(fn, cx);
  if (!returned) return fail(cx, fn, "it returns nothing: end it with return value;");
  if (isWord(returned, "output"))
    return fail(cx, returned, "R.output ends a dataflow block; a function returns its value: return gv;");
  const result = operand(cx, returned, values.value(returned, cx));
  return { blocks: open.blocks, result };
}

/** What the block gives, in order. */
function dataflow(e: CallExpression, outer: GraphContext): GraphVar[] {
  if (outer.body.dataflow) return fail(outer, e, "dataflow blocks do not nest");
  const fn = callback(plainArgs(outer, e.arguments)[0], e, outer);
  const outputs: GraphVar[] = [];
  outer.body.within((block) => {
    const cx = inner(outer);
    const returned = statements(fn, cx);
    if (!returned) return;
    if (returned.type !== "CallExpression" || !isWord(returned, "output"))
      return fail(cx, returned, "a dataflow block ends with return R.output(value, …)");
    for (const a of plainArgs(cx, returned.arguments)) {
      const v = values.value(a, cx);
      const here = (x: GraphExpr): x is GraphVar =>
        x.kind === "graphVar" && block.bindings.some((b) => b.kind !== "tensorToShape" && b.v.id === x.id);
      const out = here(v) && !outputs.includes(v) ? v : emit(cx, a, v, "gv");
      outputs.push(out);
      block.outputs.push(out.id);
    }
  });
  return outputs;
}

/** Reads the statements of a callback; gives the expression it returns, if it returns one. */
function statements(fn: Callback, cx: GraphContext): Expression | undefined {
  if (fn.async || fn.generator) fail(cx, fn, "the function is neither async nor a generator");
  if (fn.body.type !== "BlockStatement") return last(fn.body, cx);
  const items = fn.body.body.flatMap((s) => flatten(s, cx));
  for (const [k, item] of items.entries()) {
    if (item.type === "ReturnStatement") {
      if (k < items.length - 1) fail(cx, items[k + 1], "nothing follows a return");
      return item.argument ? last(item.argument, cx) : undefined;
    }
    statement(item, cx);
  }
  return undefined;
}

/** Of a list with commas (transpilers write such) the last is the value. */
function last(e: Expression, cx: GraphContext): Expression {
  if (e.type !== "SequenceExpression") return e;
  for (const x of e.expressions.slice(0, -1)) statement(x, cx);
  return last(e.expressions[e.expressions.length - 1], cx);
}

function flatten(s: Statement, cx: GraphContext): Item[] {
  switch (s.type) {
    case "VariableDeclaration":
      return s.declarations;
    case "ExpressionStatement":
      return parts(s.expression);
    case "EmptyStatement":
      return [];
    case "ReturnStatement":
      return [s];
    case "IfStatement":
      return fail(cx, s, "a choice is made by R.if(cond, () => { … }, () => { … })");
    case "ForStatement":
    case "ForOfStatement":
    case "WhileStatement":
    case "DoWhileStatement":
      return fail(cx, s, "a loop calls a function of the module: R.loop(name, { trip, carried }, type)");
    default:
      return fail(cx, s, `${s.type} is no statement of a graph-level function: those are const and return`);
  }
}

const parts = (e: Expression): Expression[] =>
  e.type === "SequenceExpression" ? e.expressions.flatMap(parts) : [e];

function statement(item: VariableDeclarator | Expression, cx: GraphContext): void {
  if (item.type === "VariableDeclarator") return declaration(item, cx);
  if (item.type === "Literal" && typeof item.value === "string") return; // "use strict"
  if (item.type === "AssignmentExpression") return fail(cx, item, "a variable is bound once: const gv = …");
  if (item.type === "CallExpression" && isWord(item, "tensorToShape")) return bindSizes(item, cx);
  // A value that nothing names: its effect counts, or it is an output-less block.
  if (item.type === "CallExpression" && isWord(item, "dataflow")) {
    dataflow(item, cx);
    return;
  }
  const v = values.value(item, cx);
  if (v.kind !== "graphVar") emit(cx, item, v);
}

function declaration(d: VariableDeclarator, cx: GraphContext): void {
  const e = d.init;
  if (!e) return fail(cx, d, "a name is declared with its value: const gv = R.add(x, y)");
  if (e.type === "CallExpression") {
    const word = dialectName(e.callee, "R");
    const args = plainArgs(cx, e.arguments);
    if (word === "dataflow") return declareOutputs(d.id, dataflow(e, cx), e, cx);
    if (word === "tensorToShape") return declareSizes(d.id, e, cx);
    if (word === "size") {
      const dtype = args[0] === undefined ? "i32" : text(args[0], "the dtype of a size", e, cx);
      if (dtype !== "i32" && dtype !== "i64") return fail(cx, args[0], "a size is i32 or i64");
      const name = nameOf(d.id, cx);
      return declareSize(cx, name, variable(name, dtype));
    }
    if ((word === "matchCast" || word === "withType") && d.id.type === "Identifier") {
      const kind = word === "matchCast" ? "matchCast" : "bind";
      const v = values.cast(kind, args[0], args[1], e, cx, d.id.name);
      return cx.values.declare(d.id.name, v);
    }
  }
  const v = values.value(e, cx);
  if (d.id.type !== "ArrayPattern") {
    const name = nameOf(d.id, cx);
    return cx.values.declare(name, emit(cx, d, v, name));
  }
  // const [a, b] = R.split(x, …)
  const tuple = operand(cx, e, v);
  for (const [i, name] of namesOf(d.id, cx).entries()) {
    if (name === undefined) continue;
    const field = tuple.kind === "tupleExpr" ? tuple.fields[i] : made(cx, d, () => tupleGet(tuple, i));
    if (!field) return fail(cx, d, `the value has no field ${i}`);
    cx.values.declare(name, emit(cx, d, field, name));
  }
}

function declareOutputs(id: Pattern, outputs: readonly GraphVar[], e: Expression, cx: GraphContext): void {
  if (id.type === "Identifier") {
    return cx.values.declare(id.name, outputs.length === 1 ? outputs[0] : outputs);
  }
  for (const [i, name] of namesOf(id, cx).entries()) {
    if (name === undefined) continue;
    const v = outputs[i] ?? fail(cx, e, `the block has ${outputs.length} output(s)`);
    cx.values.declare(name, v);
  }
}

function declareSizes(id: Pattern, e: CallExpression, cx: GraphContext): void {
  const [tensor] = plainArgs(cx, e.arguments);
  if (tensor === undefined) return fail(cx, e, "const [n] = R.tensorToShape(t) takes a tensor");
  const value = values.leaf(tensor, cx);
  const sizes: Var[] = namesOf(id, cx).map((name) =>
    name === undefined ? fail(cx, id, "name every size: const [n, m] = …") : variable(name),
  );
  cx.body.push(withSpan({ kind: "tensorToShape", sizes, value }, spanAt(cx, e)));
  for (const v of sizes) declareSize(cx, v.name, v);
}

/** `R.tensorToShape(t, [n, m])`: the sizes were declared before, outside of the block perhaps. */
function bindSizes(e: CallExpression, cx: GraphContext): void {
  const [tensor, list] = plainArgs(cx, e.arguments);
  if (list?.type !== "ArrayExpression")
    return fail(cx, e, "const [n] = R.tensorToShape(t), or R.tensorToShape(t, [n]) for declared sizes");
  const value = values.leaf(tensor, cx);
  const sizes = list.elements.map((x): Var => {
    const b = x?.type === "Identifier" ? cx.scope.find(x.name)?.binding : undefined;
    return b?.kind === "size" ? b.v : fail(cx, x ?? list, "declare the size: const n = R.size()");
  });
  cx.body.push(withSpan({ kind: "tensorToShape", sizes, value }, spanAt(cx, e)));
}

function nameOf(id: Pattern, cx: GraphContext): string {
  return id.type === "Identifier" ? id.name : fail(cx, id, "a value gets one name: const gv = …");
}

function namesOf(id: Pattern, cx: GraphContext): (string | undefined)[] {
  if (id.type !== "ArrayPattern") return fail(cx, id, "several names are written const [a, b] = …");
  return id.elements.map((x) => (x === null ? undefined : nameOf(x, cx)));
}

const isWord = (e: Expression, word: string): boolean =>
  e.type === "CallExpression" && dialectName(e.callee, "R") === word;

function callback(given: Expression | undefined, at: Expression, cx: GraphContext): Callback {
  let e = given;
  // esbuild's keepNames wraps functions: __name(() => …, "name").
  if (e?.type === "CallExpression" && e.callee.type === "Identifier" && e.callee.name === "__name") {
    const wrapped = e.arguments[0];
    if (wrapped && wrapped.type !== "SpreadElement") e = wrapped;
  }
  if (e?.type === "ArrowFunctionExpression" || e?.type === "FunctionExpression") {
    return e.params.length === 0 ? e : fail(cx, e.params[0], "it takes no parameters: () => { … }");
  }
  return fail(cx, e ?? at, "a function is needed here: () => { … }");
}
