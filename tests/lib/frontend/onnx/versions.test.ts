/** Operators in the forms that older operator sets gave them, which the standard's own test data has no cases for. */
import assert from "node:assert/strict";
import { type DType, type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill } from "../../../support/nd.ts";
import { type NodeCase, runNode } from "../../../support/onnx-node.ts";
import { close, nd } from "../../../support/run-op.ts";

function check(
  spec: NodeCase,
  inputs: readonly (NDArray | undefined)[],
  want: readonly { shape: readonly number[]; data: readonly number[]; dtype?: DType }[],
): void {
  const got = runNode({ outputs: want.length, ...spec }, inputs);
  want.forEach((w, k) => {
    assert.deepEqual([got[k].shape, got[k].dtype], [w.shape, w.dtype ?? inputs[0]?.dtype], `output ${k}`);
    close(numbersOf(got[k]), w.data, 1e-5);
  });
}

const iota = (shape: readonly number[], dtype: DType = "f32"): NDArray => {
  let n = 0;
  return nd(
    shape,
    fill(shape, () => n++),
    dtype,
  );
};
const i64 = (...values: number[]): NDArray => nd([values.length], values, "i64");

describe("older operator sets", () => {
  it("operands broadcast from an axis on, before 7", () => {
    const want = fill([2, 3, 2], ([i, j, k]) => i * 6 + j * 2 + k + [10, 20, 30][j]);
    const attrs = { broadcast: 1, axis: 1 };
    check(
      { op: "Add", opset: 6, attrs },
      [iota([2, 3, 2]), nd([3], [10, 20, 30])],
      [{ shape: [2, 3, 2], data: want }],
    );
    const last = fill([2, 2], ([i, j]) => (i * 2 + j) * [5, 7][j]);
    check(
      { op: "Mul", opset: 6, attrs: { broadcast: 1 } },
      [iota([2, 2]), nd([2], [5, 7])],
      [{ shape: [2, 2], data: last }],
    );
  });
  it("a slope for each channel, before 7", () => {
    const x = nd([1, 2, 2], [-1, 2, -3, 4]);
    check(
      { op: "PRelu", opset: 6 },
      [x, nd([2], [0.5, 0.1])],
      [{ shape: [1, 2, 2], data: [-0.5, 2, -0.3, 4] }],
    );
  });
  it("axes are attributes, later inputs", () => {
    const x = iota([1, 2, 1, 3]);
    const data = numbersOf(x);
    for (const [opset, attrs, more] of [
      [11, { axes: [0, 2] }, []],
      [13, {}, [i64(0, -2)]],
      [21, {}, [i64(0, -2)]],
    ] as const) {
      check({ op: "Squeeze", opset, attrs }, [x, ...more], [{ shape: [2, 3], data }]);
      check(
        { op: "Unsqueeze", opset, attrs },
        [iota([2, 3]), ...more],
        [{ shape: opset === 11 ? [1, 2, 1, 3] : [1, 2, 1, 3], data }],
      );
    }
    check({ op: "Squeeze", opset: 13 }, [x], [{ shape: [2, 3], data }]);
    const sums = [3, 12];
    check(
      { op: "ReduceSum", opset: 11, attrs: { axes: [1] } },
      [iota([2, 3])],
      [{ shape: [2, 1], data: sums }],
    );
    check(
      { op: "ReduceSum", opset: 13, attrs: { keepdims: 0 } },
      [iota([2, 3]), i64(1)],
      [{ shape: [2], data: sums }],
    );
    check(
      { op: "ReduceMax", opset: 13, attrs: { axes: [1], keepdims: 0 } },
      [iota([2, 3])],
      [{ shape: [2], data: [2, 5] }],
    );
    check({ op: "ReduceMax", opset: 18 }, [iota([2, 3]), i64(0)], [{ shape: [1, 3], data: [3, 4, 5] }]);
    const noop = { noop_with_empty_axes: 1 };
    check({ op: "ReduceMean", opset: 18, attrs: noop }, [iota([2])], [{ shape: [2], data: [0, 1] }]);
    check({ op: "ReduceMean", opset: 18 }, [iota([3])], [{ shape: [1], data: [1] }]);
  });
  it("bounds of Clip", () => {
    const x = nd([3], [-2, 0.5, 2]);
    const want = [{ shape: [3], data: [-1, 0.5, 1] }];
    check({ op: "Clip", opset: 6, attrs: { min: { float: -1 }, max: { float: 1 } } }, [x], want);
    check({ op: "Clip", opset: 11 }, [x, nd([], [-1]), nd([], [1])], want);
    check({ op: "Clip", opset: 13 }, [x, undefined, nd([], [1])], [{ shape: [3], data: [-2, 0.5, 1] }]);
    check({ op: "Clip", opset: 6 }, [x], [{ shape: [3], data: [-2, 0.5, 2] }]);
  });
  it("softmax over all axes from one on, before 13", () => {
    const line = [0, 1, 2, 3].map(Math.exp);
    const total = line.reduce((a, b) => a + b);
    const data = [...line, ...line].map((e) => e / total);
    check({ op: "Softmax", opset: 11 }, [iota([2, 2, 2])], [{ shape: [2, 2, 2], data }]);
    check(
      { op: "Hardmax", opset: 11 },
      [iota([2, 2, 2])],
      [{ shape: [2, 2, 2], data: [0, 0, 0, 1, 0, 0, 0, 1] }],
    );
    const pair = [1 / (1 + Math.E), Math.E / (1 + Math.E)];
    check({ op: "Softmax", opset: 13 }, [iota([2, 2])], [{ shape: [2, 2], data: [...pair, ...pair] }]);
    check(
      { op: "Softmax", opset: 11, attrs: { axis: -1 } },
      [iota([2, 2])],
      [{ shape: [2, 2], data: [...pair, ...pair] }],
    );
  });
  it("Slice", () => {
    const attrs = { starts: [1], ends: [2 ** 40], axes: [1] };
    check({ op: "Slice", opset: 9, attrs }, [iota([2, 3])], [{ shape: [2, 2], data: [1, 2, 4, 5] }]);
    check(
      { op: "Slice", opset: 9, attrs: { starts: [-1], ends: [9] } },
      [iota([2, 3])],
      [{ shape: [1, 3], data: [3, 4, 5] }],
    );
    const inputs = [iota([2, 3]), i64(2), i64(-(2 ** 53)), i64(1), i64(-1)];
    check({ op: "Slice", opset: 13 }, inputs, [{ shape: [2, 3], data: [2, 1, 0, 5, 4, 3] }]);
  });
  it("Split", () => {
    const parts = [
      { shape: [1], data: [0] },
      { shape: [3], data: [1, 2, 3] },
    ];
    check({ op: "Split", opset: 11, attrs: { split: [1, 3] } }, [iota([4])], parts);
    check({ op: "Split", opset: 13 }, [iota([4]), i64(1, 3)], parts);
    const halves = [
      { shape: [2], data: [0, 1] },
      { shape: [2], data: [2, 3] },
    ];
    check({ op: "Split", opset: 11 }, [iota([4])], halves);
    check({ op: "Split", opset: 18, attrs: { num_outputs: 2 } }, [iota([4])], halves);
  });
  it("Pad", () => {
    const want = [{ shape: [2, 3], data: [7, 0, 1, 7, 2, 3] }];
    check({ op: "Pad", opset: 6, attrs: { pads: [0, 1, 0, 0], value: { float: 7 } } }, [iota([2, 2])], want);
    check({ op: "Pad", opset: 13 }, [iota([2, 2]), i64(0, 1, 0, 0), nd([], [7])], want);
    check({ op: "Pad", opset: 18 }, [iota([2, 2]), i64(1, 0), nd([], [7]), i64(-1)], want);
    check(
      { op: "Pad", opset: 19, attrs: { mode: "wrap" } },
      [iota([3]), i64(1, 2)],
      [{ shape: [6], data: [2, 0, 1, 2, 0, 1] }],
    );
  });
  it("TopK", () => {
    const want = [
      { shape: [2], data: [5, 4] },
      { shape: [2], data: [2, 0], dtype: "i64" as const },
    ];
    const x = nd([4], [4, 1, 5, 4]);
    check({ op: "TopK", opset: 9, attrs: { k: 2 } }, [x], want);
    check({ op: "TopK", opset: 11 }, [x, i64(2)], want);
  });
  it("Dropout drops nothing", () => {
    const x = iota([2]);
    for (const opset of [6, 7, 10, 12, 13]) {
      const dtype = opset < 10 ? "f32" : "bool";
      check(
        { op: "Dropout", opset },
        [x],
        [
          { shape: [2], data: [0, 1] },
          { shape: [2], data: [1, 1], dtype },
        ],
      );
    }
    assert.throws(
      () => runNode({ op: "Dropout", opset: 13 }, [x, nd([], [0.5]), nd([], [1], "bool")]),
      /Dropout.*drops elements at random/,
    );
  });
  it("BatchNormalization", () => {
    const x = nd([1, 2, 2], [0, 2, 4, 6]);
    const two = (a: number, b: number) => nd([2], [a, b]);
    const inputs = [x, two(1, 2), two(0, 1), two(1, 5), two(4, 1)];
    const attrs = { epsilon: { float: 0 } };
    for (const opset of [7, 9, 14, 15]) {
      check({ op: "BatchNormalization", opset, attrs }, inputs, [
        { shape: [1, 2, 2], data: [-0.5, 0.5, -1, 3] },
      ]);
    }
  });
  it("GroupNormalization: scale for each group, from 21 on for each channel", () => {
    const x = nd([1, 4, 1], [-1, 1, -2, 2]);
    const attrs = { num_groups: 2, epsilon: { float: 0 } };
    const zero = (n: number) => nd([n], new Array(n).fill(0));
    check(
      { op: "GroupNormalization", opset: 18, attrs },
      [x, nd([2], [1, 3]), zero(2)],
      [{ shape: [1, 4, 1], data: [-1, 1, -3, 3] }],
    );
    check(
      { op: "GroupNormalization", opset: 21, attrs },
      [x, nd([4], [1, 2, 3, 4]), zero(4)],
      [{ shape: [1, 4, 1], data: [-1, 2, -3, 4] }],
    );
  });
  it("Tile, Expand, Range and OneHot by values of inputs", () => {
    check({ op: "Tile", opset: 6 }, [iota([2]), i64(2)], [{ shape: [4], data: [0, 1, 0, 1] }]);
    check(
      { op: "Expand", opset: 8 },
      [iota([2, 1]), i64(1, 3)],
      [{ shape: [2, 3], data: [0, 0, 0, 1, 1, 1] }],
    );
    const range = [nd([], [5], "i64"), nd([], [-1], "i64"), nd([], [-2], "i64")];
    check({ op: "Range", opset: 11 }, range, [{ shape: [3], data: [5, 3, 1] }]);
    const depth = nd([], [3], "f32");
    check(
      { op: "OneHot", opset: 11 },
      [i64(2, 0), depth, nd([2], [0, 9])],
      [{ shape: [2, 3], data: [0, 0, 9, 9, 0, 0], dtype: "f32" }],
    );
  });
  it("powers of mixed types have the type of the base", () => {
    check({ op: "Pow", opset: 12 }, [nd([2], [2, 3], "i32"), nd([], [2.5])], [{ shape: [2], data: [5, 15] }]);
    check({ op: "Pow", opset: 12 }, [nd([2], [2, 3]), nd([], [2], "i64")], [{ shape: [2], data: [4, 9] }]);
  });
  it("what is not supported is named with its node", () => {
    assert.throws(
      () => runNode({ op: "Cast", opset: 13, attrs: { to: 8 } }, [iota([1])]),
      /Cast.*to.*conversion to string/,
    );
    assert.throws(
      () => runNode({ op: "Concat", opset: 13, attrs: { axis: 3 } }, [iota([1])]),
      /Concat.*axis 3 is not in/,
    );
    assert.throws(
      () => runNode({ op: "Range", opset: 11 }, [nd([], [0]), nd([], [1]), nd([], [0])]),
      /Range/,
    );
  });
});
