// The network of chapter 1 (784-200-10: linear, ReLU, linear, softmax) with the means to train and to evaluate it, in
// plain loops over typed arrays: the course's reference must not depend on the compiler it is used to check.
//
// About half of all pixels are 0. Every loop over pixels skips those, which halves the work without changing a result.
import { permutation, uniform } from "./random.ts";

/** Sizes of the layers: inputs, hidden values, classes. */
export interface Sizes {
  readonly inputs: number;
  readonly hidden: number;
  readonly classes: number;
}

/** The parameters in the form they are shipped in: f32, every weight matrix as [out, in]. */
export interface Weights {
  readonly w0: Float32Array;
  readonly b0: Float32Array;
  readonly w1: Float32Array;
  readonly b1: Float32Array;
}

/** Images as bytes (0 to 255, read as 0 to 1), one after the other, and their labels. */
export interface Examples {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** How to train. */
export interface Recipe {
  readonly seed: number;
  readonly epochs: number;
  readonly batch: number;
  /** The first learning rate; it falls to 0 along a half cosine. */
  readonly rate: number;
  readonly momentum: number;
  /** How strongly weights (not biases) are pulled to 0. */
  readonly decay: number;
}

/** What is reported after every epoch. */
export interface Progress<W = Weights> {
  readonly epoch: number;
  /** Mean cross-entropy over the epoch, in nats. */
  readonly loss: number;
  readonly seconds: number;
  readonly weights: W;
}

/**
 * Adds `sum over k of scale[k] * rows[at[k] .. at[k]+n]` to `out[start .. start+n]`. Four rows at a time, so that an
 * element of `out` is loaded and stored once for four multiplications.
 */
export function addRows(
  out: Float64Array,
  start: number,
  n: number,
  rows: Float64Array,
  at: Int32Array,
  scale: Float64Array,
  count: number,
): void {
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    const [r0, r1, r2, r3] = [at[k]!, at[k + 1]!, at[k + 2]!, at[k + 3]!];
    const [s0, s1, s2, s3] = [scale[k]!, scale[k + 1]!, scale[k + 2]!, scale[k + 3]!];
    for (let j = 0; j < n; j++) {
      out[start + j]! += s0 * rows[r0 + j]! + s1 * rows[r1 + j]! + s2 * rows[r2 + j]! + s3 * rows[r3 + j]!;
    }
  }
  for (; k < count; k++) {
    const r = at[k]!;
    const s = scale[k]!;
    for (let j = 0; j < n; j++) out[start + j]! += s * rows[r + j]!;
  }
}

/**
 * Turns `classes` scores from `start` on into the derivative of the cross-entropy by them, softmax minus the label's
 * one, and returns the cross-entropy.
 */
export function softmaxLoss(scores: Float64Array, start: number, classes: number, label: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) top = Math.max(top, scores[start + c]!);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(scores[start + c]! - top);
  const loss = Math.log(sum) + top - scores[start + label]!;
  for (let c = 0; c < classes; c++) {
    scores[start + c] = Math.exp(scores[start + c]! - top) / sum - (c === label ? 1 : 0);
  }
  return loss;
}

/** Trains by stochastic gradient descent with momentum. The same arguments give the same weights. */
export function train(sizes: Sizes, data: Examples, recipe: Recipe, report: (p: Progress) => void): Weights {
  const { inputs, hidden, classes } = sizes;
  const { epochs, batch, momentum, decay } = recipe;
  const n = data.labels.length;
  const random = uniform(recipe.seed);

  // Both matrices are kept as [in, out] while training: then the rows that belong to one pixel, or to one hidden
  // value, are contiguous, and the pixels that are 0 can be skipped.
  // First values: uniform with variance 2 / in before a ReLU (He), 1 / in before the softmax.
  const spread = (count: number, variance: number) =>
    Float64Array.from({ length: count }, () => (2 * random() - 1) * Math.sqrt(3 * variance));
  const w0 = spread(inputs * hidden, 2 / inputs);
  const w1 = spread(hidden * classes, 1 / hidden);
  const b0 = new Float64Array(hidden);
  const b1 = new Float64Array(classes);
  const [v0, v1] = [new Float64Array(w0.length), new Float64Array(w1.length)];
  const [u0, u1] = [new Float64Array(hidden), new Float64Array(classes)];

  const x = new Float64Array(batch * inputs); // the batch's pixels, [sample, pixel]
  const h = new Float64Array(batch * hidden); // hidden values, then the derivatives by them
  const y = new Float64Array(batch * classes); // scores, then the derivatives by them
  const gradient = new Float64Array(Math.max(hidden, classes)); // of the row being updated
  const at = new Int32Array(Math.max(inputs, hidden, batch));
  const scale = new Float64Array(at.length);

  /** Moves `count` parameters from `start` on against `gradient`. */
  const step = (
    w: Float64Array,
    v: Float64Array,
    start: number,
    count: number,
    rate: number,
    pull: number,
  ) => {
    for (let j = 0; j < count; j++) {
      const moved = momentum * v[start + j]! - rate * (gradient[j]! + pull * w[start + j]!);
      v[start + j] = moved;
      w[start + j]! += moved;
    }
  };

  const shipped = (): Weights => ({
    w0: transposed(w0, inputs, hidden),
    b0: Float32Array.from(b0),
    w1: transposed(w1, hidden, classes),
    b1: Float32Array.from(b1),
  });

  const perEpoch = Math.floor(n / batch); // the few that are left over change from epoch to epoch
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const began = performance.now();
    const order = permutation(n, random);
    let loss = 0;
    for (let b = 0; b < perEpoch; b++) {
      const done = ((epoch - 1) * perEpoch + b) / (epochs * perEpoch);
      const rate = recipe.rate * 0.5 * (1 + Math.cos(Math.PI * done));

      for (let s = 0; s < batch; s++) {
        const image = order[b * batch + s]! * inputs;
        let lit = 0;
        for (let i = 0; i < inputs; i++) {
          const v = data.images[image + i]! / 255;
          x[s * inputs + i] = v;
          if (v !== 0) {
            at[lit] = i * hidden;
            scale[lit++] = v;
          }
        }
        h.set(b0, s * hidden);
        addRows(h, s * hidden, hidden, w0, at, scale, lit);
        let active = 0;
        for (let j = 0; j < hidden; j++) {
          const v = h[s * hidden + j]!;
          if (v > 0) {
            at[active] = j * classes;
            scale[active++] = v;
          } else {
            h[s * hidden + j] = 0;
          }
        }
        y.set(b1, s * classes);
        addRows(y, s * classes, classes, w1, at, scale, active);
        loss += softmaxLoss(y, s * classes, classes, data.labels[order[b * batch + s]!]!);
      }
      // The gradient of the batch's mean, once and for all that follows.
      for (let k = 0; k < y.length; k++) y[k]! /= batch;

      // Second layer, one hidden value at a time: its weights' gradient, then the derivative by the value itself,
      // which needs the weights from before the step.
      for (let j = 0; j < hidden; j++) {
        gradient.fill(0);
        for (let s = 0; s < batch; s++) {
          const value = h[s * hidden + j]!;
          if (value === 0) continue;
          let back = 0;
          for (let c = 0; c < classes; c++) {
            const d = y[s * classes + c]!;
            gradient[c]! += value * d;
            back += w1[j * classes + c]! * d;
          }
          h[s * hidden + j] = back;
        }
        step(w1, v1, j * classes, classes, rate, decay);
      }
      gradient.fill(0);
      for (let s = 0; s < batch; s++) for (let c = 0; c < classes; c++) gradient[c]! += y[s * classes + c]!;
      step(b1, u1, 0, classes, rate, 0);

      // First layer, one pixel at a time: the gradient of its row of weights stays in the first-level cache.
      for (let i = 0; i < inputs; i++) {
        let lit = 0;
        for (let s = 0; s < batch; s++) {
          const v = x[s * inputs + i]!;
          if (v !== 0) {
            at[lit] = s * hidden;
            scale[lit++] = v;
          }
        }
        gradient.fill(0);
        addRows(gradient, 0, hidden, h, at, scale, lit);
        step(w0, v0, i * hidden, hidden, rate, decay);
      }
      gradient.fill(0);
      for (let s = 0; s < batch; s++) for (let j = 0; j < hidden; j++) gradient[j]! += h[s * hidden + j]!;
      step(b0, u0, 0, hidden, rate, 0);
    }
    const seconds = (performance.now() - began) / 1000;
    report({ epoch, loss: loss / (perEpoch * batch), seconds, weights: shipped() });
  }
  return shipped();
}

/** `matrix` [rows, columns] as [columns, rows], rounded to f32. */
export function transposed(matrix: Float64Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = matrix[r * columns + c]!;
  return out;
}

/** The class with the highest score for every image; of equal scores the first. */
export function predict(sizes: Sizes, weights: Weights, images: Uint8Array): Uint8Array {
  const { inputs, hidden, classes } = sizes;
  const n = images.length / inputs;
  const out = new Uint8Array(n);
  const h = new Float64Array(hidden);
  const x = new Float64Array(inputs);
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < inputs; i++) x[i] = images[s * inputs + i]! / 255;
    for (let j = 0; j < hidden; j++) {
      let sum = weights.b0[j]!;
      for (let i = 0; i < inputs; i++) sum += weights.w0[j * inputs + i]! * x[i]!;
      h[j] = Math.max(sum, 0);
    }
    let best = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      let sum = weights.b1[c]!;
      for (let j = 0; j < hidden; j++) sum += weights.w1[c * hidden + j]! * h[j]!;
      if (sum > best) {
        best = sum;
        out[s] = c;
      }
    }
  }
  return out;
}

/** How many of `labels` were predicted, as a share of 1. */
export function accuracy(predicted: Uint8Array, labels: Uint8Array): number {
  return labels.reduce((right, label, i) => right + (predicted[i] === label ? 1 : 0), 0) / labels.length;
}
