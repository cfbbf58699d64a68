/** Operators whose indices are data: gathering, scattering, sorting, running sums, what is not 0, what is unique. */
import assert from "node:assert/strict";
import { R } from "../../../../lib/graph/index.ts";
import type { Attrs, DType, NDArray } from "../../../../lib/ir/index.ts";
import { count, fill, Numbers, position, indices as walk } from "../../../support/nd.ts";
import { type Given, nd, runOp } from "../../../support/run-op.ts";
import { random, reader } from "./reference.ts";

const v = (shape: readonly number[], dtype: DType = "f32") => R.var("v", R.tensor(shape, dtype));
const i64 = (shape: readonly number[], min: number, max: number, seed = 3): NDArray =>
  new Numbers(seed).ints(shape, "i64", min, max);

async function same(
  op: string,
  given: readonly Given[],
  attrs: Attrs,
  shape: readonly number[],
  data: readonly number[],
): Promise<void> {
  const [y] = await runOp(op, given, attrs, 1e-6);
  assert.deepEqual(y.shape, shape);
  assert.deepEqual(
    y.data,
    data.map((e) => e + 0),
  );
}
const from = (i: number, n: number): number => (i < 0 ? i + n : i);

describe("gathering", () => {
  it("take", async () => {
    for (const [shape, axis, at] of [
      [[5], 0, []],
      [[4, 3], 0, [2, 2]],
      [[4, 3], -1, [5]],
      [[2, 4, 3], 1, [0, 2]],
    ] as const) {
      const d = axis < 0 ? axis + shape.length : axis;
      const x = random(shape);
      const idx = i64(at, -shape[d], shape[d] - 1);
      const out = [...shape.slice(0, d), ...at, ...shape.slice(d + 1)];
      const want = fill(out, (i) => {
        const k = from(reader(idx)(i.slice(d, d + at.length)), shape[d]);
        return reader(x)([...i.slice(0, d), k, ...i.slice(d + at.length)]);
      });
      await same("take", [x, idx], { axis }, out, want);
    }
    assert.throws(() => R.take(v([3]), v([2])), /indices are i32 or i64, not f32/);
    assert.throws(() => R.take(v([0]), v([2], "i64")), /from an axis of size 0/);
  });
  it("an index outside is held at the edge", async () => {
    await same("take", [nd([3], [1, 2, 3]), nd([3], [7, -9, 1], "i64")], {}, [3], [3, 1, 2]);
  });
  it("gatherElements", async () => {
    const x = random([3, 4]);
    for (const axis of [0, 1]) {
      const idx = i64([2, 3], -2, 2);
      const want = fill([2, 3], (i) => reader(x)(i.with(axis, from(reader(idx)(i), [3, 4][axis]))));
      await same("gatherElements", [x, idx], { axis }, [2, 3], want);
    }
    assert.throws(
      () => R.gatherElements(v([2, 2]), v([3, 2], "i64"), { axis: 1 }),
      /size 3 in axis 0, x only 2/,
    );
  });
  it("gatherNd", async () => {
    const x = random([2, 3, 4]);
    const pairs = i64([5, 2], -2, 1);
    const want = fill([5, 4], ([n, k]) =>
      reader(x)([from(reader(pairs)([n, 0]), 2), from(reader(pairs)([n, 1]), 3), k]),
    );
    await same("gatherNd", [x, pairs], {}, [5, 4], want);
    const one = i64([2, 1], -3, 2);
    const batch = fill([2, 4], ([n, k]) => reader(x)([n, from(reader(one)([n, 0]), 3), k]));
    await same("gatherNd", [x, one], { batchDims: 1 }, [2, 4], batch);
    assert.throws(() => R.gatherNd(v([2]), v([1, 2], "i64")), /an index of 2 numbers for a tensor of rank 1/);
  });
  it("oneHot", async () => {
    const idx = nd([3], [1, -1, 5], "i64");
    const [on, off] = [nd([], [9]), nd([], [2])];
    const want = [2, 9, 2, 2, 2, 9, 2, 2, 2];
    await same("oneHot", [idx, on, off, { sizes: [3] }], {}, [3, 3], want);
    const turned = fill([3, 3], ([i, j]) => want[j * 3 + i]);
    await same("oneHot", [idx, on, off, { sizes: [3] }], { axis: 0 }, [3, 3], turned);
  });
});

const COMBINE: Readonly<Record<string, (a: number, b: number) => number>> = {
  none: (_, b) => b,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
};

describe("scattering", () => {
  for (const [reduction, f] of Object.entries(COMBINE)) {
    it(`scatterElements, ${reduction}`, async () => {
      for (const dtype of ["f32", "i64"] as const) {
        const x = random([3, 4], dtype, 5);
        const updates = random([2, 3], dtype, 5, 9);
        // Many of them name the same place.
        const idx = i64([2, 3], -2, 1);
        for (const axis of [0, -1]) {
          const d = axis < 0 ? axis + 2 : axis;
          const want = fill([3, 4], reader(x));
          for (const i of walk([2, 3])) {
            const at = position(i.with(d, from(reader(idx)(i), [3, 4][d])), [3, 4]) as number;
            want[at] = Math.fround(f(want[at], reader(updates)(i)));
          }
          await same("scatterElements", [x, idx, updates], { axis, reduction }, [3, 4], want);
        }
      }
    });
    it(`scatterNd, ${reduction}`, async () => {
      const x = random([4, 3], "i32", 5);
      const idx = i64([5, 1], -4, 3);
      const updates = random([5, 3], "i32", 5, 9);
      const want = fill([4, 3], reader(x));
      for (const i of walk([5, 3])) {
        const at = from(reader(idx)([i[0], 0]), 4) * 3 + i[1];
        want[at] = f(want[at], reader(updates)(i));
      }
      await same("scatterNd", [x, idx, updates], { reduction }, [4, 3], want);
    });
  }
  it("an update outside is left out", async () => {
    const x = nd([2], [1, 2]);
    await same("scatterElements", [x, nd([2], [5, -7], "i64"), nd([2], [8, 9])], {}, [2], [1, 2]);
  });
  it("what does not fit is refused", () => {
    assert.throws(() => R.scatterNd(v([4]), v([2, 1], "i64"), v([3])), /updates has not the shape/);
    assert.throws(
      () => R.scatterElements(v([4]), v([2], "i64"), v([2]), { reduction: "xor" }),
      /reduction is one of none, add, mul, max, min, not "xor"/,
    );
  });
});

describe("sorting", () => {
  const order = (xs: readonly number[], descending: boolean): number[] =>
    xs.map((_, i) => i).sort((a, b) => (descending ? xs[b] - xs[a] : xs[a] - xs[b]) || a - b);

  for (const descending of [false, true]) {
    it(`sort, argsort and topk, ${descending ? "the greatest" : "the smallest"} first`, async () => {
      for (const [shape, axis] of [
        [[1], 0],
        [[0], 0],
        [[2], 0],
        [[33], 0],
        [[3, 5, 2], 1],
        [[4, 16], -1],
      ] as [number[], number][]) {
        for (const dtype of ["f32", "i8", "i64"] as const) {
          const d = axis < 0 ? axis + shape.length : axis;
          // Few different values, so that there are equals.
          const x = nd(
            shape,
            fill(shape, (i) => Math.round(reader(random(shape, dtype))(i)) + 0),
            dtype,
          );
          const line = (i: readonly number[]): number[] =>
            Array.from({ length: shape[d] }, (_, k) => reader(x)(i.with(d, k)));
          const at = fill(shape, (i) => order(line(i), descending)[i[d]]);
          const values = fill(shape, (i) => line(i)[order(line(i), descending)[i[d]]]);
          await same("sort", [x], { axis, descending }, shape, values);
          await same("argsort", [x], { axis, descending }, shape, at);
          const k = Math.ceil(shape[d] / 2);
          const top = shape.with(d, k);
          const got = await runOp("topk", [x, { sizes: [k] }], { axis, largest: descending }, 0);
          const cut = (all: readonly number[]) => fill(top, (i) => all[position(i, shape) as number]);
          assert.deepEqual(
            got.map((g) => [g.shape, g.data, g.dtype]),
            [
              [top, cut(values), dtype],
              [top, cut(at), "i64"],
            ],
          );
        }
      }
    });
  }
  it("topk keeps the first of many, line by line", async () => {
    for (const [shape, axis] of [
      [[2, 99], -1],
      [[98, 2], 0],
    ] as [number[], number][]) {
      const d = axis < 0 ? axis + shape.length : axis;
      for (const dtype of ["f32", "i32", "i8"] as const) {
        for (const k of dtype === "f32" ? [1, 7, 40] : [7]) {
          for (const largest of dtype === "f32" ? [true, false] : [dtype === "i8"]) {
            // Equals, and rising as well as falling runs.
            const x = nd(
              shape,
              fill(shape, (i) => (i[d] % 3 === 0 ? i[d] % 50 : (i[d] * 37 + (i[1 - d] ?? 0) * 11) % 23)),
              dtype,
            );
            const line = (i: readonly number[]): number[] =>
              Array.from({ length: shape[d] }, (_, m) => reader(x)(i.with(d, m)));
            const top = shape.with(d, k);
            const at = fill(top, (i) => order(line(i), largest)[i[d]]);
            const values = fill(top, (i) => line(i)[order(line(i), largest)[i[d]]]);
            const got = await runOp("topk", [x, { sizes: [k] }], { axis, largest }, 0);
            assert.deepEqual(
              got.map((g) => [g.shape, g.data]),
              [
                [top, values],
                [top, at],
              ],
            );
          }
        }
      }
    }
  });
  it("k that is too large is refused", () => {
    assert.throws(() => R.topk(v([3]), [4]), /topk: k is 4, the axis has 3 elements/);
  });
});

describe("running sums", () => {
  for (const op of ["cumsum", "cumprod"] as const) {
    it(op, async () => {
      for (const [shape, axis] of [
        [[5], 0],
        [[2, 3, 2], 1],
        [[3, 0], 1],
      ] as [number[], number][]) {
        for (const exclusive of [false, true]) {
          for (const reverse of [false, true]) {
            const x = random(shape, "i64", 4);
            const want = fill(shape, (i) => {
              let all = op === "cumsum" ? 0 : 1;
              for (let k = 0; k < shape[axis]; k++) {
                const inside = reverse ? k >= i[axis] : k <= i[axis];
                if (!inside || (exclusive && k === i[axis])) continue;
                const e = reader(x)(i.with(axis, k));
                all = op === "cumsum" ? all + e : all * e;
              }
              return all + 0;
            });
            await same(op, [x], { axis, exclusive, reverse }, shape, want);
          }
        }
      }
    });
  }
});

describe("results whose number depends on data", () => {
  it("nonzero", async () => {
    for (const shape of [[4], [2, 3], [2, 0], [2, 2, 3]]) {
      for (const dtype of ["bool", "f32", "i64"] as const) {
        const x = nd(
          shape,
          fill(shape, (i) => (reader(random(shape, "bool"))(i) ? 1 : 0)),
          dtype,
        );
        const hits = [...walk(shape)].filter((i) => reader(x)(i) !== 0);
        const [at, n] = await runOp("nonzero", [x], {}, 0);
        assert.deepEqual([at.shape, n.data], [[shape.length, count(shape)], [hits.length]]);
        const columns = hits.map((_, k) => shape.map((_s, d) => at.data[d * count(shape) + k]));
        assert.deepEqual(columns, hits);
      }
    }
    assert.throws(() => R.nonzero(v([])), /a scalar has no indices/);
  });
  for (const sorted of [true, false]) {
    it(`unique, ${sorted ? "sorted" : "in order of occurrence"}`, async () => {
      const cases: [number[], number | null][] = [
        [[1], null],
        [[9], null],
        [[2, 8], null],
        [[0], null],
        [[6, 2], 0],
        [[2, 7], 1],
        [[3, 2, 4], -1],
      ];
      for (const [shape, axis] of cases) {
        const x = nd(
          shape,
          fill(shape, (i) => Math.round(reader(random(shape, "f32", 1.4))(i)) + 0),
        );
        const d = axis === null ? 0 : (axis + shape.length) % shape.length;
        const n = axis === null ? count(shape) : shape[d];
        const others = axis === null ? [] : shape.filter((_, k) => k !== d);
        const row = (k: number): number[] =>
          axis === null ? [fill(shape, reader(x))[k]] : fill(others, (i) => reader(x)(i.toSpliced(d, 0, k)));
        const keys = Array.from({ length: n }, (_, k) => row(k));
        const text = keys.map((k) => k.join());
        const found = [...new Set(text)].map((t) => text.indexOf(t));
        const less = (a: number, b: number): number => {
          const e = keys[a].findIndex((value, k) => value !== keys[b][k]);
          return e < 0 ? 0 : keys[a][e] - keys[b][e];
        };
        if (sorted) found.sort(less);
        const [values, first, inverse, counts, number] = await runOp("unique", [x], { axis, sorted }, 0);
        const m = found.length;
        assert.deepEqual(number.data, [m]);
        assert.deepEqual(first.data.slice(0, m), found);
        assert.deepEqual(
          inverse.data,
          text.map((t) => found.findIndex((f) => text[f] === t)),
        );
        assert.deepEqual(
          counts.data.slice(0, m),
          found.map((f) => text.filter((t) => t === text[f]).length),
        );
        found.forEach((f, k) => {
          const got =
            axis === null
              ? [values.data[k]]
              : fill(others, (i) => values.data[position(i.toSpliced(d, 0, k), shape) as number]);
          assert.deepEqual(got, keys[f]);
        });
      }
    });
  }
});
