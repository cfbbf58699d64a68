/** Reductions against loops over all indices: every set of axes, kept or dropped, empty axes, empty tensors. */
import assert from "node:assert/strict";
import { R } from "../../../../lib/graph/index.ts";
import type { DType } from "../../../../lib/ir/index.ts";
import { fill, indices } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";
import { random, reader } from "./reference.ts";

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const mean = (xs: readonly number[]): number => sum(xs) / xs.length;
const variance = (xs: readonly number[]): number => mean(xs.map((x) => (x - mean(xs)) ** 2));

const REFERENCE: Readonly<Record<string, (xs: readonly number[]) => number>> = {
  sum,
  prod: (xs) => xs.reduce((a, b) => a * b, 1),
  max: (xs) => Math.max(...xs),
  min: (xs) => Math.min(...xs),
  mean,
  sumSquare: (xs) => sum(xs.map((x) => x * x)),
  l1: (xs) => sum(xs.map(Math.abs)),
  l2: (xs) => Math.sqrt(sum(xs.map((x) => x * x))),
  logSum: (xs) => Math.log(sum(xs)),
  logSumExp: (xs) => Math.log(sum(xs.map(Math.exp))),
  variance,
  std: (xs) => Math.sqrt(variance(xs)),
};

/** Reduces by walking over everything: the shape and elements of the result. */
function reduce(
  shape: readonly number[],
  axes: readonly number[],
  keepdims: boolean,
  read: (i: readonly number[]) => number,
  f: (xs: readonly number[]) => number,
): { shape: number[]; data: number[] } {
  const kept = shape.map((s, d) => (axes.includes(d) ? 1 : s));
  const data = fill(kept, (i) => {
    const inside = shape.map((s, d) => (axes.includes(d) ? s : 1));
    return f([...indices(inside)].map((k) => read(k.map((v, d) => v + i[d]))));
  });
  return { shape: keepdims ? kept : shape.filter((_, d) => !axes.includes(d)), data };
}

const CASES: readonly (readonly [shape: readonly number[], axis: number | readonly number[] | null])[] = [
  [[], null],
  [[4], 0],
  [[2, 3], null],
  [[2, 3], []],
  [
    [2, 3, 4],
    [0, -1],
  ],
  [[2, 3, 4], 1],
  [[3, 0], 1],
  [[0, 3], 1],
];
const axesOf = (shape: readonly number[], axis: (typeof CASES)[number][1]): number[] =>
  axis === null ? shape.map((_, d) => d) : [axis].flat().map((a) => (a < 0 ? a + shape.length : a));

describe("reductions", () => {
  for (const [name, f] of Object.entries(REFERENCE)) {
    it(name, async () => {
      for (const [shape, axis] of CASES) {
        for (const keepdims of [true, false]) {
          const x = random(shape);
          const want = reduce(shape, axesOf(shape, axis), keepdims, reader(x), f);
          const [y] = await runOp(name, [x], { axis, keepdims }, 1e-5);
          assert.deepEqual(y.shape, want.shape, `${shape} over ${axis}`);
          close(y.data, want.data, 1e-5);
        }
      }
    });
  }
  for (const dtype of ["f64", "f16", "i32", "i64", "i8", "u8"] as const satisfies readonly DType[]) {
    it(`of ${dtype}`, async () => {
      const x = random([3, 4], dtype, 3);
      for (const name of ["sum", "max", "min", "mean", "l1", "prod"]) {
        const f = REFERENCE[name];
        const whole = (xs: readonly number[]) =>
          name === "mean" && dtype[0] !== "f" ? Math.trunc(f(xs)) : f(xs);
        const want = reduce([3, 4], [1], false, reader(x), whole);
        const [y] = await runOp(name, [x], { axis: 1 }, dtype === "f16" ? 5e-3 : 1e-9);
        assert.equal(y.dtype, dtype);
        close(y.data, want.data, dtype === "f16" ? 5e-3 : 1e-9);
      }
    });
  }
  it("the greatest of bools is whether any holds", async () => {
    const x = nd([3, 2], [0, 0, 0, 1, 1, 1], "bool");
    assert.deepEqual((await runOp("max", [x], { axis: 1 }))[0].data, [0, 1, 1]);
    assert.deepEqual((await runOp("min", [x], { axis: 1 }))[0].data, [0, 0, 1]);
  });
  it("large and infinite values in logSumExp", async () => {
    const x = nd([3, 2], [1000, 1000, -Infinity, -Infinity, Infinity, 0]);
    const [y] = await runOp("logSumExp", [x], { axis: 1 });
    close(y.data, [1000 + Math.LN2, -Infinity, Infinity]);
  });
  it("l2 of integers loses no more than its fraction", async () => {
    assert.deepEqual((await runOp("l2", [nd([2], [3, 4], "i32")]))[0].data, [5]);
  });
  it("axes that do not fit are refused", () => {
    const x = R.var("x", R.tensor([2, 3]));
    assert.throws(() => R.sum(x, { axis: 2 }), /sum: axis 2 is not in -2 … 1 \(the rank is 2\)/);
    assert.throws(() => R.sum(x, { axis: [0, -2] }), /an axis stands twice/);
    assert.throws(() => R.sum(R.var("b", R.tensor([2], "bool"))), /sum: it is for numbers, not bool/);
  });
});

describe("argmax and argmin", () => {
  for (const name of ["argmax", "argmin"] as const) {
    for (const selectLastIndex of [false, true]) {
      it(`${name}, of equals the ${selectLastIndex ? "last" : "first"}`, async () => {
        for (const dtype of ["f32", "i64", "u8"] as const) {
          for (const [shape, axis] of [
            [[6], 0],
            [[2, 5, 3], 1],
            [[2, 5, 3], -1],
            [[2, 5], null],
          ] as const) {
            const raw = random(shape, dtype, 2);
            const x = nd(
              shape,
              fill(shape, (i) => Math.round(reader(raw)(i))),
              dtype,
            );
            const axes = axis === null ? shape.map((_, d) => d) : [axis < 0 ? axis + shape.length : axis];
            const best = (xs: readonly number[]): number => {
              const top = name === "argmax" ? Math.max(...xs) : Math.min(...xs);
              return selectLastIndex ? xs.lastIndexOf(top) : xs.indexOf(top);
            };
            for (const keepdims of [false, true]) {
              const want = reduce(shape, axes, keepdims, reader(x), best);
              const [y] = await runOp(name, [x], { axis, keepdims, selectLastIndex }, 0);
              assert.deepEqual([y.shape, y.data, y.dtype], [want.shape, want.data, "i64"]);
            }
          }
        }
      });
    }
  }
  it("an empty axis has no position", () => {
    assert.throws(
      () => R.argmax(R.var("x", R.tensor([2, 0])), { axis: 1 }),
      /no position along an axis of size 0/,
    );
  });
});
