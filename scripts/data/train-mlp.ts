// Trains the network that the notebooks use, 784-200-10 (linear, ReLU, linear, softmax), on the 60,000 Fashion-MNIST
// training images scaled to [0, 1], and writes
//   notebooks/data/mlp-784-200-10.bin    the parameters, f32 little-endian, one after the other
//   notebooks/data/mlp-784-200-10.json   their names, shapes and places, the accuracy, and how they were trained
// Run with:  node --import tsx scripts/data/train-mlp.ts [--source npm|debian]
// The source must be the one that the test images in notebooks/data were made from. Takes a few minutes on one core;
// the same source gives the same parameters again.
import { readFileSync, writeFileSync } from "node:fs";
import { CLASSES, fetchFashionMnist, type Part, PIXELS, sourceFrom } from "./fashion-mnist.ts";
import { decodeIdx, gunzip } from "./idx.ts";
import { accuracy, predict, type Recipe, type Sizes, train } from "./mlp.ts";

const folder = new URL("../../notebooks/data/", import.meta.url);
const NAME = "mlp-784-200-10";
const SIZES: Sizes = { inputs: PIXELS, hidden: 200, classes: CLASSES.length };
const RECIPE: Recipe = { seed: 2017, epochs: 15, batch: 100, rate: 0.1, momentum: 0.9, decay: 2e-4 };
/** Below this the recipe or the data is broken, and nothing is written. */
const LEAST_ACCURACY = 0.88;
/** The editions of the data set share about ten images between training and test; more means mismatched sources. */
const MOST_SHARED = 50;

/** The training images without those that are test images too: the accuracy must be that of unseen images. */
function withoutShared(part: Part, test: Part): { part: Part; shared: number } {
  const image = (p: Part, i: number) =>
    Buffer.from(p.images.buffer, p.images.byteOffset + i * PIXELS, PIXELS);
  const seen = new Set(Array.from(test.labels, (_, i) => image(test, i).toString("latin1")));
  const kept = Array.from(part.labels, (_, i) => i).filter(
    (i) => !seen.has(image(part, i).toString("latin1")),
  );
  const images = new Uint8Array(kept.length * PIXELS);
  kept.forEach((from, to) => {
    images.set(image(part, from), to * PIXELS);
  });
  return {
    part: { images, labels: Uint8Array.from(kept, (i) => part.labels[i]!) },
    shared: part.labels.length - kept.length,
  };
}

const read = (name: string) => decodeIdx(gunzip(readFileSync(new URL(name, folder)))).data;
const test: Part = { images: read("t10k-images-idx3-ubyte.gz"), labels: read("t10k-labels-idx1-ubyte.gz") };
const { source, train: all } = fetchFashionMnist(sourceFrom(process.argv.slice(2)));
const { part, shared } = withoutShared(all, test);
if (shared > MOST_SHARED) {
  throw new Error(`${shared} training images are in notebooks/data too: those were made from another source`);
}
console.log(`${part.labels.length} training images (${shared} left out: they are test images too)`);

const weights = train(SIZES, part, RECIPE, ({ epoch, loss, seconds, weights: now }) => {
  const share = accuracy(predict(SIZES, now, test.images), test.labels);
  const percent = (100 * share).toFixed(2);
  console.log(
    `epoch ${epoch} of ${RECIPE.epochs}: loss ${loss.toFixed(4)}, ${percent} % of the test images, ${seconds.toFixed(1)} s`,
  );
});

const reached = accuracy(predict(SIZES, weights, test.images), test.labels);
if (reached < LEAST_ACCURACY) throw new Error(`only ${100 * reached} % of the test images: nothing written`);

let offset = 0;
const { inputs, hidden, classes } = SIZES;
const tensors = [
  { name: "w0", shape: [hidden, inputs], values: weights.w0 },
  { name: "b0", shape: [hidden], values: weights.b0 },
  { name: "w1", shape: [classes, hidden], values: weights.w1 },
  { name: "b1", shape: [classes], values: weights.b1 },
].map(({ name, shape, values }) => {
  const tensor = { name, shape, dtype: "f32", offset, bytes: 4 * values.length, values };
  offset += tensor.bytes;
  return tensor;
});
const bytes = new DataView(new ArrayBuffer(offset)); // written value by value: little-endian on every machine
for (const t of tensors) t.values.forEach((v, i) => void bytes.setFloat32(t.offset + 4 * i, v, true));
writeFileSync(new URL(`${NAME}.bin`, folder), bytes);

const manifest = {
  description: "linear, ReLU, linear; pixels scaled to [0, 1]; every weight matrix is [out, in]",
  file: `${NAME}.bin`,
  bytes: offset,
  byteOrder: "little-endian",
  tensors: tensors.map(({ values: _, ...rest }) => rest),
  classes: CLASSES,
  accuracy: { test: reached, images: test.labels.length },
  training: { source, images: part.labels.length, ...RECIPE, script: "scripts/data/train-mlp.ts" },
};
writeFileSync(new URL(`${NAME}.json`, folder), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${NAME}.bin: ${offset} bytes; ${(100 * reached).toFixed(2)} % of the test images`);
