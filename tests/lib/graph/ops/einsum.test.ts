/** einsum, against a sum over every value of every letter. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers, position, total } from "../../../support/nd.ts";
import { close, runOp } from "../../../support/run-op.ts";

/** For equations without an ellipsis. */
function reference(terms: readonly string[], output: string, xs: readonly NDArray[]): number[] {
  const sizes = new Map<string, number>();
  terms.forEach((t, k) => {
    [...t].forEach((l, d) => {
      sizes.set(l, Math.max(xs[k].shape[d], sizes.get(l) ?? 1));
    });
  });
  const values = xs.map(numbersOf);
  const inner = [...sizes.keys()].filter((l) => !output.includes(l));
  const of = (letters: readonly string[]): number[] => letters.map((l) => sizes.get(l) as number);
  return fill(of([...output]), (o) =>
    total(of(inner), (k) => {
      const at = (l: string): number => (output.includes(l) ? o[output.indexOf(l)] : k[inner.indexOf(l)]);
      return xs.reduce((p, x, n) => {
        const index = [...terms[n]].map((l, d) => (x.shape[d] === 1 ? 0 : at(l)));
        return p * values[n][position(index, x.shape) as number];
      }, 1);
    }),
  );
}

const CASES: readonly [equation: string, shapes: readonly (readonly number[])[], plain?: string][] = [
  ["ij->ji", [[2, 3]]],
  ["ij->", [[2, 3]]],
  ["iij->ij", [[3, 3, 2]]],
  [
    "ij,jk->ik",
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    "bij, bjk -> bik",
    [
      [2, 2, 3],
      [2, 3, 4],
    ],
  ],
  ["i,i", [[4], [4]], "i,i->"],
  ["ba,c", [[2, 3], [2]], "ba,c->abc"],
  ["i,j->ij", [[2], [3]]],
  [
    "bhqd,bhkd->bhqk",
    [
      [1, 2, 3, 4],
      [1, 2, 5, 4],
    ],
  ],
  [
    "ij,jk,kl->il",
    [
      [2, 3],
      [3, 4],
      [4, 2],
    ],
  ],
  ["ab,b,bc,c->a", [[2, 3], [3], [3, 4], [4]]],
  ["...ij->...ji", [[2, 2, 3]], "bij->bji"],
  [
    "...ij,...jk->...ik",
    [
      [2, 2, 3],
      [3, 4],
    ],
    "bij,jk->bik",
  ],
  [
    "...i,...i",
    [
      [2, 3],
      [2, 3],
    ],
    "bi,bi->b",
  ],
  [
    "a...b,b...->a...",
    [
      [2, 4, 5, 3],
      [3, 4, 1],
    ],
    "axyb,bxy->axy",
  ],
  [
    "ab,bc->ac",
    [
      [2, 1],
      [3, 4],
    ],
  ],
];

describe("einsum", () => {
  for (const [equation, shapes, plain] of CASES) {
    it(equation, async () => {
      const r = new Numbers(3);
      const xs = shapes.map((s) => r.floats(s));
      const [y] = await runOp("einsum", [xs], { equation });
      const [left, output] = (plain ?? equation).replace(/ /g, "").split("->");
      close(y.data, reference(left.split(","), output, xs), 1e-5);
    });
  }

  it("whole numbers", async () => {
    const r = new Numbers(3);
    const xs = [r.ints([2, 3], "i32", -9, 9), r.ints([3], "i32", -9, 9)];
    const [y] = await runOp("einsum", [xs], { equation: "ij,j->i" });
    assert.deepEqual([y.dtype, y.data], ["i32", reference(["ij", "j"], "i", xs)]);
  });

  it("what does not fit is named", () => {
    const says = (equation: string, shapes: readonly (readonly number[])[], text: RegExp): void => {
      const xs = shapes.map((s, k) => R.var(`x${k}`, R.tensor(s)));
      assert.throws(
        () => callOp("einsum", [xs], { equation }),
        (e) => e instanceof GraphError && text.test(e.message),
      );
    };
    says("ij,jk->ik", [[2, 3]], /is for 2 operand\(s\), got 1/);
    says("ij->i", [[2, 3, 4]], /"ij" in its equation does not fit an operand of rank 3/);
    says(
      "ij,jk->ik",
      [
        [2, 3],
        [4, 5],
      ],
      /j is 3 in one operand and 4 in operand 1/,
    );
    says("ij->ik", [[2, 3]], /has k in the result and in no operand/);
    says("ij->ii", [[2, 3]], /a letter twice in the result/);
    says("i1->i", [[2, 3]], /letters, and at most one/);
    says("i->i->i", [[2]], /more than one "->"/);
  });
});
