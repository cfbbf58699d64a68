import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { DTYPES, type DType } from "../../../lib/ir/index.ts";
import { cpuMemory, Random, Tensor } from "../../../lib/runtime/index.ts";

/** Taken once from this implementation: data sets of seeded tensors must not change. */
const FIRST_BITS = [2419916859, 2996235947, 1249288266];

describe("Tensor: making", () => {
  it("from nested arrays", () => {
    const t = Tensor.from([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.deepEqual([t.dtype, t.shape, t.size], ["f32", [2, 3], 6]);
    assert.deepEqual(t.toArray(), [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.ok(t.data instanceof Float32Array);
    assert.equal(t.address % 64, 0);
  });

  it("dtype from the values, or as asked", () => {
    assert.equal(Tensor.from([true, false]).dtype, "bool");
    assert.equal(Tensor.from([1n, 2n]).dtype, "i64");
    assert.equal(Tensor.from(3).toArray(), 3);
    assert.deepEqual(Tensor.from(3).shape, []);
    assert.equal(Tensor.from([1], undefined, "u8").dtype, "u8");
    assert.deepEqual(Tensor.from([[]]).shape, [1, 0]);
  });

  it("from typed arrays", () => {
    assert.deepEqual(Tensor.from(Int32Array.of(1, 2, 3, 4), [2, 2]).toArray(), [
      [1, 2],
      [3, 4],
    ]);
    assert.equal(Tensor.from(Uint8Array.of(1)).dtype, "u8");
    assert.equal(Tensor.from(BigInt64Array.of(1n)).dtype, "i64");
    assert.deepEqual(Tensor.from(Float32Array.of(0.1), [1], "f16").toArray(), [0.0999755859375]);
    assert.deepEqual(Tensor.from(Uint16Array.of(0x3c00), [1], "f16").toArray(), [1]);
    assert.deepEqual(Tensor.from(Float32Array.of(1, 2), [2], "i32").toArray(), [1, 2]);
    assert.throws(() => Tensor.from(Uint32Array.of(1)), /name the dtype for a Uint32Array/);
  });

  it("is a copy", () => {
    const source = Float32Array.of(1, 2);
    const t = Tensor.from(source);
    source[0] = 9;
    assert.equal(t.at(0), 1);
  });

  it("refuses what does not fit", () => {
    const used = cpuMemory().usedBytes;
    assert.throws(
      () => Tensor.from([[1, 2], [3]]),
      /element \[1\] has 1 element\(s\), its neighbours have 2/,
    );
    assert.throws(() => Tensor.from([1, [2]] as never), /element \[1\] is an array of its own/);
    assert.throws(() => Tensor.from([[1], 2] as never), /element \[1\] is no array/);
    assert.throws(() => Tensor.from(["x"] as never), /"x" is no f32 element \(element 0\)/);
    assert.throws(
      () => Tensor.from([1, 2.5], undefined, "i32"),
      /2.5 is no i32 element: not a whole number \(element 1\)/,
    );
    assert.throws(() => Tensor.from([256], undefined, "u8"), /256 is out of the range of u8 \(0 to 255\)/);
    assert.throws(() => Tensor.from([2n ** 63n]), /out of the range of i64/);
    assert.throws(() => Tensor.from([1, 2, 3], [2, 2]), /3 element\(s\) cannot have shape \[2, 2\]/);
    assert.throws(() => Tensor.zeros([2, -1]), /-1 is not a size \(shape \[2, -1\]\)/);
    assert.throws(() => Tensor.zeros(3 as never), /a shape is an array of sizes, got 3/);
    assert.throws(() => Tensor.zeros([1], "float" as DType), /unknown dtype "float"/);
    assert.equal(cpuMemory().usedBytes, used);
  });

  it("zeros, full, arange", () => {
    assert.deepEqual(Tensor.zeros([2], "i64").toArray(), [0n, 0n]);
    assert.deepEqual(Tensor.full([2], 1.5, "f16").toArray(), [1.5, 1.5]);
    // Bytes that lie anywhere, in whole words and beside them.
    for (const [begin, length] of [
      [0, 11],
      [1, 11],
      [3, 2],
      [4, 8],
    ]) {
      const bytes = Uint8Array.from({ length: 16 }, (_, k) => k % 2).subarray(begin, begin + length);
      assert.deepEqual(Tensor.from(bytes, [length], "bool").toArray(), [...bytes]);
      for (const at of [0, length - 1]) {
        const wrong = bytes.slice().fill(2, at, at + 1);
        assert.throws(() => Tensor.from(wrong, [length], "bool"), /2 is out of the range of bool/);
      }
    }
    assert.deepEqual(Tensor.full([1], true, "bool").toArray(), [1]);
    assert.deepEqual(Tensor.arange(4).toArray(), [0, 1, 2, 3]);
    assert.deepEqual(Tensor.arange(1, 2, 0.25, "f32").toArray(), [1, 1.25, 1.5, 1.75]);
    assert.deepEqual(Tensor.arange(3, 0, -1, "i64").toArray(), [3n, 2n, 1n]);
    assert.deepEqual(Tensor.arange(2, 1).toArray(), []);
  });

  it("round trip of every dtype", () => {
    for (const t of DTYPES) {
      const one = t === "i64" ? 1n : 1;
      const zero = t === "i64" ? 0n : 0;
      assert.deepEqual(
        Tensor.from(
          [
            [0, 1],
            [1, 0],
          ],
          undefined,
          t,
        ).toArray(),
        [
          [zero, one],
          [one, zero],
        ],
      );
    }
  });
});

describe("Tensor: random", () => {
  it("the same seed gives the same tensor", () => {
    const a = Tensor.random([100], { seed: 7 });
    const b = Tensor.random([100], { seed: 7 });
    const c = Tensor.random([100], { seed: 8 });
    assert.deepEqual(a.toArray(), b.toArray());
    assert.notDeepEqual(a.toArray(), c.toArray());
  });

  it("the sequence is fixed for good", () => {
    const r = new Random(2024);
    assert.deepEqual([r.bits(), r.bits(), r.bits()], FIRST_BITS);
  });

  it("stays in its range", () => {
    for (const dtype of ["f32", "f64", "f16"] as const) {
      for (const x of Tensor.random([5000], { dtype, min: -2, max: 3 })) assert.ok(x >= -2 && x < 3);
    }
    const seen = new Set(Tensor.random([1000], { dtype: "i32", min: -1, max: 3 }));
    assert.deepEqual([...seen].sort(), [-1, 0, 1, 2]);
    assert.deepEqual(new Set(Tensor.random([100], { dtype: "bool" })), new Set([0, 1]));
    assert.deepEqual(new Set(Tensor.random([500], { dtype: "i64" })).size, 10);
  });

  it("is spread as it should be", () => {
    const stats = (t: Tensor) => {
      const xs = [...t].map(Number);
      const mean = xs.reduce((a, b) => a + b) / xs.length;
      return [mean, Math.sqrt(xs.reduce((a, b) => a + (b - mean) ** 2, 0) / xs.length)];
    };
    const [mean, std] = stats(Tensor.random([20000], { normal: { mean: 3, std: 2 }, seed: 1 }));
    assert.ok(Math.abs(mean - 3) < 0.06 && Math.abs(std - 2) < 0.05);
    const [middle, width] = stats(Tensor.random([20000], { seed: 1 }));
    assert.ok(Math.abs(middle - 0.5) < 0.01 && Math.abs(width - Math.sqrt(1 / 12)) < 0.01);
  });

  it("refuses what does not exist", () => {
    assert.throws(() => Tensor.random([1], { min: 1, max: 1 }), /max \(1\) must be above min \(1\)/);
    assert.throws(() => Tensor.random([1], { normal: true, dtype: "i8" }), /normal i8 elements/);
    assert.throws(() => Tensor.random([1], { seed: 0.5 }), /seed must be a whole number/);
  });
});

describe("Tensor: using", () => {
  it("at, set, item", () => {
    const t = Tensor.zeros([2, 3]);
    t.set(5, 1, -1);
    assert.equal(t.at(1, 2), 5);
    assert.throws(() => t.at(2, 0), /\[2, 0\] is outside of Tensor f32\[2, 3\]/);
    assert.throws(() => t.at(0), /has 2 dimension\(s\), got 1/);
    assert.throws(() => t.item(), /item\(\) of Tensor f32\[2, 3\]: it has 6 elements/);
    assert.equal(Tensor.from([[4]]).item(), 4);
  });

  it("reshape and slice share memory, clone does not", () => {
    const t = Tensor.arange(6);
    const r = t.reshape([2, -1]);
    const row = r.slice(1);
    const copy = r.clone();
    t.set(50, 5);
    assert.deepEqual(r.toArray(), [
      [0, 1, 2],
      [3, 4, 50],
    ]);
    assert.deepEqual(row.toArray(), [[3, 4, 50]]);
    assert.deepEqual(copy.at(1, 2), 5);
    assert.throws(() => t.reshape([4]), /Tensor i32\[6\] with 6 element\(s\) cannot have shape \[4\]/);
    assert.throws(() => t.reshape([4, -1]), /cannot have shape/);
    assert.throws(() => t.slice(2, 7), /slice\(2, 7\) of Tensor i32\[6\]/);
  });

  it("map", () => {
    const t = Tensor.from(Uint8Array.of(0, 51, 255)).map((x) => Number(x) / 255, "f32");
    assert.deepEqual(t.toArray(), [0, Math.fround(0.2), 1]);
  });

  it("data stays valid when memory grows", () => {
    const t = Tensor.from([1, 2, 3]);
    const before = t.data;
    using big = Tensor.zeros([cpuMemory().memory.buffer.byteLength / 4]);
    assert.notEqual(t.data, before);
    assert.deepEqual(t.toArray(), [1, 2, 3]);
    assert.equal(big.at(0), 0);
  });

  it("a disposed tensor says so; its views live on; the memory comes back", () => {
    const used = cpuMemory().usedBytes;
    const t = Tensor.zeros([100]);
    const view = t.reshape([10, 10]);
    t.dispose();
    t.dispose();
    assert.equal(t.disposed, true);
    for (const use of [
      () => t.data,
      () => t.at(0),
      () => t.toArray(),
      () => t.clone(),
      () => t.reshape([100]),
    ]) {
      assert.throws(use, /Tensor f32\[100\] \(disposed\) was disposed and may not be used any more/);
    }
    assert.equal(view.at(9, 9), 0);
    view.dispose();
    assert.equal(cpuMemory().usedBytes, used);
    {
      using scoped = Tensor.zeros([4]);
      assert.ok(cpuMemory().usedBytes > used);
      assert.equal(scoped.size, 4);
    }
    assert.equal(cpuMemory().usedBytes, used);
  });

  it("memory of forgotten tensors comes back, that of a view still held does not", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const used = cpuMemory().usedBytes;
    const kept = (() => {
      for (let i = 0; i < 50; i++) Tensor.zeros([1000]);
      return Tensor.full([16], 3).data;
    })();
    const want = used + 64;
    // Other tests' forgotten tensors may go as well; finalisers run some time after a collection.
    for (let i = 0; i < 100 && cpuMemory().usedBytes > want; i++) {
      gc();
      await new Promise((done) => setTimeout(done, 5));
    }
    assert.ok(cpuMemory().usedBytes <= want);
    using other = Tensor.full([16], 4);
    assert.deepEqual([kept[0], other.at(0)], [3, 4]);
  });

  it("nested arrays of any shape come back", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), (shape) => {
        const size = shape.reduce((a, b) => a * b, 1);
        using t = Tensor.arange(size);
        using r = t.reshape(shape);
        const array = r.toArray();
        const flat = Array.isArray(array) ? array.flat(4) : [array];
        assert.deepEqual(
          flat,
          Array.from({ length: size }, (_, i) => i),
        );
      }),
    );
  });
});
