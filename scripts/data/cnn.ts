// The small convolutional network of the assignment (conv 1→32 k3, ReLU, max pool 2, flatten, 5408→100, ReLU, 100→10)
// with the means to train and to evaluate it, in plain loops over typed arrays, as mlp.ts and for the same reason.
//
// The pool passes one of four values on, so a derivative reaches the convolution at one position in four; ReLU makes
// about half of all values 0. Loops skip what is 0, which changes no result.
import type { Examples, Progress, Recipe } from "./mlp.ts";
import { addRows, softmaxLoss, transposed } from "./mlp.ts";
import { permutation, uniform } from "./random.ts";

const SIDE = 28;
const CHANNELS = 32;
const FILTER = 3;
const TAPS = FILTER * FILTER;
const WIDE = SIDE - FILTER + 1;
const POOLED = WIDE / 2;
const FLAT = CHANNELS * POOLED * POOLED;
const HIDDEN = 100;
const CLASSES = 10;

/** The parameters in the form they are shipped in: f32, filters as [out, in, row, column], matrices as [out, in]. */
export interface CnnWeights {
  readonly w0: Float32Array;
  readonly b0: Float32Array;
  readonly w1: Float32Array;
  readonly b1: Float32Array;
  readonly w2: Float32Array;
  readonly b2: Float32Array;
}

/** Names and shapes of the parameters, in the order they are shipped. */
export const CNN_SHAPES: readonly (readonly [keyof CnnWeights, readonly number[]])[] = [
  ["w0", [CHANNELS, 1, FILTER, FILTER]],
  ["b0", [CHANNELS]],
  ["w1", [HIDDEN, FLAT]],
  ["b1", [HIDDEN]],
  ["w2", [CLASSES, HIDDEN]],
  ["b2", [CLASSES]],
];

/** Convolution, ReLU and max pool of one image of numbers 0 to 1; `best` says which pixel each pooled value is from. */
function features(
  x: Float64Array,
  w: ArrayLike<number>,
  b: ArrayLike<number>,
  pooled: Float64Array,
  best?: Int32Array,
): void {
  const at = new Int32Array(TAPS);
  for (let t = 0; t < TAPS; t++) at[t] = Math.floor(t / FILTER) * SIDE + (t % FILTER);
  for (let c = 0, out = 0; c < CHANNELS; c++) {
    for (let i = 0; i < POOLED; i++) {
      for (let j = 0; j < POOLED; j++, out++) {
        let top = 0;
        let from = -1;
        for (let k = 0; k < 4; k++) {
          const pixel = (2 * i + (k >> 1)) * SIDE + 2 * j + (k & 1);
          let sum = b[c]!;
          for (let t = 0; t < TAPS; t++) sum += w[c * TAPS + t]! * x[pixel + at[t]!]!;
          if (sum > top) {
            top = sum;
            from = pixel;
          }
        }
        pooled[out] = top;
        if (best) best[out] = from;
      }
    }
  }
}

/** Trains by stochastic gradient descent with momentum. The same arguments give the same weights. */
export function trainCnn(
  data: Examples,
  recipe: Recipe,
  report: (p: Progress<CnnWeights>) => void,
): CnnWeights {
  const { epochs, batch, momentum, decay } = recipe;
  const n = data.labels.length;
  const random = uniform(recipe.seed);
  // First values: uniform with variance 2 / in before a ReLU (He), 1 / in before the softmax. Matrices are kept as
  // [in, out] while training, so that the rows of values that are 0 can be skipped.
  const spread = (count: number, variance: number) =>
    Float64Array.from({ length: count }, () => (2 * random() - 1) * Math.sqrt(3 * variance));
  const w0 = spread(CHANNELS * TAPS, 2 / TAPS);
  const w1 = spread(FLAT * HIDDEN, 2 / FLAT);
  const w2 = spread(HIDDEN * CLASSES, 1 / HIDDEN);
  const [b0, b1, b2] = [CHANNELS, HIDDEN, CLASSES].map((size) => new Float64Array(size)) as Float64Array[] &
    [Float64Array, Float64Array, Float64Array];
  const parameters = [w0, b0, w1, b1, w2, b2];
  const gradients = parameters.map((p) => new Float64Array(p.length));
  const speeds = parameters.map((p) => new Float64Array(p.length));
  const [g0, h0, g1, h1, g2, h2] = gradients as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];

  const x = new Float64Array(SIDE * SIDE);
  const pooled = new Float64Array(FLAT);
  const best = new Int32Array(FLAT);
  const hidden = new Float64Array(HIDDEN);
  const scores = new Float64Array(CLASSES);
  const back = new Float64Array(HIDDEN);
  const at = new Int32Array(FLAT);
  const scale = new Float64Array(FLAT);
  const active = new Int32Array(HIDDEN);

  const shipped = (): CnnWeights => ({
    w0: Float32Array.from(w0),
    b0: Float32Array.from(b0),
    w1: transposed(w1, FLAT, HIDDEN),
    b1: Float32Array.from(b1),
    w2: transposed(w2, HIDDEN, CLASSES),
    b2: Float32Array.from(b2),
  });

  /** Adds the derivatives of one image's cross-entropy to the gradients, and returns the cross-entropy. */
  const example = (image: number): number => {
    for (let i = 0; i < x.length; i++) x[i] = data.images[image * x.length + i]! / 255;
    features(x, w0, b0, pooled, best);
    let lit = 0;
    for (let i = 0; i < FLAT; i++) {
      if (pooled[i] === 0) continue;
      at[lit] = i * HIDDEN;
      scale[lit++] = pooled[i]!;
    }
    hidden.set(b1);
    addRows(hidden, 0, HIDDEN, w1, at, scale, lit);
    let live = 0;
    scores.set(b2);
    for (let j = 0; j < HIDDEN; j++) {
      if (hidden[j]! <= 0) continue;
      active[live++] = j;
      for (let c = 0; c < CLASSES; c++) scores[c]! += hidden[j]! * w2[j * CLASSES + c]!;
    }
    const loss = softmaxLoss(scores, 0, CLASSES, data.labels[image]!);
    for (let c = 0; c < CLASSES; c++) h2[c]! += scores[c]!;
    for (let a = 0; a < live; a++) {
      const j = active[a]!;
      let sum = 0;
      for (let c = 0; c < CLASSES; c++) {
        g2[j * CLASSES + c]! += hidden[j]! * scores[c]!;
        sum += w2[j * CLASSES + c]! * scores[c]!;
      }
      back[a] = sum;
      h1[j]! += sum;
    }
    for (let k = 0; k < lit; k++) {
      const row = at[k]!;
      const value = scale[k]!;
      let sum = 0;
      for (let a = 0; a < live; a++) {
        const j = row + active[a]!;
        g1[j]! += value * back[a]!;
        sum += w1[j]! * back[a]!;
      }
      const i = row / HIDDEN;
      const channel = Math.floor(i / (POOLED * POOLED));
      h0[channel]! += sum;
      for (let t = 0; t < TAPS; t++) {
        g0[channel * TAPS + t]! += sum * x[best[i]! + Math.floor(t / FILTER) * SIDE + (t % FILTER)]!;
      }
    }
    return loss;
  };

  const perEpoch = Math.floor(n / batch);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const began = performance.now();
    const order = permutation(n, random);
    let loss = 0;
    for (let b = 0; b < perEpoch; b++) {
      const done = ((epoch - 1) * perEpoch + b) / (epochs * perEpoch);
      const rate = recipe.rate * 0.5 * (1 + Math.cos(Math.PI * done));
      for (const g of gradients) g.fill(0);
      for (let s = 0; s < batch; s++) loss += example(order[b * batch + s]!);
      parameters.forEach((p, k) => {
        // Every second one is a bias, which is not pulled to 0.
        move(p, speeds[k]!, gradients[k]!, momentum, rate, batch, k % 2 === 0 ? decay : 0);
      });
    }
    const seconds = (performance.now() - began) / 1000;
    report({ epoch, loss: loss / (perEpoch * batch), seconds, weights: shipped() });
  }
  return shipped();
}

function move(
  p: Float64Array,
  speed: Float64Array,
  gradient: Float64Array,
  momentum: number,
  rate: number,
  batch: number,
  decay: number,
): void {
  for (let i = 0; i < p.length; i++) {
    const moved = momentum * speed[i]! - rate * (gradient[i]! / batch + decay * p[i]!);
    speed[i] = moved;
    p[i]! += moved;
  }
}

/** The class with the highest score for every image; of equal scores the first. */
export function predictCnn(weights: CnnWeights, images: Uint8Array): Uint8Array {
  const out = new Uint8Array(images.length / (SIDE * SIDE));
  const x = new Float64Array(SIDE * SIDE);
  const pooled = new Float64Array(FLAT);
  const hidden = new Float64Array(HIDDEN);
  for (let s = 0; s < out.length; s++) {
    for (let i = 0; i < x.length; i++) x[i] = images[s * x.length + i]! / 255;
    features(x, weights.w0, weights.b0, pooled);
    for (let j = 0; j < HIDDEN; j++) {
      let sum = weights.b1[j]!;
      for (let i = 0; i < FLAT; i++) sum += weights.w1[j * FLAT + i]! * pooled[i]!;
      hidden[j] = Math.max(sum, 0);
    }
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < CLASSES; c++) {
      let sum = weights.b2[c]!;
      for (let j = 0; j < HIDDEN; j++) sum += weights.w2[c * HIDDEN + j]! * hidden[j]!;
      if (sum > top) {
        top = sum;
        out[s] = c;
      }
    }
  }
  return out;
}
