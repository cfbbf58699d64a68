/** Operators that move elements, against loops over all indices. */
import assert from "node:assert/strict";
import { GraphError, R } from "../../../../lib/graph/index.ts";
import { type Attrs, type DType, type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { count, fill } from "../../../support/nd.ts";
import { type Given, nd, runOp } from "../../../support/run-op.ts";
import { broadcastAt, random, reader } from "./reference.ts";

const v = (shape: readonly number[], dtype: DType = "f32") => R.var("v", R.tensor(shape, dtype));
const iota = (shape: readonly number[], dtype: DType = "f32"): NDArray =>
  nd(
    shape,
    Array.from({ length: count(shape) }, (_, i) => i),
    dtype,
  );
const sizes = (...values: number[]): Given => ({ sizes: values });

/** One result, exactly. */
async function same(
  op: string,
  given: readonly Given[],
  attrs: Attrs,
  shape: readonly number[],
  data: readonly number[],
): Promise<void> {
  const [y] = await runOp(op, given, attrs, 0);
  assert.deepEqual(y.shape, shape);
  assert.deepEqual(y.data, data);
}

describe("shapes", () => {
  it("reshape, flatten, squeeze and expandDims keep the order", async () => {
    const x = random([2, 3, 4]);
    const data = numbersOf(x);
    await same("reshape", [x, sizes(4, 6)], {}, [4, 6], data);
    await same("reshape", [x, sizes(2, -1)], {}, [2, 12], data);
    await same("reshape", [random([]), sizes(1, 1)], {}, [1, 1], numbersOf(random([])));
    await same("reshape", [random([1]), sizes()], {}, [], numbersOf(random([1])));
    await same("reshape", [random([0, 3]), sizes(3, 0, 2)], {}, [3, 0, 2], []);
    await same("flatten", [x], {}, [24], data);
    await same("flatten", [x], { axis: 1 }, [2, 12], data);
    await same("flatten", [x], { axis: 0 }, [1, 24], data);
    await same("flatten", [x], { axis: -1 }, [6, 4], data);
    await same("expandDims", [x], { axis: [0, -1] }, [1, 2, 3, 4, 1], data);
    await same("squeeze", [random([1, 3, 1])], {}, [3], numbersOf(random([3], "f32")));
    await same("squeeze", [random([1, 3, 1])], { axis: [0] }, [3, 1], numbersOf(random([1, 3, 1])));
  });
  it("what does not fit is refused", () => {
    assert.throws(
      () => R.reshape(v([2, 3]), R.shape([4])),
      /reshape: the operand has 6 element\(s\), the shape takes 4/,
    );
    assert.throws(() => R.reshape(v([2, 3]), R.shape([-1, 4])), /6 elements do not divide into rows of 4/);
    assert.throws(() => R.reshape(v([2, 3]), R.shape([-1, -1])), /only one size may be -1/);
    assert.throws(() => R.squeeze(v([2, 3]), { axis: 0 }), /axis 0 has size 2/);
    assert.throws(() => R.permuteDims(v([2, 3]), { axes: [0] }), /not all 2/);
    assert.throws(() => R.broadcastTo(v([3]), R.shape([2])), GraphError);
  });
  it("permuteDims", async () => {
    const x = iota([2, 3, 4]);
    const read = reader(x);
    for (const axes of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
      [-1, 1, 0],
    ]) {
      const at = axes.map((a) => (a + 3) % 3);
      const shape = at.map((a) => [2, 3, 4][a]);
      const want = fill(shape, (i) => read([0, 1, 2].map((d) => i[at.indexOf(d)])));
      await same("permuteDims", [x], { axes }, shape, want);
    }
    await same("permuteDims", [iota([2, 3])], {}, [3, 2], [0, 3, 1, 4, 2, 5]);
  });
  it("broadcastTo, tile and repeat", async () => {
    const x = iota([3, 1], "i64");
    const read = reader(x);
    await same(
      "broadcastTo",
      [x, sizes(2, 3, 4)],
      {},
      [2, 3, 4],
      fill([2, 3, 4], (i) => read(broadcastAt(i, [3, 1]))),
    );
    await same("broadcastTo", [iota([]), sizes(0, 2)], {}, [0, 2], []);
    await same(
      "tile",
      [iota([2, 2]), sizes(2, 3)],
      {},
      [4, 6],
      fill([4, 6], ([i, j]) => (i % 2) * 2 + (j % 2)),
    );
    await same("tile", [iota([2, 2]), sizes(0, 3)], {}, [0, 6], []);
    await same("repeat", [iota([2, 2])], { repeats: 2, axis: 1 }, [2, 4], [0, 0, 1, 1, 2, 2, 3, 3]);
  });
  it("flip and reverseSequence", async () => {
    await same("flip", [iota([2, 3])], { axis: 1 }, [2, 3], [2, 1, 0, 5, 4, 3]);
    await same("flip", [iota([2, 3])], { axis: [0, -1] }, [2, 3], [5, 4, 3, 2, 1, 0]);
    const x = iota([3, 4]);
    const lengths = nd([3], [1, 3, 4], "i64");
    await same("reverseSequence", [x, lengths], {}, [3, 4], [0, 1, 2, 3, 6, 5, 4, 7, 11, 10, 9, 8]);
    const turned = nd([4], [3, 2, 1, 0], "i64");
    const want = fill([3, 4], ([t, b]) => (t < 3 - b ? 2 - b - t : t) * 4 + b);
    await same("reverseSequence", [x, turned], { seqAxis: 0, batchAxis: 1 }, [3, 4], want);
  });
});

/** numpy's slice of one axis: the positions. */
function positions(n: number, begin: number, end: number, step: number): number[] {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? n : n - 1;
  const place = (e: number): number => Math.min(Math.max(e < 0 ? e + n : e, low), high);
  const out: number[] = [];
  const stop = place(end);
  for (let i = place(begin); step > 0 ? i < stop : i > stop; i += step) out.push(i);
  return out;
}

describe("parts and wholes", () => {
  const far = 2 ** 31 - 1;
  for (const [begin, end, step] of [
    [0, 5, 1],
    [1, 4, 2],
    [-3, -1, 1],
    [-100, far, 1],
    [4, 1, 1],
    [4, 0, -1],
    [-1, -far, -1],
    [far, -far, -2],
    [2, 2, 1],
    [3, -10, -3],
    [0, 5, far],
    [4, -far, -far - 1],
  ]) {
    it(`stridedSlice ${begin} to ${end} by ${step}`, async () => {
      for (const shape of [[5], [6, 2], [2, 7]]) {
        const axis = shape.length - 1;
        const at = positions(shape[axis], begin, end, step);
        const out = shape.with(axis, at.length);
        const x = iota(shape);
        const want = fill(out, (i) => reader(x)(i.with(axis, at[i[axis]])));
        await same("stridedSlice", [x, sizes(begin), sizes(end), sizes(step)], { axes: [-1] }, out, want);
      }
    });
  }
  it("stridedSlice of several axes, without strides", async () => {
    await same("stridedSlice", [iota([3, 4]), sizes(1, 0), sizes(3, 2)], {}, [2, 2], [4, 5, 8, 9]);
    assert.throws(() => R.stridedSlice(v([3]), [0], [1], [0]), /a step of 0/);
    assert.throws(() => R.stridedSlice(v([3]), [0, 0], [1]), /2 begin\(s\), 1 end\(s\)/);
  });
  it("split", async () => {
    const x = iota([2, 5]);
    const parts = await runOp("split", [x, sizes(2, 0, 3)], { axis: 1 }, 0);
    assert.deepEqual(
      parts.map((p) => [p.shape, p.data]),
      [
        [
          [2, 2],
          [0, 1, 5, 6],
        ],
        [[2, 0], []],
        [
          [2, 3],
          [2, 3, 4, 7, 8, 9],
        ],
      ],
    );
    const equal = await runOp("split", [iota([7])], { sections: 3 }, 0);
    assert.deepEqual(
      equal.map((p) => p.data),
      [[0, 1, 2], [3, 4, 5], [6]],
    );
    assert.throws(() => R.split(v([4]), [1, 2]), /parts of 1 \+ 2 for an axis of size 4/);
  });
  it("concat", async () => {
    for (const dtype of ["f32", "i64", "bool", "f16"] as const) {
      const [a, b, c] = [random([2, 1], dtype), random([2, 0], dtype), random([2, 3], dtype, 3, 4)];
      const want = fill([2, 4], ([i, j]) => (j < 1 ? reader(a)([i, j]) : reader(c)([i, j - 1])));
      await same("concat", [[a, b, c]], { axis: -1 }, [2, 4], want);
    }
    await same("concat", [[iota([1, 2]), iota([2, 2])]], { axis: 0 }, [3, 2], [0, 1, 0, 1, 2, 3]);
    assert.throws(
      () => R.concat([v([2, 3]), v([2, 4])], { axis: 0 }),
      /tensor 1 has size 4 in axis 1, the first one 3/,
    );
    assert.throws(() => R.concat([v([2]), v([2], "i32")]), /tensor 1 is i32, the first one f32/);
  });
});

describe("borders", () => {
  const line = (n: number, before: number, after: number, at: (i: number) => number | undefined): number[] =>
    Array.from({ length: before + n + after }, (_, k) => at(k - before) ?? -9);
  const MODES: Readonly<Record<string, (i: number, n: number) => number | undefined>> = {
    constant: (i, n) => (i >= 0 && i < n ? i : undefined),
    edge: (i, n) => Math.min(Math.max(i, 0), n - 1),
    wrap: (i, n) => ((i % n) + n) % n,
    reflect: (i, n) => {
      let k = i;
      while (n > 1 && (k < 0 || k >= n)) k = k < 0 ? -k : 2 * (n - 1) - k;
      return n > 1 ? k : 0;
    },
  };
  for (const [padMode, at] of Object.entries(MODES)) {
    it(`pad, ${padMode}`, async () => {
      for (const [n, before, after] of [
        [4, 2, 3],
        [4, 0, 1],
        [4, -1, 2],
        [3, 5, 7],
        [1, 2, 2],
      ]) {
        const want = line(n, before, after, (i) => at(i, n));
        const value = nd([], [-9]);
        await same("nn.pad", [iota([n]), sizes(before, after), value], { padMode }, [want.length], want);
      }
    });
  }
  it("pad of two axes", async () => {
    const want = fill([3, 4], ([i, j]) => (i < 1 || j > 2 ? 0 : (i - 1) * 3 + j));
    await same("nn.pad", [iota([2, 3]), sizes(1, 0, 0, 1)], {}, [3, 4], want);
    assert.throws(
      () => R.nn.pad(v([2, 3]), [1, 1]),
      /padWidth has 2 number\(s\); it takes two for each of 2 axes/,
    );
    assert.throws(() => R.nn.pad(v([2]), [-2, -1]), /axis 0 would have size -1/);
  });
  it("spaceToDepth and depthToSpace are inverse", async () => {
    const x = random([2, 3, 4, 6], "f32", 3, 2);
    const read = reader(x);
    const want = fill([2, 12, 2, 3], ([n, k, h, w]) => {
      const place = Math.floor(k / 3);
      return read([n, k % 3, h * 2 + Math.floor(place / 2), w * 2 + (place % 2)]);
    });
    await same("spaceToDepth", [x], { blockSize: 2 }, [2, 12, 2, 3], want);
    await same("depthToSpace", [nd([2, 12, 2, 3], want)], { blockSize: 2 }, [2, 3, 4, 6], numbersOf(x));
    const y = random([1, 8, 1, 2]);
    const crd = fill([1, 2, 2, 4], ([n, k, h, w]) =>
      reader(y)([n, k * 4 + (h % 2) * 2 + (w % 2), 0, w >> 1]),
    );
    await same("depthToSpace", [y], { blockSize: 2, mode: "CRD" }, [1, 2, 2, 4], crd);
    assert.throws(
      () => R.spaceToDepth(v([1, 1, 3, 4]), { blockSize: 2 }),
      /the height 3 does not divide by 2/,
    );
  });
});

describe("made of nothing", () => {
  it("full, arange and eye", async () => {
    await same("full", [sizes(2, 2), nd([1], [7], "i64")], {}, [2, 2], [7, 7, 7, 7]);
    await same("full", [sizes(0), nd([], [7])], {}, [0], []);
    await same("arange", [sizes(4), nd([], [10], "i64"), nd([], [-3], "i64")], {}, [4], [10, 7, 4, 1]);
    await same("eye", [sizes(2, 3)], { k: 1, dtype: "i32" }, [2, 3], [0, 1, 0, 0, 0, 1]);
  });
  it("tril and triu", async () => {
    for (const k of [-2, -1, 0, 1, 3]) {
      for (const shape of [
        [3, 4],
        [2, 2, 3],
        [0, 3],
      ]) {
        const x = random(shape, "i64", 9);
        const keep = (lower: boolean) =>
          fill(shape, (i) => {
            const [r, c] = i.slice(-2);
            return (lower ? c <= r + k : c >= r + k) ? reader(x)(i) : 0;
          });
        await same("tril", [x, sizes(k)], {}, shape, keep(true));
        await same("triu", [x, sizes(k)], {}, shape, keep(false));
      }
    }
  });
});

describe("sizes that cannot be", () => {
  it("are refused with the operator and the shape", () => {
    assert.throws(() => R.tile(v([8]), [2 ** 30]), /tile: its result would have the shape \[8589934592\]/);
    assert.throws(
      () => R.flatten(v([2 ** 16, 2 ** 16])),
      /flatten: its result would have the shape \[4294967296\]/,
    );
    assert.throws(
      () => R.arange([1e12], v([]), v([])),
      /arange: its result would have the shape \[1000000000000\]/,
    );
    assert.throws(() => R.nn.pad(v([8]), [2 ** 31 - 1, 3]), /pad: its result would have the shape/);
    assert.throws(() => R.split(v([8]), { sections: 1e9 }), /1000000000 parts are too many/);
  });
});
