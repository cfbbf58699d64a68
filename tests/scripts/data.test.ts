// The data the notebooks read: that it is what notebooks/data/README.md says, and small enough to ship.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { loadMlpWeights, loadOnnx, type Tensor } from "../../lib/runtime/index.ts";
import { CNN_SHAPES, type CnnWeights, predictCnn, trainCnn } from "../../scripts/data/cnn.ts";
import { decodeIdx, encodeIdx, gunzip, gzip } from "../../scripts/data/idx.ts";
import { accuracy, predict, type Recipe, train, type Weights } from "../../scripts/data/mlp.ts";

const folder = new URL("../../notebooks/data/", import.meta.url);
const idx = (name: string) => decodeIdx(gunzip(readFileSync(new URL(name, folder))));

interface Manifest {
  file: string;
  bytes: number;
  tensors: { name: string; shape: number[]; dtype: string; offset: number; bytes: number }[];
  accuracy: { test: number; images: number };
}

describe("shipped data", () => {
  it("is under 8 MB together", () => {
    const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(new URL(name, folder)).size, 0);
    assert.ok(bytes < 8e6, `${bytes} bytes`);
  });

  it("has 1,000 images of 28 x 28 for each of the ten labels", () => {
    const images = idx("t10k-images-idx3-ubyte.gz");
    const labels = idx("t10k-labels-idx1-ubyte.gz");
    assert.deepEqual(images.shape, [10_000, 28, 28]);
    assert.deepEqual(labels.shape, [10_000]);
    const counts = new Array<number>(10).fill(0);
    for (const label of labels.data) counts[label]!++;
    assert.deepEqual(counts, new Array(10).fill(1000));
    const blank = labels.data.findIndex((_, i) =>
      images.data.subarray(784 * i, 784 * (i + 1)).every((v) => v === 0),
    );
    assert.equal(blank, -1, "no image is empty");
  });

  const networks = [
    {
      name: "mlp-784-200-10",
      shapes: { w0: [200, 784], b0: [200], w1: [10, 200], b1: [10] },
      predict: (w: Record<string, Float32Array>, images: Uint8Array) =>
        predict({ inputs: 784, hidden: 200, classes: 10 }, w as unknown as Weights, images),
      least: 0.88,
    },
    {
      name: "cnn-32-100-10",
      shapes: Object.fromEntries(CNN_SHAPES),
      predict: (w: Record<string, Float32Array>, images: Uint8Array) =>
        predictCnn(w as unknown as CnnWeights, images),
      least: 0.83,
    },
  ];
  for (const network of networks) {
    it(`has weights that reach the accuracy their manifest states: ${network.name}`, function () {
      this.timeout(120_000);
      const manifest = JSON.parse(readFileSync(new URL(`${network.name}.json`, folder), "utf8")) as Manifest;
      const bytes = readFileSync(new URL(manifest.file, folder));
      assert.equal(bytes.length, manifest.bytes);
      let end = 0;
      const weights: Record<string, Float32Array> = {};
      for (const { name, shape, dtype, offset, bytes: size } of manifest.tensors) {
        assert.equal(dtype, "f32");
        assert.equal(offset, end, `${name} begins where the one before it ends`);
        assert.equal(size, 4 * shape.reduce((a, b) => a * b, 1));
        end = offset + size;
        weights[name] = Float32Array.from({ length: size / 4 }, (_, i) => bytes.readFloatLE(offset + 4 * i));
      }
      assert.equal(end, bytes.length);
      assert.deepEqual(
        Object.fromEntries(manifest.tensors.map(({ name, shape }) => [name, shape])),
        network.shapes,
      );
      const predicted = network.predict(weights, idx("t10k-images-idx3-ubyte.gz").data);
      assert.equal(accuracy(predicted, idx("t10k-labels-idx1-ubyte.gz").data), manifest.accuracy.test);
      assert.ok(manifest.accuracy.test >= network.least);
    });
  }
});

describe("the network as an ONNX file", () => {
  it("takes its weights from the file beside it, and predicts what the network does", async () => {
    const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
    const session = loadOnnx(read("mlp-784-200-10.onnx"), { externalData: read });
    const images = idx("t10k-images-idx3-ubyte.gz").data.subarray(0, 50 * 784);
    const x = { data: Float32Array.from(images, (v) => v / 255), shape: [50, 784] };
    const { scores } = (await session.run({ x })) as { scores: Tensor };
    const rows = Array.from({ length: 50 }, (_, n) =>
      Array.from({ length: 10 }, (_, c) => scores.at(n, c) as number),
    );
    const { w0, b0, w1, b1 } = await loadMlpWeights();
    const weights = { w0: w0.data, b0: b0.data, w1: w1.data, b1: b1.data } as unknown as Weights;
    const predicted = predict({ inputs: 784, hidden: 200, classes: 10 }, weights, images);
    assert.deepEqual(
      rows.map((row) => row.indexOf(Math.max(...row))),
      [...predicted],
    );
  });
});

describe("IDX files", () => {
  it("round-trip, and pack to the same bytes every time", () => {
    const data = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
    const file = encodeIdx([2, 3, 4], data);
    assert.deepEqual([...file.subarray(0, 16)], [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
    const packed = gzip(file);
    assert.deepEqual(packed, gzip(file));
    assert.deepEqual([...packed.subarray(4, 8)], [0, 0, 0, 0], "no time stamp");
    const read = decodeIdx(gunzip(packed));
    assert.deepEqual(read.shape, [2, 3, 4]);
    assert.deepEqual([...read.data], [...data]);
  });

  it("that contradict themselves are refused", () => {
    const file = encodeIdx([4], new Uint8Array(4));
    assert.throws(() => decodeIdx(file.subarray(0, 11)), /says 4 elements, the file has 3/);
    assert.throws(() => decodeIdx(file.subarray(0, 6)), /cut short/);
    assert.throws(() => decodeIdx(Uint8Array.of(1, 2, 3, 4)), /not an IDX file/);
    assert.throws(() => encodeIdx([5], new Uint8Array(4)), /5 elements, not 4/);
  });
});

describe("training", () => {
  const sizes = { inputs: 6, hidden: 8, classes: 3 };
  const recipe: Recipe = { seed: 7, epochs: 40, batch: 10, rate: 0.1, momentum: 0.9, decay: 0 };
  // Each label lights two pixels of its own.
  const labels = Uint8Array.from({ length: 90 }, (_, i) => i % 3);
  const images = Uint8Array.from({ length: 90 * 6 }, (_, k) => {
    const own = Math.floor((k % 6) / 2) === labels[Math.floor(k / 6)]!;
    return own ? 200 + (k % 50) : k % 40;
  });

  it("learns what can be learnt, and the same seed gives the same weights", () => {
    const losses: number[] = [];
    const weights = train(sizes, { images, labels }, recipe, ({ loss }) => losses.push(loss));
    assert.equal(losses.length, recipe.epochs);
    assert.ok(losses.at(-1)! < 0.05 && losses[0]! > 0.3, losses.join(" "));
    assert.equal(accuracy(predict(sizes, weights, images), labels), 1);
    assert.deepEqual(
      weights,
      train(sizes, { images, labels }, recipe, () => {}),
    );
    assert.notDeepEqual(
      weights,
      train(sizes, { images, labels }, { ...recipe, seed: 8 }, () => {}),
    );
  });

  it("moves the weights against the gradient of the loss", () => {
    // One step over all examples, small enough for its change of the loss to be the squared gradient times the rate.
    // Hence loss(before) - loss(after) = |moved|² / rate, which ties every derivative to the loss itself.
    const one = { ...recipe, epochs: 1, batch: 90, momentum: 0, rate: 1e-2 };
    const run = (rate: number, epochs: number) => {
      const losses: number[] = [];
      const weights = train(sizes, { images, labels }, { ...one, rate, epochs }, ({ loss }) =>
        losses.push(loss),
      );
      return { losses, values: [weights.w0, weights.b0, weights.w1, weights.b1].flatMap((w) => [...w]) };
    };
    const start = run(0, 1);
    // The second of two epochs reports the loss after the first one's step; its own rate is half of a cosine, so the
    // first one's is the full rate.
    const { losses } = run(one.rate, 2);
    const moved = run(one.rate, 1).values.reduce((sum, v, i) => sum + (v - start.values[i]!) ** 2, 0);
    const expected = moved / one.rate;
    const measured = losses[0]! - losses[1]!;
    assert.ok(
      Math.abs(measured - expected) < 0.03 * expected,
      `the loss fell by ${measured}, not by ${expected}`,
    );
  });
});

describe("training the convolutional network", () => {
  // Each label lights a patch of its own, at a random strength.
  const labels = Uint8Array.from({ length: 60 }, (_, i) => i % 10);
  const images = Uint8Array.from({ length: 60 * 784 }, (_, k) => {
    const [label, row, column] = [labels[Math.floor(k / 784)]!, Math.floor((k % 784) / 28), k % 28];
    const lit = Math.floor(row / 6) === label % 5 && Math.floor(column / 14) === Math.floor(label / 5);
    return lit ? 150 + (k % 100) : k % 20;
  });
  const recipe: Recipe = { seed: 7, epochs: 1, batch: 60, rate: 1e-2, momentum: 0, decay: 0 };

  it("learns what can be learnt, and the same seed gives the same weights", function () {
    this.timeout(60_000);
    const run = () =>
      trainCnn({ images, labels }, { ...recipe, epochs: 8, batch: 6, momentum: 0.9 }, () => {});
    const weights = run();
    assert.equal(accuracy(predictCnn(weights, images), labels), 1);
    assert.deepEqual(weights, run());
  });

  it("moves the weights against the gradient of the loss", function () {
    this.timeout(60_000);
    // As for the network above: a small step over all examples lowers the loss by the squared movement over the rate.
    const run = (rate: number, epochs: number) => {
      const losses: number[] = [];
      const weights = trainCnn({ images, labels }, { ...recipe, rate, epochs }, ({ loss }) =>
        losses.push(loss),
      );
      return { losses, values: CNN_SHAPES.flatMap(([name]) => [...weights[name]]) };
    };
    const start = run(0, 1);
    const { losses } = run(1e-3, 2);
    const moved = run(1e-3, 1).values.reduce((sum, v, i) => sum + (v - start.values[i]!) ** 2, 0);
    const measured = losses[0]! - losses[1]!;
    assert.ok(
      Math.abs(measured - moved / 1e-3) < 0.05 * measured,
      `the loss fell by ${measured}, not by ${moved / 1e-3}`,
    );
  });
});
