/** Layers made of other operators, adaptive poolings, columns and grids. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, indices, Numbers, position, total } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

const says = (text: RegExp) => (e: unknown) => e instanceof GraphError && text.test(e.message);
const v = (...shape: number[]) => R.var("v", R.tensor(shape));

describe("nn.linear", () => {
  it("with and without a bias", async () => {
    const r = new Numbers(3);
    const [x, w, b] = [r.floats([2, 3, 4]), r.floats([5, 4]), r.floats([5])];
    const [X, W, B] = [x, w, b].map(numbersOf);
    const product = fill([6, 5], ([i, o]) => total([4], ([k]) => X[i * 4 + k] * W[o * 4 + k]));
    const [y] = await runOp("nn.linear", [x, w]);
    assert.deepEqual(y.shape, [2, 3, 5]);
    close(y.data, product);
    const [z] = await runOp("nn.linear", [x, w, b]);
    close(
      z.data,
      product.map((p, k) => p + B[k % 5]),
    );
    assert.throws(
      () => callOp("nn.linear", [v(2, 3), v(5, 4)]),
      says(/the data has 3 inputs, the weight is for 4/),
    );
    assert.throws(() => callOp("nn.linear", [v(2, 4), v(5, 4), v(4)]), says(/4/));
  });
});

describe("nn.attention", () => {
  it("every query mixes the values by its weights", async () => {
    const r = new Numbers(3);
    const [n, l, h, d, m, e] = [2, 3, 2, 4, 5, 3];
    const [q, k, w] = [r.floats([n, l, h, d]), r.floats([n, m, h, d]), r.floats([n, m, h, e])];
    const bias = r.floats([n, 1, l, m]);
    const [Q, K, V, B] = [q, k, w, bias].map(numbersOf);
    const want = (scale: number, biased: boolean): number[] =>
      fill([n, l, h, e], ([b, i, a, o]) => {
        const scores = fill(
          [m],
          ([j]) =>
            scale * total([d], ([c]) => Q[((b * l + i) * h + a) * d + c] * K[((b * m + j) * h + a) * d + c]) +
            (biased ? B[(b * l + i) * m + j] : 0),
        );
        const weights = scores.map((s) => Math.exp(s));
        const sum = weights.reduce((p, x) => p + x, 0);
        return total([m], ([j]) => (weights[j] / sum) * V[((b * m + j) * h + a) * e + o]);
      });
    close((await runOp("nn.attention", [q, k, w]))[0].data, want(0.5, false));
    close((await runOp("nn.attention", [q, k, w, bias], { scale: 0.3 }))[0].data, want(0.3, true));
    assert.throws(
      () => callOp("nn.attention", [v(1, 3, 2, 4), v(1, 5, 2, 3), v(1, 5, 2, 4)]),
      says(/its key must have batch, heads and size of the query/),
    );
  });
});

describe("adaptive poolings", () => {
  for (const [size, out] of [
    [
      [6, 4],
      [3, 2],
    ],
    [
      [7, 5],
      [3, 2],
    ],
    [
      [2, 3],
      [5, 4],
    ],
    [
      [7, 5],
      [1, 1],
    ],
    [[5], [3]],
  ] as const) {
    it(`${size.join(" × ")} to ${out.join(" × ")}`, async () => {
      const shape = [2, 2, ...size];
      const x = new Numbers(7).floats(shape);
      const X = numbersOf(x);
      const elements = ([b, c, ...o]: readonly number[]): number[] => {
        const first = o.map((p, d) => Math.floor((p * size[d]) / out[d]));
        const end = o.map((p, d) => Math.ceil(((p + 1) * size[d]) / out[d]));
        return Array.from(
          indices(end.map((e, d) => e - first[d])),
          (k) => X[position([b, c, ...k.map((p, d) => p + first[d])], shape) as number],
        );
      };
      const all = [2, 2, ...out];
      const [mean] = await runOp("nn.adaptiveAvgPool", [x, { sizes: out }]);
      assert.deepEqual(mean.shape, all);
      close(
        mean.data,
        fill(all, (o) => elements(o).reduce((p, a) => p + a, 0) / elements(o).length),
      );
      const [most] = await runOp("nn.adaptiveMaxPool", [x, { sizes: out }]);
      close(
        most.data,
        fill(all, (o) => Math.max(...elements(o))),
      );
    });
  }
});

describe("nn.col2im", () => {
  for (const [image, kernel, strides, padding, dilation] of [
    [
      [5, 5],
      [1, 5],
      [1, 1],
      [0, 0, 0, 0],
      [1, 1],
    ],
    [
      [6, 5],
      [3, 2],
      [2, 1],
      [1, 0, 0, 1],
      [1, 2],
    ],
    [[7], [3], [2], [1, 1], [2]],
  ] as const) {
    it(`${image.join(" × ")}, window ${kernel.join(" × ")}`, async () => {
      const n = image.length;
      const counts = image.map(
        (s, d) =>
          Math.floor((s + padding[d] + padding[n + d] - dilation[d] * (kernel[d] - 1) - 1) / strides[d]) + 1,
      );
      const [size, windows] = [kernel, counts].map((l) => l.reduce((a, b) => a * b, 1));
      const shape = [2, 3 * size, windows];
      const x = new Numbers(5).floats(shape);
      const X = numbersOf(x);
      const out = [2, 3, ...image];
      const want = fill(out, () => 0);
      for (const [b, row, w] of indices(shape)) {
        const k = [...indices(kernel)][row % size];
        const place = [...indices(counts)][w];
        const at = place.map((p, d) => p * strides[d] + k[d] * dilation[d] - padding[d]);
        const to = position([b, Math.floor(row / size), ...at], out);
        if (to !== undefined) want[to] += X[position([b, row, w], shape) as number];
      }
      const [y] = await runOp("nn.col2im", [x, { sizes: image }, { sizes: kernel }], {
        strides,
        padding,
        dilation,
      });
      assert.deepEqual(y.shape, out);
      close(y.data, want);
    });
  }

  it("what does not fit is named", () => {
    const of = (rows: number, windows: number) => () =>
      callOp("nn.col2im", [v(1, rows, windows), R.shape([4, 4]), R.shape([2, 2])]);
    assert.throws(of(6, 9), says(/6 rows are no whole number of windows of 4/));
    assert.throws(of(8, 8), says(/9 windows fit into the image, the data has 8/));
  });
});

describe("image.affineGrid", () => {
  for (const size of [
    [3, 4],
    [2, 3, 4],
  ]) {
    for (const alignCorners of [false, true]) {
      it(`${size.join(" × ")}${alignCorners ? ", corners aligned" : ""}`, async () => {
        const n = size.length;
        const maps = new Numbers(3).floats([2, n, n + 1]);
        const M = numbersOf(maps);
        const [y] = await runOp("image.affineGrid", [maps, { sizes: size }], { alignCorners });
        const shape = [2, ...size, n];
        assert.deepEqual(y.shape, shape);
        const want = fill(shape, ([b, ...rest]) => {
          const row = rest[n];
          const places = size.map((s, d) =>
            alignCorners ? (2 * rest[d]) / (s - 1) - 1 : (2 * rest[d] + 1) / s - 1,
          );
          const point = [...places.reverse(), 1];
          return total([n + 1], ([k]) => M[(b * n + row) * (n + 1) + k] * point[k]);
        });
        close(y.data, want);
      });
    }
  }

  it("an image that is not moved", async () => {
    const image = nd([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const [grid] = await runOp("image.affineGrid", [nd([1, 2, 3], [1, 0, 0, 0, 1, 0]), { sizes: [2, 3] }]);
    const [y] = await runOp("image.gridSample", [image, nd(grid.shape, grid.data)]);
    close(y.data, [1, 2, 3, 4, 5, 6]);
  });
});
