import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { Tensor } from "../../../lib/runtime/index.ts";
import { DISPLAY, imageGrid, type MimeBundle, tensorBundle, tensorSummary } from "../../../lib/show/index.ts";
import { bytes, duration, num, ratio } from "../../../lib/show/number.ts";
import { encodePng } from "../../../lib/show/png.ts";
import { readMarkup } from "./markup.ts";

describe("show: tensors", () => {
  it("statistics count what is not finite apart", () => {
    const data = Float32Array.of(1, 3, Number.NaN, Number.POSITIVE_INFINITY, 0, 2);
    const { stats } = tensorSummary({ dtype: "f32", shape: [6], data });
    assert.deepEqual(stats, {
      min: 0,
      max: 3,
      mean: 1.5,
      std: Math.sqrt(1.25),
      zeros: 1,
      nans: 1,
      infinities: 1,
      seen: 6,
    });
    const large = tensorSummary({ dtype: "f64", shape: [4], data: [1e9, 1e9 + 1, 1e9, 1e9 + 1] }).stats;
    assert.equal(large.std, 0.5);
  });

  it("shows the corners of a matrix, the first slice of higher ranks", () => {
    const t = {
      dtype: "i32",
      shape: [2, 20, 3],
      data: Int32Array.from({ length: 120 }, (_, i) => i),
    } as const;
    const { values, bytes } = tensorSummary(t);
    assert.equal(bytes, 480);
    assert.deepEqual(values[0], [0, 1, 2]);
    assert.deepEqual(values[4], null);
    assert.deepEqual(values.at(-1), [57, 58, 59]);
    const bundle = tensorBundle(t);
    assert.match(
      bundle["text/plain"],
      /^Tensor i32 \[2, 20, 3\], 120 elements, 480 B\nmin 0 .*\nelements \[0, :, :\]\n/,
    );
    const { tags, text } = readMarkup(bundle["text/html"]!);
    assert(tags.includes("svg"));
    assert.match(text, /\[0, :, :\]/);
  });

  it("scalars, empty tensors, bigints, halves, booleans", () => {
    assert.match(tensorBundle({ dtype: "f32", shape: [], data: [2.5] })["text/plain"], /2\.5/);
    assert.match(tensorBundle({ dtype: "f32", shape: [0, 3], data: [] })["text/plain"], /no elements/);
    assert.match(
      tensorBundle({ dtype: "i64", shape: [2], data: BigInt64Array.of(7n, -9n) })["text/plain"],
      /7 +−9/,
    );
    const half = tensorBundle({ dtype: "f16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) });
    assert.match(half["text/plain"], /1 +−2$/);
    readMarkup(tensorBundle({ dtype: "bool", shape: [2, 2], data: Uint8Array.of(0, 1, 1, 0) })["text/html"]!);
    readMarkup(tensorBundle({ dtype: "f32", shape: [3], data: [Number.NaN, Number.NaN, 1] })["text/html"]!);
  });

  it("says that a tensor was disposed", () => {
    const t = Tensor.zeros([2, 2]);
    t.dispose();
    assert.match(tensorBundle(t)["text/plain"], /disposed/);
  });

  it("encodes pictures that others decode", () => {
    const pixels = Uint8Array.from({ length: 300 * 300 }, (_, i) => i % 251);
    const png = Buffer.from(encodePng(300, 300, pixels));
    assert.equal(png.subarray(1, 4).toString("latin1"), "PNG");
    assert.equal(png.readUInt32BE(16), 300);
    const length = png.readUInt32BE(33);
    assert.equal(png.subarray(37, 41).toString("latin1"), "IDAT");
    const rows = inflateSync(png.subarray(41, 41 + length));
    for (let y = 0; y < 300; y++) {
      assert.equal(rows[y * 301], 0);
      assert.deepEqual(
        [...rows.subarray(y * 301 + 1, y * 301 + 301)],
        [...pixels.subarray(y * 300, y * 300 + 300)],
      );
    }
    assert.throws(() => encodePng(2, 2, new Uint8Array(3)), /2×2×1 pixels expected, got 3/);
  });

  it("captions pictures, right and wrong", () => {
    const images = Tensor.zeros([3, 784], "f32");
    const options = {
      labels: [0, 1, 1],
      predictions: Int32Array.of(0, 1, 0),
      names: ["bag", "boot"],
      size: [28, 28],
    } as const;
    const bundle = imageGrid(images, options)[DISPLAY]() as MimeBundle;
    const { text, tags } = readMarkup(bundle["image/svg+xml"]!);
    assert.equal(tags.filter((t) => t === "image").length, 3);
    assert.match(text, /✓ bag✓ boot✗ bagis: boot/);
    assert.match(bundle["text/plain"], /^3 pictures of 28×28; 2 of 3 shown predicted rightly/);
    assert.throws(() => imageGrid(images, { size: [10, 10] }), /does not hold pictures of 10×10/);
    assert.throws(() => imageGrid(Tensor.zeros([5])), /\[N, H, W\]/);
    images.dispose();
  });

  it("writes numbers as people read them", () => {
    assert.deepEqual(
      [0, -0, 1234567, 0.5, 1 / 3, -1e-9, 1e12, Number.NaN].map((x) => num(x)),
      ["0", "−0", "1234567", "0.5", "0.3333", "−1e−9", "1e12", "NaN"],
    );
    assert.deepEqual([0.0005, 0.412, 12.34, 1234].map(duration), ["500 ns", "412 µs", "12.3 ms", "1.23 s"]);
    assert.deepEqual([0.5, 4.123, 250].map(ratio), ["0.50×", "4.12×", "250×"]);
    assert.deepEqual([96, 1536, 2 ** 31].map(bytes), ["96 B", "1.5 KiB", "2 GiB"]);
  });
});
