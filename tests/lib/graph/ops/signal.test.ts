/** Signals, against sums over complex numbers. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers } from "../../../support/nd.ts";
import { close, runOp } from "../../../support/run-op.ts";

type Complex = readonly [re: number, im: number];

/** Σ x_n e^(sign · 2πi k n / length). */
function bin(x: readonly Complex[], k: number, length: number, sign: 1 | -1): Complex {
  let [re, im] = [0, 0];
  for (let n = 0; n < Math.min(x.length, length); n++) {
    const [c, s] = [
      Math.cos((2 * Math.PI * k * n) / length),
      sign * Math.sin((2 * Math.PI * k * n) / length),
    ];
    re += x[n][0] * c - x[n][1] * s;
    im += x[n][0] * s + x[n][1] * c;
  }
  return [re, im];
}

describe("signals", () => {
  for (const [name, formula] of Object.entries({
    hannWindow: (t: number) => 0.5 - 0.5 * Math.cos(2 * Math.PI * t),
    hammingWindow: (t: number) => 25 / 46 - (21 / 46) * Math.cos(2 * Math.PI * t),
    blackmanWindow: (t: number) => 0.42 - 0.5 * Math.cos(2 * Math.PI * t) + 0.08 * Math.cos(4 * Math.PI * t),
  })) {
    it(name, async () => {
      const [periodic] = await runOp(`signal.${name}`, [{ sizes: [10] }]);
      close(
        periodic.data,
        fill([10], ([k]) => formula(k / 10)),
      );
      const [symmetric] = await runOp(`signal.${name}`, [{ sizes: [7] }], { periodic: false, dtype: "f64" });
      assert.equal(symmetric.dtype, "f64");
      close(
        symmetric.data,
        fill([7], ([k]) => formula(k / 6)),
        1e-12,
      );
    });
  }

  for (const last of [1, 2]) {
    it(`Fourier transform of ${last === 1 ? "real" : "complex"} numbers`, async () => {
      const [n, m] = [6, 3];
      const x = new Numbers(3).floats([2, n, m, last]);
      const X = numbersOf(x);
      const line = (b: number, j: number): Complex[] =>
        Array.from({ length: n }, (_, k) => {
          const at = ((b * n + k) * m + j) * last;
          return [X[at], last === 2 ? X[at + 1] : 0];
        });
      for (const [length, onesided, inverse] of [
        [n, false, false],
        [n, true, false],
        [8, false, true],
        [4, false, false],
      ] as const) {
        const bins = onesided ? Math.floor(length / 2) + 1 : length;
        const args = length === n ? [x] : [x, { sizes: [length] }];
        const [y] = await runOp("signal.dft", args, { onesided, inverse });
        assert.deepEqual(y.shape, [2, bins, m, 2]);
        close(
          y.data,
          fill([2, bins, m, 2], ([b, k, j, part]) => {
            const v = bin(line(b, j), k, length, inverse ? 1 : -1)[part];
            return inverse ? v / length : v;
          }),
        );
      }
      const [y] = await runOp("signal.dft", [x], { axis: -2 });
      assert.deepEqual(y.shape, [2, n, m, 2]);
    });
  }

  it("short-time Fourier transform", async () => {
    const r = new Numbers(3);
    const [n, step, length] = [20, 3, 8];
    const x = r.floats([2, n, 1]);
    const w = r.floats([length]);
    const [X, W] = [numbersOf(x), numbersOf(w)];
    const frames = Math.floor((n - length) / step) + 1;
    for (const onesided of [true, false]) {
      const bins = onesided ? length / 2 + 1 : length;
      const [y] = await runOp("signal.stft", [x, { sizes: [step, length] }, w], { onesided });
      const shape = [2, frames, bins, 2];
      assert.deepEqual(y.shape, shape);
      close(
        y.data,
        fill(shape, ([b, f, k, part]) => {
          const frame = W.map((v, i): Complex => [X[b * n + f * step + i] * v, 0]);
          return bin(frame, k, length, -1)[part];
        }),
      );
    }
  });

  it("what does not fit is named", () => {
    const says = (f: () => unknown, text: RegExp): void => {
      assert.throws(f, (e) => e instanceof GraphError && text.test(e.message));
    };
    const x = (shape: readonly number[]) => R.var("x", R.tensor(shape));
    says(() => callOp("signal.dft", [x([2, 8, 3])]), /last axis of a signal must be 1 \(real\) or 2/);
    says(() => callOp("signal.dft", [x([2, 8, 2])], { axis: 2 }), /real and imaginary part/);
    says(
      () => callOp("signal.stft", [x([2, 8]), R.shape([2, 9])]),
      /signal of 8 is shorter than a frame of 9/,
    );
    says(() => callOp("signal.stft", [x([2, 8]), R.shape([0, 4])]), /at least 1/);
  });
});
