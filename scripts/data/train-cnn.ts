// Trains the small convolutional network of the assignment on the first 20,000 Fashion-MNIST training images (the
// order is mixed) scaled to [0, 1], and writes
//   notebooks/data/cnn-32-100-10.bin    the parameters, f32 little-endian, one after the other
//   notebooks/data/cnn-32-100-10.json   their names, shapes and places, the accuracy, and how they were trained
// Run with:  node --import tsx scripts/data/train-cnn.ts [--source npm|debian]
// The source must be the one that the test images in notebooks/data were made from. Takes a few minutes on one core;
// the same source gives the same parameters again.
import { CNN_SHAPES, predictCnn, trainCnn } from "./cnn.ts";
import { PIXELS } from "./fashion-mnist.ts";
import { accuracy, type Recipe } from "./mlp.ts";
import { readParts, writeNetwork } from "./network-files.ts";

const NAME = "cnn-32-100-10";
const IMAGES = 20_000;
const RECIPE: Recipe = { seed: 2017, epochs: 2, batch: 50, rate: 0.05, momentum: 0.9, decay: 2e-4 };
/** Below this the recipe or the data is broken, and nothing is written. */
const LEAST_ACCURACY = 0.83;

const { source, part, test } = readParts(process.argv.slice(2));
const some = { images: part.images.subarray(0, IMAGES * PIXELS), labels: part.labels.subarray(0, IMAGES) };
const weights = trainCnn(some, RECIPE, ({ epoch, loss, seconds, weights: now }) => {
  const share = accuracy(predictCnn(now, test.images), test.labels);
  const percent = (100 * share).toFixed(2);
  console.log(
    `epoch ${epoch} of ${RECIPE.epochs}: loss ${loss.toFixed(4)}, ${percent} % of the test images, ${seconds.toFixed(1)} s`,
  );
});

const reached = accuracy(predictCnn(weights, test.images), test.labels);
if (reached < LEAST_ACCURACY) throw new Error(`only ${100 * reached} % of the test images: nothing written`);
writeNetwork(NAME, {
  description:
    "convolution 3 x 3, ReLU, max pool 2 x 2, flatten, linear, ReLU, linear; pixels scaled to [0, 1]; " +
    "filters are [out, in, row, column], matrices [out, in]",
  tensors: CNN_SHAPES.map(([name, shape]) => ({ name, shape, values: weights[name] })),
  accuracy: { test: reached, images: test.labels.length },
  training: { source, images: IMAGES, ...RECIPE, script: "scripts/data/train-cnn.ts" },
});
console.log(`${NAME}: ${(100 * reached).toFixed(2)} % of the test images`);
