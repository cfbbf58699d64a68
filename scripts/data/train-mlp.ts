// Trains the network that the notebooks use, 784-200-10 (linear, ReLU, linear, softmax), on the 60,000 Fashion-MNIST
// training images scaled to [0, 1], and writes
//   notebooks/data/mlp-784-200-10.bin    the parameters, f32 little-endian, one after the other
//   notebooks/data/mlp-784-200-10.json   their names, shapes and places, the accuracy, and how they were trained
// Run with:  node --import tsx scripts/data/train-mlp.ts [--source npm|debian]
// The source must be the one that the test images in notebooks/data were made from. Takes a few minutes on one core;
// the same source gives the same parameters again.
import { CLASSES, PIXELS } from "./fashion-mnist.ts";
import { accuracy, predict, type Recipe, type Sizes, train } from "./mlp.ts";
import { readParts, writeNetwork } from "./network-files.ts";

const NAME = "mlp-784-200-10";
const SIZES: Sizes = { inputs: PIXELS, hidden: 200, classes: CLASSES.length };
const RECIPE: Recipe = { seed: 2017, epochs: 15, batch: 100, rate: 0.1, momentum: 0.9, decay: 2e-4 };
/** Below this the recipe or the data is broken, and nothing is written. */
const LEAST_ACCURACY = 0.88;

const { source, part, test } = readParts(process.argv.slice(2));
const weights = train(SIZES, part, RECIPE, ({ epoch, loss, seconds, weights: now }) => {
  const share = accuracy(predict(SIZES, now, test.images), test.labels);
  const percent = (100 * share).toFixed(2);
  console.log(
    `epoch ${epoch} of ${RECIPE.epochs}: loss ${loss.toFixed(4)}, ${percent} % of the test images, ${seconds.toFixed(1)} s`,
  );
});

const reached = accuracy(predict(SIZES, weights, test.images), test.labels);
if (reached < LEAST_ACCURACY) throw new Error(`only ${100 * reached} % of the test images: nothing written`);

const { inputs, hidden, classes } = SIZES;
writeNetwork(NAME, {
  description: "linear, ReLU, linear; pixels scaled to [0, 1]; every weight matrix is [out, in]",
  tensors: [
    { name: "w0", shape: [hidden, inputs], values: weights.w0 },
    { name: "b0", shape: [hidden], values: weights.b0 },
    { name: "w1", shape: [classes, hidden], values: weights.w1 },
    { name: "b1", shape: [classes], values: weights.b1 },
  ],
  accuracy: { test: reached, images: test.labels.length },
  training: { source, images: part.labels.length, ...RECIPE, script: "scripts/data/train-mlp.ts" },
});
console.log(`${NAME}: ${(100 * reached).toFixed(2)} % of the test images`);
