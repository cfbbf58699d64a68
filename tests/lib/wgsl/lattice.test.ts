/** What positions tell of variables, against trying all their values. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { evalSize } from "../../../lib/codegen/size.ts";
import { tellApart } from "../../../lib/codegen/wgsl/lattice.ts";
import { type Expr, type Interval, ops, type Var, variable } from "../../../lib/ir/index.ts";

/** One term: a variable, or a digit of it, at a step. */
const term = fc.record({
  v: fc.nat(3),
  div: fc.constantFrom(1, 1, 1, 2, 3),
  mod: fc.constantFrom(0, 0, 0, 2, 3),
  step: fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 24, 48),
});
const place = fc.record({
  terms: fc.array(term, { minLength: 1, maxLength: 4 }),
  constants: fc.array(fc.nat(50), { minLength: 1, maxLength: 2 }),
});

describe("wgsl, what positions tell", function () {
  this.timeout(20_000);
  const vars: Var[] = [0, 1, 2, 3].map((i) => variable(`v${i}`));
  const sizes = [6, 4, 3, 2];
  const ranges = new Map<number, Interval>(vars.map((v, i) => [v.id, { min: 0, max: sizes[i] - 1 }]));
  // The first two must be told; the others may be anything.
  const extents = new Map(vars.slice(0, 2).map((v, i) => [v.id, sizes[i]]));

  const told = (touches: readonly Expr[]): boolean => {
    const owner = new Map<number, string>();
    for (const e of touches) {
      for (let k = 0; k < 6 * 4 * 3 * 2; k++) {
        const at = new Map<number, number>();
        let rest = k;
        vars.forEach((v, i) => {
          at.set(v.id, rest % sizes[i]);
          rest = Math.floor(rest / sizes[i]);
        });
        const where = evalSize(e, at) as number;
        const who = `${at.get(vars[0].id)} ${at.get(vars[1].id)}`;
        if ((owner.get(where) ?? who) !== who) return false;
        owner.set(where, who);
      }
    }
    return true;
  };

  it("never says that they tell what they do not tell", () => {
    let yes = 0;
    fc.assert(
      fc.property(place, ({ terms, constants }) => {
        const [first, second, ...others] = terms;
        const whole = { div: 1, mod: 0 };
        const both = [
          { ...first, ...(second ? {} : whole), v: 0 },
          { ...(second ?? first), v: 1 },
          ...others,
        ];
        const sum = both.reduce<Expr>((e, t) => {
          const q = t.div === 1 ? vars[t.v] : ops.floordiv(vars[t.v], t.div);
          return ops.add(e, ops.mul(t.mod === 0 ? q : ops.floormod(q, t.mod), t.step));
        }, ops.toExpr(0));
        const touches = constants.map((c) => ops.add(sum, c));
        if (
          !tellApart(
            touches.map((e) => [e]),
            extents,
            ranges,
          )
        )
          return;
        yes++;
        assert.ok(told(touches));
      }),
      { numRuns: 3000, seed: 1 },
    );
    assert.ok(yes > 20, `${yes} of 3000`);
  });

  it("knows tiles of threads in registers", () => {
    const [b, t] = vars;
    const at = (c: number): Expr =>
      ops.add(
        ops.add(ops.mul(ops.floordiv(b, 2), 48), ops.mul(ops.floormod(b, 2), 24)),
        ops.add(ops.mul(t, 6), c),
      );
    assert.ok(tellApart([[at(0)], [at(1)], [at(5)]], extents, ranges));
    assert.ok(!tellApart([[at(0)], [at(6)]], extents, ranges));
  });
});
