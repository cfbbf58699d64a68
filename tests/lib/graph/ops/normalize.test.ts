/** Normalisations against their definitions, in doubles. */
import assert from "node:assert/strict";
import { R } from "../../../../lib/graph/index.ts";
import type { Attrs, DType, NDArray } from "../../../../lib/ir/index.ts";
import { fill, indices } from "../../../support/nd.ts";
import { close, type Given, nd, runOp } from "../../../support/run-op.ts";
import { random, reader } from "./reference.ts";

const v = (shape: readonly number[], dtype: DType = "f32") => R.var("v", R.tensor(shape, dtype));

async function near(op: string, given: readonly Given[], attrs: Attrs, data: readonly number[], eps = 1e-5) {
  const [y] = await runOp(op, given, attrs, eps);
  const x = given[0] as NDArray;
  assert.deepEqual([y.shape, y.dtype], [x.shape, x.dtype]);
  close(y.data, data, eps);
}

/** The elements of x that share all indices with i but those of the axes. */
const around = (x: NDArray, i: readonly number[], axes: readonly number[]): number[] =>
  [...indices(x.shape.map((s, d) => (axes.includes(d) ? s : 1)))].map((k) =>
    reader(x)(k.map((e, d) => (axes.includes(d) ? e : i[d]))),
  );
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const mean = (xs: readonly number[]): number => sum(xs) / xs.length;
const variance = (xs: readonly number[]): number => mean(xs.map((e) => (e - mean(xs)) ** 2));

describe("softmax and its kin", () => {
  for (const [shape, axis] of [
    [[4], 0],
    [[2, 5], -1],
    [[2, 3, 4], 1],
    [[2, 0], 1],
    [[3, 1], 1],
  ] as const) {
    it(`along axis ${axis} of [${shape}]`, async () => {
      const d = axis < 0 ? axis + shape.length : axis;
      for (const dtype of ["f32", "f64", "f16"] as const) {
        const eps = dtype === "f16" ? 2e-3 : 1e-5;
        const x = random(shape, dtype);
        const read = reader(x);
        const total = (i: readonly number[]) => sum(around(x, i, [d]).map(Math.exp));
        await near(
          "nn.softmax",
          [x],
          { axis },
          fill(shape, (i) => Math.exp(read(i)) / total(i)),
          eps,
        );
        await near(
          "nn.logSoftmax",
          [x],
          { axis },
          fill(shape, (i) => read(i) - Math.log(total(i))),
          eps,
        );
        const hard = fill(shape, (i) => {
          const line = around(x, i, [d]);
          return Number(line.indexOf(Math.max(...line)) === i[d]);
        });
        await near("nn.hardmax", [x], { axis }, hard, 0);
      }
    });
  }
  it("large numbers do not overflow", async () => {
    await near("nn.softmax", [nd([2], [10000, 10001])], {}, [1 / (1 + Math.E), Math.E / (1 + Math.E)]);
    await near("nn.hardmax", [nd([3], [2, 2, 1])], {}, [1, 0, 0]);
    assert.throws(() => R.nn.softmax(v([2], "i32")), /it is for floats, not i32/);
  });
});

describe("normalisations", () => {
  it("layerNorm", async () => {
    for (const [shape, axes] of [
      [[2, 6], [-1]],
      [
        [2, 3, 4],
        [1, 2],
      ],
      [[5], [0]],
    ] as const) {
      const x = random(shape);
      const tail = axes.map((a) => shape[a < 0 ? a + shape.length : a]);
      const own = axes.map((a) => (a < 0 ? a + shape.length : a));
      const [gamma, beta] = [random(tail, "f32", 2, 7), random(tail, "f32", 2, 8)];
      const norm = fill(shape, (i) => {
        const line = around(x, i, own);
        return (reader(x)(i) - mean(line)) / Math.sqrt(variance(line) + 1e-3);
      });
      const at = (g: NDArray, i: readonly number[]) => reader(g)(own.map((d) => i[d]));
      const full = [...indices(shape)].map((i, k) => norm[k] * at(gamma, i) + at(beta, i));
      await near("nn.layerNorm", [x], { axes, epsilon: 1e-3 }, norm);
      await near("nn.layerNorm", [x, gamma, beta], { axes, epsilon: 1e-3 }, full);
      const rms = fill(shape, (i) => {
        const line = around(x, i, own);
        return (reader(x)(i) / Math.sqrt(mean(line.map((e) => e * e)) + 1e-5)) * at(gamma, i);
      });
      await near("nn.rmsNorm", [x, gamma], { axes }, rms);
    }
    assert.throws(() => R.nn.layerNorm(v([2, 3]), { axes: [0] }), /its axes must be the last ones/);
    assert.throws(() => R.nn.layerNorm(v([2, 3]), v([2])), /gamma must broadcast/);
  });
  it("statistics of halves are formed in f32", async () => {
    // The sum of squares of these leaves the range of halves.
    const x = nd([4], [300, -300, 300, -300], "f16");
    await near("nn.layerNorm", [x], { axes: [0] }, [1, -1, 1, -1], 1e-3);
  });
  it("groupNorm and instanceNorm", async () => {
    for (const shape of [
      [2, 6, 3],
      [1, 6, 2, 2],
      [2, 6],
    ]) {
      const x = random(shape);
      const [gamma, beta] = [random([6], "f32", 2, 7), random([6], "f32", 2, 8)];
      for (const groups of [1, 2, 6]) {
        const each = 6 / groups;
        const want = fill(shape, (i) => {
          const start = Math.floor(i[1] / each) * each;
          const all = Array.from({ length: each }, (_, k) =>
            around(x, i.with(1, start + k), shape.map((_s, d) => d).slice(2)),
          ).flat();
          const e = (reader(x)(i) - mean(all)) / Math.sqrt(variance(all) + 1e-5);
          return e * reader(gamma)([i[1]]) + reader(beta)([i[1]]);
        });
        await near("nn.groupNorm", [x, gamma, beta], { numGroups: groups }, want, 2e-5);
        if (groups === 6) await near("nn.instanceNorm", [x, gamma, beta], {}, want, 2e-5);
      }
    }
    assert.throws(
      () => R.nn.groupNorm(v([1, 4, 2]), { numGroups: 3 }),
      /4 channels do not divide into 3 groups/,
    );
  });
  it("batchNorm", async () => {
    for (const [shape, axis] of [
      [[2, 3], 1],
      [[2, 3, 2, 2], 1],
      [[2, 2, 3], -1],
    ] as const) {
      const x = random(shape);
      const [gamma, beta, m] = [4, 5, 6].map((seed) => random([3], "f32", 2, seed));
      const s = nd(
        [3],
        fill([3], (i) => Math.abs(reader(m)(i)) + 0.1),
      );
      const want = fill(shape, (i) => {
        const c = [i[axis < 0 ? axis + shape.length : axis]];
        const e = (reader(x)(i) - reader(m)(c)) / Math.sqrt(reader(s)(c) + 1e-2);
        return e * reader(gamma)(c) + reader(beta)(c);
      });
      await near("nn.batchNorm", [x, gamma, beta, m, s], { axis, epsilon: 1e-2 }, want, 2e-5);
    }
    assert.throws(
      () => R.nn.batchNorm(v([1, 2]), v([3]), v([2]), v([2]), v([2])),
      /argument 1 is f32 of one element/,
    );
  });
  it("meanVarianceNorm, lpNorm and lrn", async () => {
    const x = random([2, 3, 2, 2]);
    const read = reader(x);
    const mvn = fill(x.shape, (i) => {
      const all = around(x, i, [0, 2, 3]);
      return (read(i) - mean(all)) / Math.sqrt(variance(all));
    });
    await near("nn.meanVarianceNorm", [x], {}, mvn);
    const l2 = fill(x.shape, (i) => read(i) / Math.hypot(...around(x, i, [1])));
    await near("nn.lpNorm", [x], { axis: 1 }, l2);
    const l1 = fill(x.shape, (i) => read(i) / sum(around(x, i, [3]).map(Math.abs)));
    await near("nn.lpNorm", [x], { p: 1 }, l1);
    await near("nn.lpNorm", [nd([2], [0, 0])], {}, [0, 0]);
    for (const size of [1, 3, 4, 6, 7, 8, 100]) {
      const lrn = fill(x.shape, (i) => {
        let squares = 0;
        const first = i[1] - Math.floor((size - 1) / 2);
        for (let c = first; c < first + size; c++) if (c >= 0 && c < 3) squares += read(i.with(1, c)) ** 2;
        return read(i) / (2 + (0.5 / size) * squares) ** 0.6;
      });
      await near("nn.lrn", [x], { size, alpha: 0.5, beta: 0.6, bias: 2 }, lrn);
    }
  });
});
