import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import {
  dataset,
  FASHION_CLASSES,
  loadIdx,
  loadMlpWeights,
  loadWeights,
} from "../../../lib/runtime/index.ts";

const idx = (type: number, shape: number[], elements: number[]) =>
  Uint8Array.from([0, 0, type, shape.length, ...shape.flatMap((s) => [0, 0, s >> 8, s & 255]), ...elements]);

describe("IDX files", () => {
  it("bytes, plain and gzipped", async () => {
    const bytes = idx(8, [2, 3], [1, 2, 3, 4, 5, 255]);
    for (const b of [bytes, gzipSync(bytes)]) {
      const t = await loadIdx(b);
      assert.deepEqual(
        [t.dtype, t.toArray()],
        [
          "u8",
          [
            [1, 2, 3],
            [4, 5, 255],
          ],
        ],
      );
    }
  });

  it("other types are big-endian", async () => {
    assert.deepEqual((await loadIdx(idx(9, [1], [255]))).toArray(), [-1]);
    assert.deepEqual((await loadIdx(idx(12, [1], [255, 255, 255, 254]))).toArray(), [-2]);
    assert.deepEqual((await loadIdx(idx(13, [1], [0x3f, 0x80, 0, 0]))).toArray(), [1]);
    assert.deepEqual((await loadIdx(idx(14, [1], [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]))).toArray(), [1]);
  });

  it("malformed files", async () => {
    const bad = (b: Uint8Array, message: RegExp) => assert.rejects(loadIdx(b, "x.gz"), message);
    await bad(Uint8Array.of(0, 0), /x\.gz is no IDX file: it has 2 byte\(s\)/);
    await bad(Uint8Array.of(1, 0, 8, 0), /starts with bytes 1, 0 instead of 0, 0/);
    await bad(idx(11, [1], [0, 0]), /unknown element type 0x0b/);
    await bad(idx(8, [3], [1]), /u8\[3\] takes 11 bytes, it has 9/);
    await bad(idx(8, [1], [1, 2]), /u8\[1\] takes 9 bytes, it has 10/);
    await bad(Uint8Array.of(0, 0, 8, 2, 0), /ends inside its 2 size\(s\)/);
    await bad(gzipSync(idx(8, [1], [1])).subarray(0, 15), /x\.gz cannot be unpacked/);
  });
});

describe("weights", () => {
  it("malformed files", () => {
    const index = (t: object) =>
      JSON.stringify({ tensors: [{ name: "w", shape: [2], dtype: "f32", offset: 0, bytes: 8, ...t }] });
    assert.deepEqual(loadWeights(index({}), new Uint8Array(8)).w.toArray(), [0, 0]);
    assert.throws(() => loadWeights("{", new Uint8Array(8), "x"), /x: the index is no JSON/);
    assert.throws(() => loadWeights("{}", new Uint8Array(8)), /lists no tensors/);
    assert.throws(() => loadWeights(index({ dtype: "q4" }), new Uint8Array(8)), /unknown dtype q4/);
    assert.throws(
      () => loadWeights(index({}), new Uint8Array(7)),
      /w f32\[2\] takes 8 bytes from 0; .* the file has 7/,
    );
    assert.throws(() => loadWeights(index({ bytes: 4 }), new Uint8Array(8)), /the index says 4/);
  });
});

describe("data of the course", () => {
  it("Fashion-MNIST and the network fit each other", async () => {
    const { images, labels, classes } = await dataset("fashion-mnist");
    assert.deepEqual([images.shape, labels.shape, classes], [[10000, 28, 28], [10000], FASHION_CLASSES]);
    const { w0, b0, w1, b1 } = await loadMlpWeights();
    const [W0, B0, W1, B1] = [w0, b0, w1, b1].map((t) => t.data as Float32Array);
    const pixels = images.data as Uint8Array;
    let right = 0;
    const n = 200;
    for (let image = 0; image < n; image++) {
      const hidden = Array.from(B0, (b, j) => {
        let sum = b;
        for (let k = 0; k < 784; k++) sum += (pixels[image * 784 + k] / 255) * W0[j * 784 + k];
        return Math.max(sum, 0);
      });
      const scores = Array.from(B1, (b, j) => hidden.reduce((sum, h, k) => sum + h * W1[j * 200 + k], b));
      if (scores.indexOf(Math.max(...scores)) === labels.at(image)) right++;
    }
    assert.ok(right / n > 0.8, `${right} of ${n} right`);
    await assert.rejects(dataset("mnist" as never), /no data set "mnist"; there are fashion-mnist/);
    for (const t of [images, labels, w0, b0, w1, b1]) t.dispose();
  });
});
