/** n-grams counted by walking over all of them. */
import assert from "node:assert/strict";
import { R } from "../../../../lib/graph/index.ts";
import { fill, Numbers } from "../../../support/nd.ts";
import { nd, runOp } from "../../../support/run-op.ts";
import { reader } from "./reference.ts";

const GRAMS = [[1], [2], [1, 2], [2, 2], [0, 1, 2], []];
const TABLE = GRAMS.flatMap((g) => [0, 1, 2].map((k) => g[k] ?? 0));

function occurrences(line: readonly number[], gram: readonly number[], maxSkip: number): number {
  let found = 0;
  for (let skip = 0; skip <= (gram.length > 1 ? maxSkip : 0); skip++) {
    for (let at = 0; at < line.length; at++)
      if (gram.length > 0 && gram.every((e, k) => line[at + k * (skip + 1)] === e)) found++;
  }
  return found;
}

describe("ngramCount", () => {
  for (const shape of [[9], [3, 7], [2, 1], [2, 0]]) {
    for (const maxSkip of [0, 2]) {
      it(`of [${shape}] with up to ${maxSkip} left out`, async () => {
        const x = new Numbers(5).ints(shape, "i64", 0, 2);
        const lines = fill(shape.slice(0, -1).concat(1), (i) => i[0]).map((b) =>
          fill([shape.at(-1) as number], ([k]) => reader(x)(shape.length === 1 ? [k] : [b, k])),
        );
        const want = lines.flatMap((line) => GRAMS.map((g) => occurrences(line, g, maxSkip)));
        const lengths = nd(
          [6],
          GRAMS.map((g) => g.length),
          "i32",
        );
        const [y] = await runOp("ngramCount", [x, nd([6, 3], TABLE, "i64"), lengths], { maxSkip }, 0);
        assert.deepEqual([y.shape, y.data], [[...shape.slice(0, -1), 6], want]);
      });
    }
  }
  it("what does not fit is refused", () => {
    const v = (shape: readonly number[], dtype: "i32" | "i64") => R.var("v", R.tensor(shape, dtype));
    assert.throws(
      () => R.ngramCount(v([2, 2, 2], "i64"), v([1, 1], "i64"), v([1], "i32")),
      /one sequence, or a batch/,
    );
    assert.throws(
      () => R.ngramCount(v([2], "i64"), v([1, 1], "i32"), v([1], "i32")),
      /x is i64, the n-grams i32/,
    );
  });
});
