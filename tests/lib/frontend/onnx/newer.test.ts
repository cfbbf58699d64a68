/** Operator sets 23 to 27: what came new in small operators, and what is refused. */
import assert from "node:assert/strict";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, position } from "../../../support/nd.ts";
import { runNode } from "../../../support/onnx-node.ts";
import { close, nd } from "../../../support/run-op.ts";

const X = nd([2, 3], [1, -2, 3, 0.5, 4, -1]);

describe("newer operator sets", () => {
  it("operators that did not change", () => {
    for (const opset of [23, 24, 25, 26, 27]) {
      close(numbersOf(runNode({ op: "Relu", opset }, [X])[0]), [1, 0, 3, 0.5, 4, 0]);
      const [t] = runNode({ op: "Transpose", opset, attrs: { perm: [1, 0] } }, [X]);
      assert.deepEqual(
        [t.shape, numbersOf(t)],
        [
          [3, 2],
          [1, 0.5, -2, 4, 3, -1],
        ],
      );
    }
  });
  it("a set that is not known, of an operator that is", () => {
    assert.throws(
      () => runNode({ op: "Relu", opset: 99 }, [X]),
      /Relu.*what Relu means in operator set 99 is not known \(the newest known set is 27\)/,
    );
    assert.throws(
      () => runNode({ op: "Frobnicate", opset: 99 }, [X]),
      /operator Frobnicate is not supported/,
    );
  });
  it("Swish", () => {
    for (const alpha of [1, 1.7]) {
      const attrs = { alpha: { float: alpha } };
      const want = numbersOf(X).map((x) => x / (1 + Math.exp(-alpha * x)));
      close(numbersOf(runNode({ op: "Swish", opset: 24, attrs }, [X])[0]), want, 1e-6);
    }
  });
  it("CumProd", () => {
    const attrs = { exclusive: 1, reverse: 1 };
    const [y] = runNode({ op: "CumProd", opset: 26, attrs }, [nd([3], [2, 3, 4]), nd([], [0], "i64")]);
    assert.deepEqual(numbersOf(y), [12, 4, 1]);
    const x = nd([2, 3, 2], [2, -1, 3, 0.5, 4, 2, -1, 1, 5, 0.25, 2, 3]);
    const data = numbersOf(x);
    for (const axis of [0, 1, 2, -1, -3]) {
      for (const [exclusive, reverse] of [0, 1].flatMap((e) => [0, 1].map((r) => [e, r] as const))) {
        const along = axis < 0 ? axis + 3 : axis;
        const want = fill(x.shape, (i) => {
          let p = 1;
          for (let j = 0; j < x.shape[along]; j++) {
            const before = reverse ? j > i[along] : j < i[along];
            if (before || (!exclusive && j === i[along]))
              p *= data[position(i.with(along, j), x.shape) as number];
          }
          return p;
        });
        const spec = { op: "CumProd", opset: 26, attrs: { exclusive, reverse } };
        close(numbersOf(runNode(spec, [x, nd([], [axis], "i64")])[0]), want);
      }
    }
  });
  it("RMSNormalization: over the last axes, with scales that broadcast, of other dtypes", () => {
    const x = nd([2, 2, 3], [1, 2, 3, -1, 0, 2, 4, 4, 2, 0.5, 1, -3]);
    const read = numbersOf(x);
    const expected = (axis: number, scale: (i: number[]) => number): number[] =>
      fill(x.shape, ([a, b, c]) => {
        const row =
          axis === 2 ? read.slice((a * 2 + b) * 3, (a * 2 + b + 1) * 3) : read.slice(a * 6, a * 6 + 6);
        const mean = row.reduce((s, e) => s + e * e, 0) / row.length;
        return (read[(a * 2 + b) * 3 + c] / Math.sqrt(mean + 0.5)) * scale([a, b, c]);
      });
    const s = [1, -2, 0.25];
    const run = (axis: number, scale: NDArray, data = x, more = {}): NDArray =>
      runNode({ op: "RMSNormalization", opset: 23, attrs: { axis, epsilon: { float: 0.5 }, ...more } }, [
        data,
        scale,
      ])[0];
    const line = expected(2, ([, , c]) => s[c]);
    close(numbersOf(run(-1, nd([3], s))), line, 1e-5);
    close(numbersOf(run(-1, nd([1, 1, 3], s))), line, 1e-5);
    close(numbersOf(run(-1, nd([3], s), x, { stash_type: 11 })), line, 1e-5);
    close(
      numbersOf(run(1, nd([2, 1], [3, 5]))),
      expected(1, ([, b]) => [3, 5][b]),
      1e-5,
    );
    const half = nd(x.shape, read, "f16");
    const wide = run(2, nd([3], s), half);
    assert.equal(wide.dtype, "f32");
    close(numbersOf(wide), line, 1e-2);
    const narrow = run(2, nd([3], s, "f16"), half);
    assert.equal(narrow.dtype, "f16");
    close(numbersOf(narrow), line, 1e-2);
    for (const axis of [3, -4])
      assert.throws(() => run(axis, nd([3], s)), /RMSNormalization.*axis -?\d is not in -3 … 2/);
  });
  it("the output's dtype of QuantizeLinear and DequantizeLinear", () => {
    const scale = nd([], [0.5]);
    const [q] = runNode({ op: "QuantizeLinear", opset: 23, attrs: { output_dtype: 3, precision: 1 } }, [
      X,
      scale,
    ]);
    assert.deepEqual([q.dtype, numbersOf(q)], ["i8", [2, -4, 6, 1, 8, -2]]);
    const [d] = runNode({ op: "DequantizeLinear", opset: 23, attrs: { output_dtype: 10 } }, [q, scale]);
    assert.deepEqual([d.dtype, numbersOf(d)], ["f16", numbersOf(X)]);
    assert.throws(
      () => runNode({ op: "QuantizeLinear", opset: 25, attrs: { output_dtype: 26 } }, [X, scale]),
      /QuantizeLinear.*int2 are not supported/,
    );
  });
});
