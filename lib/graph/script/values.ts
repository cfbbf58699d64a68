/** Values in the text of a graph-level function: names, fields, calls. */
import type { CallExpression, Expression, MemberExpression } from "acorn";
import {
  type Attrs,
  callFunc,
  callPacked,
  callTir,
  type GraphExpr,
  graphLoop,
  shapeLiteral,
  tupleExpr,
  tupleGet,
} from "../../ir/index.ts";
import { nearest } from "../../script/error.ts";
import { dialectName, fail, plainArgs } from "../../script/parse/context.ts";
import { attrs, entries, text } from "../../script/parse/literals.ts";
import { callOp, getOp, listOps } from "../registry.ts";
import { emit, type GraphContext, made, operand } from "./context.ts";
import { constant, rankOf, sizes, typeOf } from "./data.ts";

/** How the words that hold statements are read; passed in by body.ts, which reads values by this file. */
export interface BlockWords {
  dataflow(e: CallExpression, cx: GraphContext): GraphExpr;
  branches(e: CallExpression, cx: GraphContext): GraphExpr;
}

type WordParser = (args: readonly Expression[], e: CallExpression, cx: GraphContext) => GraphExpr;

export class ValueParser {
  private readonly blocks: BlockWords;
  private readonly words: Readonly<Record<string, WordParser>>;

  constructor(blocks: BlockWords) {
    this.blocks = blocks;
    this.words = {
      dataflow: (_, e, cx) => this.blocks.dataflow(e, cx),
      if: (_, e, cx) => this.blocks.branches(e, cx),
      const: (_, e, cx) => constant(e, "const", cx),
      constant: (_, e, cx) => constant(e, "constant", cx),
      shape: ([list], e, cx) => made(cx, e, () => shapeLiteral(sizes(list, e, cx))),
      tuple: (fields, e, cx) => {
        const given = fields.map((f) => this.leaf(f, cx));
        return made(cx, e, () => tupleExpr(given));
      },
      get: ([tuple, index], e, cx) => {
        const t = this.leaf(needed(tuple, "a tuple", e, cx), cx);
        return made(cx, e, () => tupleGet(t, rankOf(index, e, cx)));
      },
      op: ([name, args, given], e, cx) => {
        const op = text(name, "the name of an operator", e, cx);
        const list = this.elements(args, e, cx);
        return this.operator(op, given ? [...list, given] : list, e, cx);
      },
      callTir: (args, e, cx) => this.callTir(args, e, cx),
      callPacked: (args, e, cx) => this.callPacked(args, e, cx),
      call: ([name, list, type], e, cx) => {
        const func = text(name, "the name of a function", e, cx);
        const given = this.leaves(list, e, cx);
        return made(cx, e, () => callFunc(func, given, typeOf(type, e, cx)));
      },
      loop: (args, e, cx) => this.loop(args, e, cx),
      matchCast: ([value, type], e, cx) => this.cast("matchCast", value, type, e, cx),
      withType: ([value, type], e, cx) => this.cast("bind", value, type, e, cx),
    };
  }

  /** A value, its operands bound where they are no leaves. */
  value(e: Expression, cx: GraphContext): GraphExpr {
    switch (e.type) {
      case "Identifier":
        return this.named(e.name, e, cx);
      case "MemberExpression":
        return this.field(e, cx);
      case "ArrayExpression": {
        const fields = this.elements(e, e, cx).map((f) => this.leaf(f, cx));
        return made(cx, e, () => tupleExpr(fields));
      }
      case "CallExpression":
        return this.called(e, cx);
      case "SequenceExpression":
        return fail(cx, e, "one value is needed here, not several with commas");
      case "Literal":
      case "UnaryExpression":
        return fail(cx, e, "a number is no value of the program: R.const(1), or R.shape([1]) for a size");
      case "BinaryExpression":
        return fail(cx, e, `values have no operators: R.add(a, b), R.multiply(a, b), …`);
      default:
        return fail(
          cx,
          e,
          `${e.type} is not part of graph-level functions: values are calls, R.matmul(x, w)`,
        );
    }
  }

  /** An operand. */
  leaf(e: Expression, cx: GraphContext): GraphExpr {
    return operand(cx, e, this.value(e, cx));
  }

  /** `R.matchCast(value, type)` and `R.withType(value, type)`, bound to a variable of that name. */
  cast(
    kind: "matchCast" | "bind",
    value: Expression | undefined,
    type: Expression | undefined,
    e: CallExpression,
    cx: GraphContext,
    name?: string,
  ): GraphExpr {
    const given = needed(value, "a value", e, cx);
    const v = kind === "matchCast" ? this.leaf(given, cx) : this.value(given, cx);
    return emit(cx, e, v, name, typeOf(type, e, cx), kind);
  }

  private named(name: string, e: Expression, cx: GraphContext): GraphExpr {
    const m = cx.values.find(name);
    if (m && "kind" in m) return m;
    if (m) return fail(cx, e, `${name} stands for ${m.length} outputs: const [a, b] = R.dataflow(…)`);
    const other = cx.scope.find(name)?.binding;
    if (other?.kind === "size")
      return fail(cx, e, `${name} is a size, no value of the program: R.shape([${name}])`);
    if (other?.kind === "const")
      return fail(cx, e, `${name} is a number, no value of the program: R.const(${name})`);
    const near = nearest(name, cx.values.all());
    const guess = near ? ` Did you mean ${near}?` : "";
    return fail(
      cx,
      e,
      `${name} is not known in this function.${guess} Data from outside are passed by name: R.constant("${name}", type) ` +
        `with R.func(params, fn, { constants: { ${name} } }), numbers with { consts: { ${name} } }`,
    );
  }

  private field(e: MemberExpression, cx: GraphContext): GraphExpr {
    if (!e.computed || e.property.type !== "Literal" || typeof e.property.value !== "number")
      return fail(cx, e, "fields of tuples are taken by number: t[0]");
    if (e.object.type === "Super") return fail(cx, e, "super is not part of graph-level functions");
    const index = e.property.value;
    const meaning = e.object.type === "Identifier" ? cx.values.find(e.object.name) : undefined;
    if (meaning && !("kind" in meaning)) {
      return meaning[index] ?? fail(cx, e, `the block has ${meaning.length} outputs`);
    }
    const tuple = this.leaf(e.object, cx);
    return made(cx, e, () => tupleGet(tuple, index));
  }

  private called(e: CallExpression, cx: GraphContext): GraphExpr {
    const name = dialectName(e.callee, "R");
    if (name === undefined) {
      const callee = cx.source.slice(e.callee.start, e.callee.end);
      return fail(
        cx,
        e,
        `${callee}(…) cannot be called: the function is read, not run. Values are made by R.matmul, R.add, …`,
      );
    }
    const word = Object.hasOwn(this.words, name) ? this.words[name] : undefined;
    const args = plainArgs(cx, e.arguments);
    return word ? word(args, e, cx) : this.operator(name, args, e, cx);
  }

  /** Arguments in order, then perhaps attributes. */
  private operator(name: string, all: readonly Expression[], e: CallExpression, cx: GraphContext): GraphExpr {
    if (!listOps().includes(name)) {
      const near = nearest(name, [...listOps(), ...Object.keys(this.words)]);
      return fail(cx, e, `R.${name} does not exist.${near ? ` Did you mean R.${near}?` : ""}`);
    }
    const last = all.at(-1);
    const given = last?.type === "ObjectExpression" ? all.slice(0, -1) : all;
    const named: Attrs = last?.type === "ObjectExpression" ? attrs(last, cx) : {};
    const { args } = getOp(name);
    const values = given.map((a, i) =>
      args[i]?.kind === "shape" && a.type === "ArrayExpression"
        ? made(cx, a, () => shapeLiteral(sizes(a, e, cx)))
        : this.leaf(a, cx),
    );
    return made(cx, e, () => callOp(name, values, named));
  }

  private callTir(
    [name, list, type, options]: readonly Expression[],
    e: CallExpression,
    cx: GraphContext,
  ): GraphExpr {
    const func = text(name, "the name of a tensor program", e, cx);
    const args = this.leaves(list, e, cx);
    const o = this.options(options, ["tirVars", "into"], cx);
    const tirVars = o.tirVars ? sizes(o.tirVars, e, cx) : [];
    const into = o.into && this.leaves(o.into, e, cx);
    return made(cx, e, () =>
      callTir(func, args, typeOf(type, e, cx), { tirVars, ...(into ? { into } : {}) }),
    );
  }

  private callPacked(
    [name, list, type, options]: readonly Expression[],
    e: CallExpression,
    cx: GraphContext,
  ): GraphExpr {
    const func = text(name, "the name of a library function", e, cx);
    const args = this.leaves(list, e, cx);
    const o = this.options(options, ["attrs", "into"], cx);
    const given = o.attrs ? { attrs: attrs(o.attrs, cx) } : {};
    const into = o.into ? { into: this.leaves(o.into, e, cx) } : {};
    return made(cx, e, () => callPacked(func, args, typeOf(type, e, cx), { ...given, ...into }));
  }

  private loop([name, parts, type]: readonly Expression[], e: CallExpression, cx: GraphContext): GraphExpr {
    const func = text(name, "the name of a graph-level function", e, cx);
    const o = this.options(parts, ["trip", "cond", "carried", "captured"], cx);
    const one = (x: Expression | undefined) => x && this.leaf(x, cx);
    const several = (x: Expression | undefined) => (x ? this.leaves(x, e, cx) : []);
    const t = typeOf(type, e, cx);
    if (t.kind !== "tuple") return fail(cx, type ?? e, "a loop gives a tuple: write its type as a list");
    const given = {
      trip: one(o.trip),
      cond: one(o.cond),
      carried: several(o.carried),
      captured: several(o.captured),
    };
    return made(cx, e, () => graphLoop(func, given, t));
  }

  private options<K extends string>(
    e: Expression | undefined,
    known: readonly K[],
    cx: GraphContext,
  ): { readonly [P in K]?: Expression } {
    if (e === undefined) return {};
    if (e.type !== "ObjectExpression") return fail(cx, e, `write { ${known.join(", ")} } here`);
    const found = entries(e, cx);
    for (const [k, v] of found) {
      if (!(known as readonly string[]).includes(k))
        fail(cx, v, `there is no ${k} here; there are ${known.join(", ")}`);
    }
    return Object.fromEntries(found) as { readonly [P in K]?: Expression };
  }

  private leaves(e: Expression | undefined, at: Expression, cx: GraphContext): GraphExpr[] {
    return this.elements(e, at, cx).map((x) => this.leaf(x, cx));
  }

  private elements(e: Expression | undefined, at: Expression, cx: GraphContext): Expression[] {
    if (e?.type !== "ArrayExpression") return fail(cx, e ?? at, "arguments are written as an array: [x, w]");
    return e.elements.map((x) =>
      x === null || x.type === "SpreadElement" ? fail(cx, e, "write the elements out") : x,
    );
  }
}

function needed(e: Expression | undefined, what: string, at: Expression, cx: GraphContext): Expression {
  return e ?? fail(cx, at, `${what} is missing`);
}
