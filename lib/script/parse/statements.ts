/** Statements: from syntax to lib/ir. */
import type {
  AssignmentExpression,
  BinaryOperator,
  CallExpression,
  Expression,
  Node,
  Statement,
  VariableDeclarator,
} from "acorn";
import { ifThen, letIn, load, type Stmt, seq, store, variable } from "../../ir/index.ts";
import { nearest } from "../error.ts";
import { declareAxes } from "./axes.ts";
import { block, DECLARATIONS } from "./blocks.ts";
import { alloc } from "./buffers.ts";
import { at, built, type Context, dialectName, fail } from "./context.ts";
import { access, condition, expression, indexExprs, operator, place, value } from "./expression.ts";
import { extern } from "./extern.ts";
import type { Frame } from "./frame.ts";
import { forOf } from "./loops.ts";
import { matchBuffer } from "./match-buffer.ts";
import { Scope } from "./scope.ts";
import { concrete, literal } from "./value.ts";

type Item = VariableDeclarator | Expression | Exclude<Statement, { type: "VariableDeclaration" }>;

/** A list of statements; with `frame`, the body of a function or block, whose declarations go there. */
export function statements(nodes: readonly Statement[], cx: Context, frame?: Frame): Stmt {
  return list(nodes.flatMap(flatten), cx, frame);
}

/** One declarator or expression each: transpilers join declarations, and statements with commas. */
function flatten(s: Statement): Item[] {
  if (s.type === "VariableDeclaration") return s.declarations;
  if (s.type === "ExpressionStatement") return parts(s.expression);
  return s.type === "EmptyStatement" ? [] : [s];
}
function parts(e: Expression): Expression[] {
  return e.type === "SequenceExpression" ? e.expressions.flatMap(parts) : [e];
}

function list(items: readonly Item[], cx: Context, frame?: Frame): Stmt {
  const out: Stmt[] = [];
  for (let k = 0; k < items.length; k++) {
    const item = items[k];
    if (item.type === "VariableDeclarator") {
      if (declaration(item, cx, frame)) continue;
      if (item.id.type !== "Identifier" || !item.init) {
        return fail(cx, item, "a name is declared with its value: const x = A[vi] * 2");
      }
      const v = expression(item.init, cx);
      const name = item.id.name;
      const x = variable(name, v.dtype);
      const scope = new Scope(cx.scope);
      scope.declare(name, { kind: "let", v: x });
      const body = list(items.slice(k + 1), { ...cx, scope }, frame);
      out.push(built(cx, item, () => letIn(x, v, body)));
      break;
    }
    const s = statement(item, cx, frame);
    if (s) out.push(s);
  }
  return seq(out);
}

/** `const Y = T.alloc(…)`, `const W = T.matchBuffer(…)` and `const … = T.axis.…(…)`; false for any other declaration. */
function declaration(d: VariableDeclarator, cx: Context, frame?: Frame): boolean {
  const e = d.init;
  const name = e?.type === "CallExpression" ? dialectName(e.callee) : undefined;
  if (e?.type !== "CallExpression" || name === undefined) return false;
  if (name === "alloc" || name === "buffer") {
    if (name === "buffer")
      return fail(cx, e, "T.buffer declares parameters; an intermediate is T.alloc(shape, dtype, scope)");
    if (!frame) return fail(cx, e, "T.alloc belongs directly in the body of the function or of a T.block");
    if (d.id.type !== "Identifier")
      return fail(cx, d.id, "T.alloc gives one buffer: const Y = T.alloc([128, 128])");
    const b = alloc(d.id.name, e, { ...cx, scope: frame.scope });
    frame.allocs.push(b);
    frame.scope.declare(d.id.name, { kind: "buffer", buffer: b });
    return true;
  }
  if (name === "matchBuffer") {
    if (!frame)
      return fail(cx, e, "T.matchBuffer belongs directly in the body of the function or of a T.block");
    if (d.id.type !== "Identifier")
      return fail(cx, d.id, "T.matchBuffer gives one name: const W = T.matchBuffer(A[T.slice(0, 4)], [4])");
    const inside = { ...cx, scope: frame.scope };
    frame.scope.declare(d.id.name, matchBuffer(d.id.name, e, inside, frame.axes));
    return true;
  }
  if (name.startsWith("axis.")) {
    if (frame?.kind !== "block")
      return fail(cx, e, `T.${name} belongs directly in the body of T.block("name", () => { … })`);
    declareAxes(d.id, name, e, cx, frame);
    return true;
  }
  return false;
}

/** One statement; undefined where it only declares something. */
function statement(s: Exclude<Item, VariableDeclarator>, cx: Context, frame?: Frame): Stmt | undefined {
  switch (s.type) {
    case "BlockStatement":
      return statements(s.body, inner(cx));
    case "ForOfStatement":
      return forOf(s, cx, (c) => statements([s.body], c));
    case "IfStatement":
      return branch(s, s.test, s.consequent, s.alternate, cx);
    case "AssignmentExpression":
      return assignment(s, cx);
    case "UpdateExpression": {
      const one = literal(1, (b) => b());
      return update(s.argument, s.operator === "++" ? "+" : "-", () => one, s, cx);
    }
    case "CallExpression":
      return callStatement(s, cx, frame);
    // What minifiers make of if statements.
    case "LogicalExpression":
      if (s.operator === "&&") return branch(s, s.left, s.right, undefined, cx);
      break;
    case "ConditionalExpression":
      return branch(s, s.test, s.consequent, s.alternate, cx);
    case "Literal":
      if (typeof s.value === "string") return undefined; // "use strict"
      break;
    case "ForStatement":
    case "ForInStatement":
    case "WhileStatement":
    case "DoWhileStatement":
      return fail(
        cx,
        s,
        "loops are written for (const i of T.serial(n)) or for (const [i, j] of T.grid(m, n))",
      );
    case "ReturnStatement":
      return fail(cx, s, "a tensor program returns nothing: it stores into its buffers");
    case "BreakStatement":
    case "ContinueStatement":
      return fail(cx, s, "loops run to their end: put the condition into an if");
    case "FunctionDeclaration":
      return fail(cx, s, "functions cannot be declared inside a tensor program");
    default:
  }
  return fail(
    cx,
    s,
    `${kindName(s)} is no statement of a tensor program: those are stores, loops, blocks, if and const`,
  );
}

const kindName = (s: Node): string => (s.type.endsWith("Statement") ? s.type : "an expression alone");
const inner = (cx: Context): Context => ({ ...cx, scope: new Scope(cx.scope) });

function branch(
  s: Node,
  test: Expression,
  then: Statement | Expression,
  other: Statement | Expression | null | undefined,
  cx: Context,
): Stmt {
  const c = condition(test, cx);
  const side = (x: Statement | Expression): Stmt => list(flattenSide(x), inner(cx));
  const [a, b] = [side(then), other ? side(other) : undefined];
  return built(cx, s, () => ifThen(c, a, b));
}

function flattenSide(x: Statement | Expression): Item[] {
  if (x.type === "BlockStatement") return x.body.flatMap(flatten);
  if (x.type === "VariableDeclaration" || x.type === "ExpressionStatement" || x.type === "EmptyStatement")
    return flatten(x);
  return x.type === "SequenceExpression" ? parts(x) : [x];
}

function assignment(e: AssignmentExpression, cx: Context): Stmt {
  const op = e.operator.slice(0, -1);
  if (e.left.type !== "MemberExpression" && e.left.type !== "Identifier") {
    return fail(cx, e.left, "a store goes to one element of a buffer: C[vi][vj] = …");
  }
  if (["&&", "||", "??", ">>>"].includes(op))
    return fail(cx, e, `${e.operator} is not part of tensor programs`);
  return update(e.left, op as BinaryOperator | "", () => value(e.right, cx), e, cx);
}

/** `target op= right`; plain assignment where `op` is empty. */
function update(
  target: Expression,
  op: BinaryOperator | "",
  right: () => ReturnType<typeof value>,
  e: Expression,
  cx: Context,
): Stmt {
  const a = access(target, cx);
  if (!a) return notStorable(target, cx);
  const { buffer, indices } = place(a, indexExprs(a, target, cx));
  const old = () => built(cx, target, () => load(buffer, indices));
  const v = op === "" ? right() : operator(op, old(), right(), e, cx);
  const x = at(cx, e, () => concrete(v, buffer.dtype));
  return built(cx, e, () => store(buffer, indices, x));
}

function notStorable(target: Expression, cx: Context): never {
  if (target.type === "Identifier") {
    const b = cx.scope.find(target.name)?.binding;
    const n = target.name;
    if (b?.kind === "loop") return fail(cx, target, `${n} is a loop variable: it cannot be assigned`);
    if (b?.kind === "axis") return fail(cx, target, `${n} is a block axis: it cannot be assigned`);
    if (b?.kind === "let")
      return fail(cx, target, `${n} names a value and cannot change: store into a buffer, T.alloc`);
    if (b?.kind === "buffer") return fail(cx, target, `${n} is a buffer: store one element, ${n}[i] = …`);
    if (b) return fail(cx, target, `${n} cannot be assigned: programs store into buffers`);
    value(target, cx);
  }
  return fail(cx, target, "a store goes to one element of a buffer: C[vi][vj] = …");
}

function callStatement(e: CallExpression, cx: Context, frame?: Frame): Stmt | undefined {
  const name = dialectName(e.callee);
  if (name === "block") return block(e, cx, statements);
  if (name === "callExtern") return extern(e, cx);
  const declare = name !== undefined && Object.hasOwn(DECLARATIONS, name) ? DECLARATIONS[name] : undefined;
  if (declare) {
    const where = declare.of.map((k) => (k === "block" ? "a T.block" : "the function")).join(" or ");
    if (!frame || !declare.of.includes(frame.kind))
      return fail(cx, e, `T.${name} belongs directly in the body of ${where}`);
    declare.parse(e, { ...cx, scope: frame.scope }, frame, statements);
    return undefined;
  }
  if (name?.startsWith("axis.")) return fail(cx, e, `name the axis: const vi = T.${name}(…)`);
  if (name === "alloc") return fail(cx, e, "name the buffer: const Y = T.alloc(…)");
  if (name === "matchBuffer") return fail(cx, e, "name the part: const W = T.matchBuffer(…)");
  const known = ["block", "callExtern", ...Object.keys(DECLARATIONS)];
  const near = name !== undefined ? nearest(name, known) : undefined;
  if (near) return fail(cx, e, `T.${name} does not exist. Did you mean T.${near}?`);
  value(e, cx);
  return fail(cx, e, "the value is not used: store it, C[vi] = …");
}
