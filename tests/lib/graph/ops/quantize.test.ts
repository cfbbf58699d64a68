/** Quantisation, against its formulas. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { Numbers } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

/** To the nearest whole number, halves to the even one. */
const even = (x: number): number => {
  const low = Math.floor(x);
  return x - low < 0.5 || (x - low === 0.5 && low % 2 === 0) ? low : low + 1;
};
const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

describe("quantisation", () => {
  it("one scale; ties to even; out of range", async () => {
    const x = nd([6], [0, 1, 3, 1000, -254, -1000]);
    const [y] = await runOp("quantize", [x, nd([], [2]), nd([], [128], "u8")], { outDtype: "u8" });
    assert.deepEqual([y.dtype, y.data], ["u8", [128, 128, 130, 255, 1, 0]]);
  });

  it("one scale for each channel, there and back", async () => {
    const r = new Numbers(3);
    const shape = [2, 3, 4];
    const x = r.floats(shape);
    const [scale, zero] = [nd([3], [0.01, 0.02, 0.05]), nd([3], [0, 5, -7], "i8")];
    const [S, Z] = [numbersOf(scale), numbersOf(zero)];
    const [q] = await runOp("quantize", [x, scale, zero], { axis: 1 });
    const channel = (n: number): number => Math.floor(n / 4) % 3;
    const want = numbersOf(x).map((v, n) => {
      const s = S[channel(n)];
      return clip(even(Math.fround(v / s)) + Z[channel(n)], -128, 127);
    });
    assert.deepEqual([q.dtype, q.data], ["i8", want]);
    const [back] = await runOp("dequantize", [nd(shape, q.data, "i8"), scale, zero], { axis: -2 });
    close(
      back.data,
      want.map((v, n) => (v - Z[channel(n)]) * S[channel(n)]),
    );
  });

  it("sums of products of bytes (i32) back to real numbers", async () => {
    const x = nd([3], [-100000, 0, 70000], "i32");
    const [y] = await runOp("dequantize", [x, nd([1], [0.5]), nd([1], [100], "i32")], { axis: 0 });
    assert.deepEqual(y.data, [-50050, -50, 34950]);
  });

  it("a range found from the data", async () => {
    for (const values of [
      [0, 2, -3, -2.5, 1.34, 0.5],
      [-1, -2.1, -1.3, -2.5, -3.34, -4],
      [1, 2.1, 1.3, 2.5, 3.34, 4],
      [0, 0, 0, 0, 0, 0],
    ]) {
      const [y, scale, zero] = await runOp("dynamicQuantize", [nd([2, 3], values)]);
      const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
      const s = high === low ? 1 : (high - low) / 255;
      close(scale.data, [s]);
      const z = clip(even(-low / s), 0, 255);
      assert.deepEqual([zero.dtype, zero.data], ["u8", [z]]);
      const back = y.data.map((q) => (q - z) * s);
      back.forEach((v, k) => {
        assert.ok(Math.abs(v - values[k]) <= s / 2 + 1e-6, `${v} for ${values[k]}`);
      });
    }
  });

  it("what does not fit is named", () => {
    const x = R.var("x", R.tensor([2, 3]));
    const v = (shape: readonly number[], dtype: "f32" | "i8" | "u8") => R.var("v", R.tensor(shape, dtype));
    const says = (f: () => unknown, text: RegExp): void => {
      assert.throws(f, (e) => e instanceof GraphError && text.test(e.message));
    };
    says(() => callOp("quantize", [x, v([], "f32"), v([], "u8")]), /zero point must be i8, not u8/);
    says(() => callOp("quantize", [x, v([2], "f32"), v([2], "i8")]), /scale has 2 numbers, axis 1 has 3/);
    says(() => callOp("quantize", [x, v([], "f32"), v([], "i8")], { outDtype: "i64" }), /none of i8, u8/);
    says(() => callOp("dequantize", [x, v([], "f32"), v([], "i8")]), /for i8, u8 and i32, not f32/);
  });
});
