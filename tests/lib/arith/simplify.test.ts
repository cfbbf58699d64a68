import assert from "node:assert/strict";
import fc from "fast-check";
import { boundsOf, prove, simplify } from "../../../lib/arith/index.ts";
import {
  type ArithOp,
  binary,
  constant,
  type Expr,
  type Interval,
  intervalOf,
  ops,
  variable,
} from "../../../lib/ir/index.ts";

const vars = [variable("i"), variable("j"), variable("k"), variable("l")];

/** Evaluates index arithmetic directly: the meaning that simplification has to keep. */
function evaluate(e: Expr, env: ReadonlyMap<number, number>): number {
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
const { index } = fc.letrec<{ index: Expr }>((tie) => ({
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
const ranges = fc
  .array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.integer({ min: 0, max: 17 })), {
    minLength: vars.length,
    maxLength: vars.length,
  })
  .map((rs) => new Map(rs.map(([min, n], i): [number, Interval] => [vars[i].id, { min, max: min + n }])));
const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 });

function pick(rs: ReadonlyMap<number, Interval>, at: number[]): Map<number, number> {
  return new Map([...rs].map(([id, r], i) => [id, r.min + Math.round(at[i] * (r.max - r.min))]));
}

describe("simplify", () => {
  it("keeps the value of every index expression within its ranges, and its bounds hold", () => {
    fc.assert(
      fc.property(index, ranges, fc.array(fractions, { minLength: 6, maxLength: 6 }), (e, rs, points) => {
        const s = simplify(e, rs);
        const b = boundsOf(e, rs);
        for (const at of points) {
          const env = pick(rs, at);
          const value = evaluate(e, env);
          assert.equal(evaluate(s, env) + 0, value + 0);
          assert.ok(b.min <= value && value <= b.max, `${value} outside ${b.min}..${b.max}`);
          const loose = intervalOf(e, rs);
          assert.ok(loose.min <= value && value <= loose.max);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("keeps the truth of every comparison", () => {
    const compare = fc.constantFrom("lt", "le", "gt", "ge", "eq", "ne" as const);
    fc.assert(
      fc.property(compare, index, index, ranges, fractions, (op, a, b, rs, at) => {
        const e = binary(op as "lt", a, b);
        const env = pick(rs, at);
        assert.equal(evaluate(simplify(e, rs), env), evaluate(e, env));
      }),
      { numRuns: 2000 },
    );
  });

  const [i, j, k] = vars;
  const tile = new Map([
    [i.id, { min: 0, max: 15 }],
    [j.id, { min: 0, max: 7 }],
    [k.id, { min: 0, max: 1023 }],
  ]);
  const same = (e: Expr, expected: Expr) => assert.deepEqual(simplify(e, tile), expected);
  const { add, mul, floordiv, floormod, lt } = ops;

  it("undoes what split and fuse do to indices", () => {
    same(floordiv(add(mul(i, 8), j), 8), i);
    same(floormod(add(mul(i, 8), j), 8), j);
    same(add(mul(floordiv(k, 8), 8), floormod(k, 8)), k);
    same(floormod(floordiv(k, 8), 128), floordiv(k, 8));
  });

  it("proves what loops imply, symbolic sizes included", () => {
    assert.ok(prove(lt(add(mul(i, 8), j), 128), tile));
    assert.ok(!prove(lt(add(mul(i, 8), j), 127), tile));
    const n = variable("n");
    const r = new Map<number, Interval>([
      [n.id, { min: 0, max: Number.POSITIVE_INFINITY }],
      [i.id, { min: 0, max: Number.POSITIVE_INFINITY, below: n }],
    ]);
    assert.ok(prove(lt(i, n), r));
    assert.ok(!prove(lt(add(i, 1), n), r));
    assert.deepEqual(simplify(floormod(i, n), r), i);
  });
});
