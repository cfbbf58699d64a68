/** Resampling, against every element written out as the sum over all elements of the data. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, indices, Numbers, position } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

interface Options {
  readonly method?: string;
  readonly scales?: readonly number[];
  readonly roi?: readonly number[];
  readonly coordinateTransformationMode?: string;
  readonly roundingMethod?: string;
  readonly cubicAlpha?: number;
  readonly cubicExclude?: boolean;
  readonly extrapolationValue?: number;
  readonly antialias?: boolean;
}

/** Weights of all elements of an axis for position `o` of the result; undefined outside, where cropping. */
function weights(L: number, O: number, o: number, q: Options, k: number): number[] | undefined {
  const s = q.scales?.[k] ?? O / L;
  const mode = q.coordinateTransformationMode ?? "half_pixel";
  const half = (o + 0.5) / s - 0.5;
  const n = (q.roi?.length ?? 0) / 2;
  const [from, to] = [q.roi?.[k] ?? 0, q.roi?.[n + k] ?? 1];
  const x = {
    half_pixel: half,
    half_pixel_symmetric: (L / 2) * (1 - O / (s * L)) + half,
    pytorch_half_pixel: O > 1 ? half : 0,
    align_corners: O > 1 ? (o * (L - 1)) / (s * L - 1) : 0,
    asymmetric: o / s,
    tf_half_pixel_for_nn: (o + 0.5) / s,
    tf_crop_and_resize:
      O > 1 ? from * (L - 1) + (o * (to - from) * (L - 1)) / (O - 1) : 0.5 * (from + to) * (L - 1),
  }[mode] as number;
  if (mode === "tf_crop_and_resize" && (x < 0 || x > L - 1)) return undefined;
  const out = new Array<number>(L).fill(0);
  const put = (i: number, w: number): void => {
    const inside = i >= 0 && i < L;
    if (inside || !q.cubicExclude) out[Math.min(Math.max(i, 0), L - 1)] += w;
  };
  const method = q.method ?? "linear";
  if (method === "nearest") {
    const [low, f] = [Math.floor(x), x - Math.floor(x)];
    const up = { floor: false, ceil: f > 0, round_prefer_floor: f > 0.5, round_prefer_ceil: f >= 0.5 };
    put(low + (up[(q.roundingMethod ?? "round_prefer_floor") as "floor"] ? 1 : 0), 1);
    return out;
  }
  const m = q.antialias ? Math.min(1, s) : 1;
  const a = q.cubicAlpha ?? -0.75;
  for (let i = -200; i < L + 200; i++) {
    const d = Math.abs(i - x) * m;
    const cubic =
      d < 1
        ? (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
        : d < 2
          ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a
          : 0;
    put(i, method === "cubic" ? cubic : Math.max(0, 1 - d));
  }
  const sum = out.reduce((p, v) => p + v, 0);
  return out.map((w) => w / sum);
}

async function check(shape: readonly number[], size: readonly number[], q: Options): Promise<void> {
  const x = new Numbers(17).floats(shape);
  const X = numbersOf(x);
  const lead = shape.length - size.length;
  const [y] = await runOp("image.resize", [x, { sizes: size }], { ...q });
  const out = [...shape.slice(0, lead), ...size];
  assert.deepEqual(y.shape, out);
  const want = fill(out, (o) => {
    const w = size.map((s, k) => weights(shape[lead + k], s, o[lead + k], q, k));
    if (w.some((v) => v === undefined)) return q.extrapolationValue ?? 0;
    let sum = 0;
    for (const i of indices(shape.slice(lead))) {
      const product = i.reduce((p, v, k) => p * (w[k] as number[])[v], 1);
      if (product !== 0) sum += product * X[position([...o.slice(0, lead), ...i], shape) as number];
    }
    return sum;
  });
  close(y.data, want, 1e-5);
}

const MODES = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
];

describe("image.resize", () => {
  for (const mode of MODES) {
    it(mode, async () => {
      const coordinateTransformationMode = mode;
      for (const roundingMethod of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]) {
        for (const size of [
          [6, 4],
          [2, 9],
          [3, 1],
        ]) {
          await check([1, 2, 3, 4], size, {
            method: "nearest",
            coordinateTransformationMode,
            roundingMethod,
          });
        }
      }
      for (const method of ["linear", "cubic"])
        await check([2, 4, 5], [7, 3], { method, coordinateTransformationMode });
    });
  }

  it("a scale that is not the ratio of the sizes", async () => {
    for (const coordinateTransformationMode of MODES) {
      for (const method of ["nearest", "linear", "cubic"]) {
        const q = { method, coordinateTransformationMode, scales: [0.6, 1.3] };
        await check([1, 5, 4], [3, 5], q);
      }
    }
  });

  it("cubic with another slope, without what is outside", async () => {
    await check([1, 4, 4], [8, 3], { method: "cubic", cubicAlpha: -0.5, cubicExclude: true });
  });

  it("cropped, with a value outside", async () => {
    const roi = [0.4, 0.6, 0.6, 1.8];
    for (const method of ["linear", "nearest", "cubic"]) {
      await check([1, 1, 4, 4], [3, 5], {
        method,
        roi,
        coordinateTransformationMode: "tf_crop_and_resize",
        extrapolationValue: 10,
      });
    }
  });

  it("smoothed where it shrinks", async () => {
    await check([2, 9, 8], [4, 3], { method: "linear", antialias: true });
    await check([2, 9, 8], [4, 12], { method: "cubic", antialias: true, cubicExclude: true });
  });

  it("three axes, and one axis in the middle", async () => {
    await check([1, 3, 2, 4], [2, 4, 5], { method: "linear" });
    const x = nd([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const [y] = await runOp("image.resize", [x, { sizes: [4] }], { axes: [1], method: "nearest" });
    assert.deepEqual(y.data, [1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8]);
  });

  it("the same size gives the same data; bytes stay bytes", async () => {
    const x = nd([1, 2, 2], [1, 2, 3, 250], "u8");
    assert.deepEqual((await runOp("image.resize", [x, { sizes: [2, 2] }]))[0].data, [1, 2, 3, 250]);
    const [y] = await runOp("image.resize", [x, { sizes: [2, 3] }]);
    assert.deepEqual([y.dtype, y.data], ["u8", [1, 1, 2, 3, 126, 250]]);
  });

  it("what does not fit is named", () => {
    const x = R.var("x", R.tensor([1, 3, 4, 4]));
    const says = (attrs: Record<string, string | readonly number[]>, text: RegExp): void => {
      assert.throws(
        () => callOp("image.resize", [x, R.shape([2, 2])], attrs),
        (e) => e instanceof GraphError && text.test(e.message),
      );
    };
    says({ method: "best" }, /method "best" is none of nearest, linear, cubic/);
    says({ scales: [0, 1] }, /greater than 0/);
    says({ scales: [1] }, /2 axes are resized, 1 scales/);
    says({ axes: [1, 2, 3] }, /3 axes are resized, 2 sizes/);
    says({ coordinateTransformationMode: "tf_crop_and_resize" }, /needs a roi of 4 numbers/);
  });
});
