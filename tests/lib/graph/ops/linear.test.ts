/** Matrix products, against sums written out. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { type DType, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers, total } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

describe("matmul", () => {
  for (const [a, b, out] of [
    [
      [3, 4],
      [4, 5],
      [3, 5],
    ],
    [[4], [4, 5], [5]],
    [[3, 4], [4], [3]],
    [[4], [4], []],
    [
      [2, 3, 4],
      [4, 5],
      [2, 3, 5],
    ],
    [
      [2, 1, 3, 4],
      [5, 4, 2],
      [2, 5, 3, 2],
    ],
    [
      [2, 3, 4],
      [1, 4, 2],
      [2, 3, 2],
    ],
  ] as const) {
    it(`[${a.join(", ")}] times [${b.join(", ")}]`, async () => {
      const r = new Numbers(3);
      const [x, y] = [r.floats(a), r.floats(b)];
      const [X, Y] = [numbersOf(x), numbersOf(y)];
      const [z] = await runOp("matmul", [x, y]);
      assert.deepEqual(z.shape, out);
      const [rows, columns] = [a.length > 1, b.length > 1];
      const inner = a[a.length - 1];
      const [m, n] = [rows ? a[a.length - 2] : 1, columns ? b[b.length - 1] : 1];
      const batch = out.slice(0, out.length - Number(rows) - Number(columns));
      /** Which matrix of an operand belongs to a batch index. */
      const matrix = (own: readonly number[], i: readonly number[]): number =>
        own.reduce((at, s, d) => at * s + (s === 1 ? 0 : i[batch.length - own.length + d]), 0);
      const want = fill([...batch, m, n], (at) => {
        const i = at.slice(0, -2);
        const [row, column] = at.slice(-2);
        const [p, q] = [matrix(a.slice(0, -2), i), matrix(b.slice(0, -2), i)];
        return total([inner], ([k]) => X[(p * m + row) * inner + k] * Y[(q * inner + k) * n + column]);
      });
      close(z.data, want);
    });
  }

  it("bytes summed as i32", async () => {
    const r = new Numbers(3);
    const [x, y] = [r.ints([2, 300], "u8", 0, 255), r.ints([300, 2], "u8", 0, 255)];
    const [z] = await runOp("matmul", [x, y], { outDtype: "i32" });
    const [X, Y] = [numbersOf(x), numbersOf(y)];
    const want = fill([2, 2], ([i, j]) => total([300], ([k]) => X[i * 300 + k] * Y[k * 2 + j]));
    assert.deepEqual([z.dtype, z.data], ["i32", want]);
  });

  it("halves are summed as f32", async () => {
    // 2048 + 1 is no half: in halves the sum would stay at 2048.
    const [z] = await runOp("matmul", [
      nd([1, 4096], new Array(4096).fill(1), "f16"),
      nd([4096, 1], new Array(4096).fill(1), "f16"),
    ]);
    assert.deepEqual([z.dtype, z.data], ["f16", [4096]]);
  });

  it("the sum of nothing is 0", async () => {
    const [z] = await runOp("matmul", [nd([2, 0], []), nd([0, 3], [])]);
    assert.deepEqual(z.data, [0, 0, 0, 0, 0, 0]);
  });

  it("what does not fit is named", () => {
    const v = (shape: readonly number[], dtype: DType = "f32") => R.var("v", R.tensor(shape, dtype));
    const says = (text: RegExp) => (e: unknown) => e instanceof GraphError && text.test(e.message);
    assert.throws(() => callOp("matmul", [v([2, 3]), v([4, 5])]), says(/3 column\(s\), the right one 4 row/));
    assert.throws(() => callOp("matmul", [v([2, 3]), v([3, 5], "i32")]), says(/f32 and i32/));
    assert.throws(() => callOp("matmul", [v([]), v([3, 5])]), says(/a scalar has no rows/));
    assert.throws(
      () => callOp("matmul", [v([2, 3], "bool"), v([3, 5], "bool")]),
      says(/for numbers, not bool/),
    );
  });
});
