/** Determinants, and the way back from a pooling. */
import assert from "node:assert/strict";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers, position } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

describe("linalg.det", () => {
  /** By its first row. */
  function det(a: readonly (readonly number[])[]): number {
    if (a.length === 0) return 1;
    return a[0].reduce((sum, v, j) => {
      const minor = a.slice(1).map((row) => row.filter((_, k) => k !== j));
      return sum + (j % 2 === 0 ? v : -v) * det(minor);
    }, 0);
  }

  for (const n of [1, 2, 3, 5]) {
    it(`of size ${n}`, async () => {
      const x = new Numbers(n).floats([2, 3, n, n]);
      const X = numbersOf(x);
      const [y] = await runOp("linalg.det", [x]);
      close(
        y.data,
        fill([6], ([b]) =>
          det(Array.from({ length: n }, (_, i) => X.slice(b * n * n + i * n, b * n * n + (i + 1) * n))),
        ),
        1e-5,
      );
    });
  }

  it("a zero as first pivot, and dependent rows", async () => {
    const [y] = await runOp("linalg.det", [nd([2, 2, 2], [0, 1, 1, 0, 1, 2, 2, 4])]);
    close(y.data, [-1, 0], 0);
  });
});

describe("nn.maxUnpool", () => {
  it("undoes a pooling with positions", async () => {
    const x = new Numbers(3).floats([1, 2, 4, 4]);
    const options = { poolSize: [2, 2], strides: [2] };
    const [y, at] = await runOp("nn.maxPoolWithIndices2d", [x], options);
    const X = numbersOf(x);
    const args = [nd(y.shape, y.data), nd(at.shape, at.data, "i64")];
    const [back] = await runOp("nn.maxUnpool", [...args, { sizes: [1, 2, 4, 4] }, { sizes: [1, 2, 4, 4] }]);
    assert.deepEqual(
      back.data,
      X.map((v, k) => (at.data.includes(k) ? v : 0)),
    );
    const [larger] = await runOp("nn.maxUnpool", [...args, { sizes: [1, 2, 4, 4] }, { sizes: [1, 2, 5, 6] }]);
    assert.deepEqual(
      larger.data,
      fill([1, 2, 5, 6], (i) => {
        const p = position(i, [1, 2, 4, 4]);
        return p === undefined ? 0 : back.data[p];
      }),
    );
  });
});
