import assert from "node:assert/strict";
import fc from "fast-check";
import { boundsOf, prove, simplify } from "../../../lib/arith/index.ts";
import { binary, type Expr, type Interval, intervalOf, ops, variable } from "../../../lib/ir/index.ts";
import { evaluate, fractions, index, pick, ranges, vars } from "../../support/index-arith.ts";

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
    same(add(mul(floordiv(floormod(k, 64), 8), 8), floormod(k, 8)), floormod(k, 64));
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
