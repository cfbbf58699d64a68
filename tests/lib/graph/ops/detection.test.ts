/** Operators of detectors, against procedures over lists of boxes and samples. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers, position } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

type Box = readonly [x1: number, y1: number, x2: number, y2: number];

function overlap(a: Box, b: Box): number {
  const [w, h] = [0, 1].map((k) => Math.max(0, Math.min(a[k + 2], b[k + 2]) - Math.max(a[k], b[k])));
  const area = (p: Box): number => (p[2] - p[0]) * (p[3] - p[1]);
  return (w * h) / (area(a) + area(b) - w * h);
}

/** Indices of the boxes that are kept, best first. */
function kept(boxes: readonly Box[], scores: readonly number[], q: Thresholds): number[] {
  const order = scores.map((_, i) => i).filter((i) => scores[i] > q.least);
  order.sort((a, b) => scores[b] - scores[a]);
  const out: number[] = [];
  for (const i of order) {
    if (out.length < q.most && out.every((k) => !(overlap(boxes[k], boxes[i]) > q.overlap))) out.push(i);
  }
  return out;
}

interface Thresholds {
  readonly most: number;
  readonly overlap: number;
  readonly least: number;
}

const f = (v: number): number => Math.fround(v);

describe("vision.nonMaxSuppression", () => {
  const [images, classes, n] = [2, 3, 21];
  const r = new Numbers(31);
  const corners = Array.from({ length: images * n }, (): Box => {
    const [x, y] = [r.next() * 4, r.next() * 4].map(f);
    return [x, y, f(x + 0.5 + r.next() * 2), f(y + 0.5 + r.next() * 2)];
  });
  // Few different values, so that there are equals.
  const S = numbersOf(r.floats([images, classes, n])).map((v) => Math.round(4 * v) / 4);
  const scores = nd([images, classes, n], S);
  const run = async (boxes: NDArray, q: Thresholds, attrs = {}): Promise<number[][]> => {
    const [rows, count] = await runOp(
      "vision.nonMaxSuppression",
      [boxes, scores, nd([], [q.most], "i64"), nd([], [q.overlap]), nd([], [q.least])],
      attrs,
    );
    assert.equal(rows.shape[1], 3);
    const all = Array.from({ length: rows.shape[0] }, (_, k) => rows.data.slice(3 * k, 3 * k + 3));
    assert.ok(all.slice(count.data[0]).every((row) => row.every((v) => v === 0)));
    return all.slice(0, count.data[0]);
  };
  const expected = (q: Thresholds): number[][] => {
    const out: number[][] = [];
    for (let b = 0; b < images; b++) {
      for (let c = 0; c < classes; c++) {
        const at = (b * classes + c) * n;
        for (const i of kept(corners.slice(b * n, (b + 1) * n), S.slice(at, at + n), q)) out.push([b, c, i]);
      }
    }
    return out;
  };

  for (const q of [
    { most: 20, overlap: 0.3, least: -0.5 },
    { most: 2, overlap: 0.1, least: -9 },
    { most: 20, overlap: 1, least: 0.2 },
    { most: 0, overlap: 0.5, least: 0 },
    { most: 5, overlap: 0.5, least: 7 },
  ]) {
    it(`at most ${q.most}, overlap ${q.overlap}, score ${q.least}`, async () => {
      const boxes = nd([images, n, 4], corners.flat());
      assert.deepEqual(await run(boxes, q), expected(q));
      // Any two opposite corners name the same box.
      const flipped = nd(
        [images, n, 4],
        corners.flatMap(([a, b, c, d], k) => (k % 2 === 0 ? [c, b, a, d] : [c, d, a, b])),
      );
      assert.deepEqual(await run(flipped, q), expected(q));
    });
  }

  it("by centre and size; fewer rows where the number is bounded before", async () => {
    const q = { most: 3, overlap: 0.4, least: -9 };
    const centred = nd(
      [images, n, 4],
      corners.flatMap(([a, b, c, d]) => [(a + c) / 2, (b + d) / 2, c - a, d - b]),
    );
    assert.deepEqual(await run(centred, q, { centerPointBox: true, limit: 3 }), expected(q));
  });

  it("what does not fit is named", () => {
    const v = (...shape: number[]) => R.var("v", R.tensor(shape));
    const of = (boxes: number[], s: number[]) => () =>
      callOp("vision.nonMaxSuppression", [v(...boxes), v(...s), R.var("m", R.tensor([], "i64")), v(), v()]);
    const says = (text: RegExp) => (e: unknown) => e instanceof GraphError && text.test(e.message);
    assert.throws(of([1, 6, 5], [1, 1, 6]), says(/boxes must be \[images, boxes, 4\]/));
    assert.throws(of([1, 6, 4], [1, 1, 7]), says(/scores must be \[images, classes, boxes\]/));
  });
});

describe("regions of interest", () => {
  const shape = [2, 2, 7, 6];
  const x = new Numbers(5).floats(shape);
  const X = numbersOf(x);
  const regions: readonly Box[] = [
    [0.4, 1.2, 5.1, 6.3],
    [2, 2, 2.3, 2.2],
    [-1.5, -2, 3, 9],
  ];
  const images = [1, 0, 1];
  const [ph, pw] = [3, 2];
  const pixel = (image: number, c: number, i: number, j: number): number =>
    X[position([image, c, i, j], shape) as number];

  /** The four weighted neighbours of a place; zeros outside of the data. */
  function neighbours(image: number, c: number, y: number, px: number): number[] {
    if (y < -1 || y > shape[2] || px < -1 || px > shape[3]) return [0];
    const [v, u] = [Math.min(Math.max(y, 0), shape[2] - 1), Math.min(Math.max(px, 0), shape[3] - 1)];
    const [i, j] = [Math.floor(v), Math.floor(u)];
    const [i1, j1] = [Math.min(i + 1, shape[2] - 1), Math.min(j + 1, shape[3] - 1)];
    const [fy, fx] = [v - i, u - j];
    return [
      (1 - fy) * (1 - fx) * pixel(image, c, i, j),
      (1 - fy) * fx * pixel(image, c, i, j1),
      fy * (1 - fx) * pixel(image, c, i1, j),
      fy * fx * pixel(image, c, i1, j1),
    ];
  }

  for (const aligned of [false, true]) {
    for (const samplingRatio of [0, 2]) {
      for (const mode of ["avg", "max"]) {
        it(`aligned: ${aligned}, samples: ${samplingRatio || "as needed"}, ${mode}`, async () => {
          const spatialScale = 0.9;
          const [y] = await runOp(
            "vision.roiAlign",
            [x, nd([3, 4], regions.flat()), nd([3], images, "i64")],
            { pooledSize: [ph, pw], spatialScale, samplingRatio, aligned, mode },
          );
          const want = fill([3, 2, ph, pw], ([r, c, a, b]) => {
            const [x1, y1, x2, y2] = regions[r].map((v) => v * spatialScale - (aligned ? 0.5 : 0));
            const size = (l: number): number => (aligned ? l : Math.max(l, 1));
            const [bh, bw] = [size(y2 - y1) / ph, size(x2 - x1) / pw];
            const count = (bin: number): number => samplingRatio || Math.max(1, Math.ceil(bin));
            const samples: number[][] = [];
            for (let i = 0; i < count(bh); i++) {
              for (let j = 0; j < count(bw); j++) {
                const place = [
                  y1 + a * bh + ((i + 0.5) * bh) / count(bh),
                  x1 + b * bw + ((j + 0.5) * bw) / count(bw),
                ];
                samples.push(neighbours(images[r], c, place[0], place[1]));
              }
            }
            if (mode === "max") return Math.max(...samples.flat());
            return samples.flat().reduce((p, v) => p + v, 0) / samples.length;
          });
          close(y.data, want, 1e-5);
        });
      }
    }
  }

  it("the greatest element of each bin", async () => {
    const rois = regions.flatMap((b, k) => [images[k], ...b]);
    const [y] = await runOp("vision.roiPool", [x, nd([3, 5], rois)], { pooledSize: [ph, pw] });
    const want = fill([3, 2, ph, pw], ([r, c, a, b]) => {
      const [x1, y1, x2, y2] = regions[r].map((v) => Math.floor(v + 0.5));
      const span = (low: number, high: number, k: number, bins: number, size: number): [number, number] => {
        const length = Math.max(high - low + 1, 1);
        const edge = (v: number): number => Math.min(Math.max(v + low, 0), size);
        return [edge(Math.floor((k * length) / bins)), edge(Math.ceil(((k + 1) * length) / bins))];
      };
      const [top, bottom] = span(y1, y2, a, ph, shape[2]);
      const [left, right] = span(x1, x2, b, pw, shape[3]);
      let best = Number.NEGATIVE_INFINITY;
      for (let i = top; i < bottom; i++)
        for (let j = left; j < right; j++) best = Math.max(best, pixel(images[r], c, i, j));
      return best === Number.NEGATIVE_INFINITY ? 0 : best;
    });
    close(y.data, want);
  });
});
