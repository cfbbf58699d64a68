/** What the functions of te compute, by the interpreter; and that every random one is well-formed and prints back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { interpret } from "../../../lib/codegen/index.ts";
import { type Expr, firstDifference, type PrimFunc, verify } from "../../../lib/ir/index.ts";
import { parsePrimFunc } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";
import { programOf, recipe } from "../../support/random-program.ts";

const f32 = (shape: readonly number[], values: readonly number[]) =>
  ({ data: Float32Array.from(values), shape, dtype: "f32" }) as const;
const i32 = (shape: readonly number[], values: readonly number[]) =>
  ({ data: Int32Array.from(values), shape, dtype: "i32" }) as const;

describe("values of te", () => {
  const rows = [3, 7, 7, -Infinity, -Infinity, -Infinity, -2, -1, -5, 0, -0, 0];

  for (const [name, backwards] of [
    ["in order", false],
    ["backwards", true],
  ] as const) {
    it(`argmax and argmin take the first of equals, reading ${name}`, () => {
      const A = te.placeholder([4, 3], "A");
      const k = te.reduceAxis(3, "k");
      const row = (pick: typeof te.argmax) => te.compute([4], (i: Expr) => pick(A.at(i, k), k), "P");
      const run = (f: PrimFunc) => {
        const g = backwards ? reversed(f) : f;
        const out = i32([4], [9, 9, 9, 9]);
        interpret(g, [f32([4, 3], rows), out]);
        return [...out.data];
      };
      assert.deepEqual(run(te.createPrimFunc([A, row(te.argmax)])), [1, 0, 1, 0]);
      assert.deepEqual(run(te.createPrimFunc([A, row(te.argmin)])), [0, 0, 2, 0]);
    });
  }

  it("softmax by four computes with a symbolic number of rows", () => {
    const n = te.var("n");
    const A = te.placeholder([n, 3], "A");
    const k = te.reduceAxis(3, "k");
    const M = te.compute([n], (i) => te.max(A.at(i, k), k), "M");
    const E = te.compute([n, 3], (i, j) => te.exp(te.sub(A.at(i, j), M.at(i))), "E");
    const S = te.compute([n], (i) => te.sum(E.at(i, k), k), "S");
    const C = te.compute([n, 3], (i, j) => te.div(E.at(i, j), S.at(i)), "C");
    const out = f32([2, 3], new Array(6).fill(0));
    interpret(te.createPrimFunc([A, C]), [f32([2, 3], [0, 0, 0, 1, 2, 3]), out]);
    const expected = [1 / 3, 1 / 3, 1 / 3, 0.09003057, 0.24472847, 0.66524096];
    out.data.forEach((x, d) => {
      assert.ok(Math.abs(x - expected[d]) < 1e-6, `${d}: ${x}`);
    });
  });
});

/** The reduction read from its last value to its first: the same program as far as a schedule is concerned. */
function reversed(f: PrimFunc): PrimFunc {
  const text = f.script();
  const turned = text.replace(
    /const \[vi, vk\] = .*;/,
    `const vi = T.axis.spatial(4, i); const vk = T.axis.reduce(3, 2 - k);`,
  );
  // init belongs to the first value of the axis, which is read last here: it is written out before the loops.
  const init = /T\.init\(\(\) => \{([^}]*)\}\);/.exec(turned);
  assert.ok(init);
  const before = `for (const r of T.serial(4)) { T.block("init", () => { const vr = T.axis.spatial(4, r); ${init[1].replaceAll("vi", "vr")} }); }`;
  return parsePrimFunc(
    turned.replace(init[0], "").replace("for (const [i, k]", `${before} for (const [i, k]`),
  );
}

describe("random tensor expressions", () => {
  it("are well-formed and print back", () => {
    fc.assert(
      fc.property(recipe, (r) => {
        const f = programOf(r);
        assert.deepEqual(verify(f), []);
        const text = f.script();
        const back = parsePrimFunc(text);
        assert.equal(firstDifference(f, back), undefined);
        assert.equal(back.script(), text);
      }),
      { numRuns: 300 },
    );
  });
});
