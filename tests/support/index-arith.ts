/** Random index arithmetic and its direct evaluation, for property tests of lib/arith. */
import fc from "fast-check";
import {
  type ArithOp,
  binary,
  constant,
  type Expr,
  type Interval,
  ops,
  variable,
} from "../../lib/ir/index.ts";

export const vars = [variable("i"), variable("j"), variable("k"), variable("l")];

/** Evaluates index arithmetic directly: the meaning that simplification has to keep. */
export function evaluate(e: Expr, env: ReadonlyMap<number, number>): number {
  switch (e.kind) {
    case "const":
      return Number(e.value);
    case "var":
      return env.get(e.id) as number;
    case "binary": {
      const a = evaluate(e.a, env);
      const b = evaluate(e.b, env);
      switch (e.op) {
        case "lt":
          return Number(a < b);
        case "le":
          return Number(a <= b);
        case "gt":
          return Number(a > b);
        case "ge":
          return Number(a >= b);
        case "eq":
          return Number(a === b);
        case "ne":
          return Number(a !== b);
        case "and":
          return a && b;
        case "or":
          return a || b;
        default:
          return ops.foldInts(e.op, a, b) as number;
      }
    }
    case "select":
      return evaluate(e.cond, env) ? evaluate(e.a, env) : evaluate(e.b, env);
    default:
      throw new Error(`not index arithmetic: ${e.kind}`);
  }
}

const leaf = fc.oneof(
  fc.constantFrom<Expr>(...vars),
  fc.integer({ min: -20, max: 20 }).map((n): Expr => constant(n)),
);
const by = fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 16, 32);

/** Index expressions over `vars` with every arithmetic operator. */
export const { index } = fc.letrec<{ index: Expr }>((tie) => ({
  index: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom<ArithOp>("add", "add", "sub", "min", "max"), tie("index"), tie("index"))
      .map(([op, a, b]): Expr => binary(op, a, b)),
    fc.tuple(tie("index"), by).map(([a, n]): Expr => binary("mul", a, constant(n))),
    fc
      .tuple(
        fc.constantFrom<ArithOp>("floordiv", "floormod", "floordiv", "floormod", "truncdiv", "truncmod"),
        tie("index"),
        by,
      )
      .map(([op, a, n]): Expr => binary(op, a, constant(n))),
  ),
}));

/** Ranges of all of `vars`: small, some a single value, some negative. */
export const ranges = fc
  .array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.integer({ min: 0, max: 17 })), {
    minLength: vars.length,
    maxLength: vars.length,
  })
  .map((rs) => new Map(rs.map(([min, n], i): [number, Interval] => [vars[i].id, { min, max: min + n }])));

/** One position in [0, 1] within the range of each variable. */
export const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 });

export function pick(rs: ReadonlyMap<number, Interval>, at: readonly number[]): Map<number, number> {
  return new Map([...rs].map(([id, r], i) => [id, r.min + Math.round(at[i] * (r.max - r.min))]));
}
