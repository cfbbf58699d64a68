import assert from "node:assert/strict";
import { Random } from "../../../lib/index.ts";
import { medianInterval } from "../../../lib/runtime/confidence.ts";

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("a confidence interval of the median", () => {
  // Ranks from the usual tables of the binomial distribution, at 95 %.
  for (const [n, low, high] of [
    [6, 1, 6],
    [9, 2, 8],
    [10, 2, 9],
    [20, 6, 15],
    [25, 8, 18],
    [50, 18, 33],
  ]) {
    it(`of ${n} measurements: from number ${low} to number ${high}`, () => {
      assert.deepEqual(medianInterval(upTo(n).reverse()), [low, high]);
    });
  }

  it("too few measurements give none", () => {
    for (const n of [0, 1, 5]) assert.equal(medianInterval(upTo(n)), undefined);
    assert.throws(() => medianInterval([1], 1), RangeError);
  });

  it("holds the true median as often as it says, also for skewed measurements", () => {
    const random = new Random(7);
    let held = 0;
    for (let i = 0; i < 2000; i++) {
      // Of an exponential distribution the median is ln 2.
      const [low, high] = medianInterval(Array.from({ length: 15 }, () => -Math.log(1 - random.uniform())))!;
      if (low <= Math.LN2 && Math.LN2 <= high) held++;
    }
    assert.ok(held / 2000 > 0.95, `${held} of 2000`);
  });
});
