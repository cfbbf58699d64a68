/** Expressions: from syntax to lib/ir. */
import type { BinaryOperator, CallExpression, Expression, MemberExpression, PrivateIdentifier } from "acorn";
import {
  type BinaryOp,
  type Buffer,
  binary,
  call,
  constant,
  type DType,
  type Expr,
  isFloat,
  load,
  neg,
  not,
  ops,
  type Region,
  select,
} from "../../ir/index.ts";
import { nearest } from "../error.ts";
import { built, type Context, dialectName, fail, plainArgs } from "./context.ts";
import { FUNCTIONS, MATH, MATH_CONSTANTS } from "./functions.ts";
import { combine, compare, concrete, literal, type Value } from "./value.ts";

const OPERATORS: Partial<Record<BinaryOperator, BinaryOp>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "truncmod",
  "==": "eq",
  "===": "eq",
  "!=": "ne",
  "!==": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};
const COMPARISONS: readonly string[] = ["==", "===", "!=", "!==", "<", "<=", ">", ">="];
const CALLED: Partial<Record<BinaryOperator, string>> = {
  "**": "pow",
  "&": "bitAnd",
  "|": "bitOr",
  "^": "bitXor",
  "<<": "shiftLeft",
  ">>": "shiftRight",
};

/** An expression whose literals take dtype `want` where nothing nearer gives them one. */
export function expression(e: Expression, cx: Context, want?: DType): Expr {
  return concrete(value(e, cx), want);
}

/** An expression that must be bool. */
export function condition(e: Expression, cx: Context): Expr {
  const c = value(e, cx);
  if (c.kind === "weak" || c.dtype !== "bool") {
    const got = c.kind === "weak" ? "a number" : c.dtype;
    fail(cx, e, `a condition must be bool, this is ${got}: compare it, for example x !== 0`);
  }
  return c;
}

export function value(e: Expression, cx: Context): Value {
  switch (e.type) {
    case "Literal": {
      if (typeof e.value === "boolean") return built(cx, e, () => constant(e.value ? 1 : 0, "bool"));
      const v = e.bigint != null ? BigInt(e.bigint) : e.value;
      if (typeof v === "number" || typeof v === "bigint") return literal(v, (b) => built(cx, e, b));
      return fail(cx, e, `${e.raw} is no value of a tensor program: values are numbers and bools`);
    }
    case "Identifier":
      return named(e.name, e, cx);
    case "UnaryExpression":
      if (e.operator === "-") {
        const a = value(e.argument, cx);
        if (a.kind === "weak" && a.literal !== undefined) return literal(-a.literal, (b) => built(cx, e, b));
        return combine([a], ([x]) => built(cx, e, () => neg(x)));
      }
      if (e.operator === "!") return built(cx, e, () => not(condition(e.argument, cx)));
      return fail(cx, e, `the operator ${e.operator} is not part of tensor programs`);
    case "BinaryExpression":
      return operator(e.operator, operand(e.left, cx), value(e.right, cx), e, cx);
    case "LogicalExpression": {
      if (e.operator === "??") return fail(cx, e, "?? is not part of tensor programs");
      const [a, b] = [condition(e.left, cx), condition(e.right, cx)];
      return built(cx, e, () => binary(e.operator === "&&" ? "and" : "or", a, b));
    }
    case "ConditionalExpression": {
      const c = condition(e.test, cx);
      const sides = [value(e.consequent, cx), value(e.alternate, cx)];
      return combine(sides, ([a, b]) => built(cx, e, () => select(c, a, b)));
    }
    case "MemberExpression":
      return member(e, cx);
    case "CallExpression":
      return called(e, cx);
    case "AssignmentExpression":
      return fail(cx, e, "an assignment is a statement of its own, not a value");
    case "ArrowFunctionExpression":
    case "FunctionExpression":
      return fail(cx, e, "functions are not values of a tensor program");
    default:
      return fail(cx, e, `${e.type} is not part of tensor programs`);
  }
}

function operand(e: Expression | PrivateIdentifier, cx: Context): Value {
  return e.type === "PrivateIdentifier"
    ? fail(cx, e, "private names are not part of tensor programs")
    : value(e, cx);
}

/** `a op b` for an operator of JavaScript; also what compound assignments are made of. */
export function operator(op: BinaryOperator, a: Value, b: Value, e: Expression, cx: Context): Value {
  const name = CALLED[op];
  if (name) return combine([a, b], (xs) => built(cx, e, () => call(name, xs)), name === "pow");
  const o = OPERATORS[op];
  if (!o) return fail(cx, e, `the operator ${op} is not part of tensor programs`);
  const build = ([x, y]: readonly Expr[]) =>
    built(cx, e, () => {
      if (o === "truncmod" && isFloat(x.dtype)) throw new TypeError(`% of ${x.dtype}: only for integers`);
      return binary(o, x, y);
    });
  return COMPARISONS.includes(op) ? compare([a, b], build) : combine([a, b], build, o === "div");
}

function named(name: string, e: Expression, cx: Context): Value {
  const found = cx.scope.find(name);
  if (!found) {
    if (name === "Infinity" || name === "NaN") return literal(Number(name), (b) => built(cx, e, b));
    return unknownName(name, e, cx);
  }
  const b = found.binding;
  if (b.kind === "const") {
    if (typeof b.value === "boolean") return built(cx, e, () => constant(b.value ? 1 : 0, "bool"));
    return literal(b.value, (make) => built(cx, e, make));
  }
  if (b.kind === "buffer") {
    return fail(cx, e, `${name} is a buffer: index it, ${indexed(name, b.buffer)}`);
  }
  if (found.across !== undefined) {
    const what = { loop: "a loop", axis: "an axis", let: "a name", scalar: "", size: "" }[b.kind];
    return fail(
      cx,
      e,
      `${name} is ${what} outside block "${found.across}", which sees it only through its axes: ` +
        `const v${name} = T.axis.spatial(extent, ${name})`,
    );
  }
  return b.v;
}

/** The error for a name nothing in scope explains. */
export function unknownName(name: string, e: Expression, cx: Context): never {
  const why = cx.scope.explain(name);
  if (why !== undefined) fail(cx, e, why);
  const near = nearest(name, cx.scope.all());
  const guess = near ? ` Did you mean ${near}?` : "";
  return fail(
    cx,
    e,
    `${name} is not known in this program.${guess} A constant from outside is passed explicitly: ` +
      `T.primFunc(params, fn, { consts: { ${name} } })`,
  );
}

/** How to index a buffer, for messages: `A[i][j]`. */
export function indexed(name: string, b: Buffer): string {
  if (b.shape.length === 0) return `${name}.value`;
  return `${name}${b.shape.map((_, d) => `[${"ijklmnpq"[d] ?? `i${d}`}]`).join("")}`;
}

/** An element, or a part, of a buffer as it is written. */
export interface Access {
  readonly buffer: Buffer;
  readonly name: string;
  readonly indices: readonly Expression[];
  /** The name stands for this part of another buffer. */
  readonly part?: Region;
}

/** The buffer and index expressions of `A[i][j]` (or `A.value`, which has none); undefined when it is neither. */
export function access(e: Expression, cx: Context): Access | undefined {
  const indices: Expression[] = [];
  let o: Expression = e;
  while (o.type === "MemberExpression" && o.computed) {
    if (o.property.type === "SequenceExpression")
      fail(cx, o.property, "a comma in an index keeps only its last part: write A[i][j], not A[i, j]");
    if (o.property.type !== "PrivateIdentifier") indices.unshift(o.property);
    if (o.object.type === "Super") return undefined;
    o = o.object;
  }
  const scalar =
    o.type === "MemberExpression" && o.property.type === "Identifier" && o.property.name === "value";
  if (scalar && o.type === "MemberExpression" && o.object.type === "Identifier") o = o.object;
  else if (e === o) return undefined;
  if (o.type !== "Identifier") return undefined;
  const found = cx.scope.find(o.name);
  if (!found) return unknownName(o.name, o, cx);
  const b = found.binding;
  if (b.kind !== "buffer") {
    const what = b.kind === "const" ? "a constant" : `an ${b.v.dtype} scalar`;
    return fail(cx, o, `${o.name} is ${what}, not a buffer: it cannot be indexed`);
  }
  return { buffer: b.buffer, name: o.name, indices, ...(b.part ? { part: b.part } : {}) };
}

/** Where an element lies: of a name for a part, in the buffer of the part. */
export function place(
  { buffer, part }: Pick<Access, "buffer" | "part">,
  indices: readonly Expr[],
): { readonly buffer: Buffer; readonly indices: readonly Expr[] } {
  if (!part) return { buffer, indices };
  const lead = part.ranges.length - indices.length;
  const moved = part.ranges.map((r, d) => (d < lead ? r.min : ops.add(r.min, indices[d - lead])));
  return { buffer: part.buffer, indices: moved };
}

/** Index expressions, checked against the buffer's rank. */
export function indexExprs(
  a: Pick<Access, "buffer" | "name" | "indices">,
  e: Expression,
  cx: Context,
): Expr[] {
  const rank = a.buffer.shape.length;
  if (a.indices.length !== rank) {
    fail(
      cx,
      e,
      `${a.name} has ${rank} dimension(s) but is indexed with ${a.indices.length}: write ${indexed(a.name, a.buffer)}`,
    );
  }
  return a.indices.map((i) => {
    const x = expression(i, cx, "i32");
    if (x.dtype !== "i32" && x.dtype !== "i64")
      fail(cx, i, `index of ${a.name} has dtype ${x.dtype}: T.cast(…, "i32")`);
    return x;
  });
}

function member(e: MemberExpression, cx: Context): Value {
  const a = access(e, cx);
  if (a) {
    const at = place(a, indexExprs(a, e, cx));
    return built(cx, e, () => load(at.buffer, at.indices));
  }
  if (!e.computed && e.object.type === "Identifier" && e.property.type === "Identifier") {
    const [o, p] = [e.object.name, e.property.name];
    if (o === "Math" && Object.hasOwn(MATH_CONSTANTS, p))
      return literal(MATH_CONSTANTS[p], (b) => built(cx, e, b));
    const found = cx.scope.find(o);
    if (found?.binding.kind === "buffer") {
      fail(
        cx,
        e,
        `${o}.${p}: a buffer has no properties here; its elements are ${indexed(o, found.binding.buffer)}`,
      );
    }
    // A transpiler may have turned a captured K into module.K.
    if (!found && cx.scope.find(p)?.binding.kind === "const") return named(p, e, cx);
  }
  return fail(cx, e, "this is no element of a buffer: write A[i][j]");
}

function called(e: CallExpression, cx: Context): Value {
  const c = e.callee;
  const name = dialectName(c);
  if (name !== undefined) {
    const f = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (f) return f(plainArgs(cx, e.arguments), e, cx, value);
    const near = nearest(name, Object.keys(FUNCTIONS));
    const known = Object.keys(FUNCTIONS).join(", ");
    return fail(
      cx,
      e,
      `T.${name} gives no value here.${near ? ` Did you mean T.${near}?` : ` Known: ${known}`}`,
    );
  }
  if (c.type === "MemberExpression" && c.object.type === "Identifier" && c.property.type === "Identifier") {
    if (c.object.name === "Math" && !c.computed) {
      const f = Object.hasOwn(MATH, c.property.name) ? FUNCTIONS[MATH[c.property.name]] : undefined;
      if (f) return f(plainArgs(cx, e.arguments), e, cx, value);
      return fail(
        cx,
        e,
        `Math.${c.property.name} is not available; of Math there are ${Object.keys(MATH).join(", ")}`,
      );
    }
  }
  const text = cx.source.slice(c.start, c.end);
  return fail(
    cx,
    e,
    `${text}(…) cannot be called: the program is read, not run. Functions of the dialect are T.exp, T.max, T.select, …`,
  );
}
