/** Sampling at the places of a grid, against weights of all elements around a place. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, indices, Numbers, position } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

/** A whole position brought inside of 0 … size-1; undefined where there is nothing. */
function inside(i: number, size: number, mode: string, align: boolean): number | undefined {
  if (i >= 0 && i < size) return i;
  if (mode === "zeros") return undefined;
  if (mode === "border") return Math.min(Math.max(i, 0), size - 1);
  return Math.min(Math.max(reflect(i, size, align), 0), size - 1);
}

/** By stepping back and forth until it is inside. */
function reflect(x: number, size: number, align: boolean): number {
  const [low, high] = align ? [0, size - 1] : [-0.5, size - 0.5];
  if (high <= low) return low;
  let v = x;
  while (v < low || v > high) v = v < low ? 2 * low - v : 2 * high - v;
  return v;
}

function keys(d: number): number {
  const a = -0.75;
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
}

describe("image.gridSample", () => {
  for (const [name, size, out] of [
    ["two axes", [4, 5], [3, 6]],
    ["one axis", [6], [7]],
    ["three axes", [3, 2, 4], [2, 3, 3]],
  ] as const) {
    for (const method of ["nearest", "linear", "cubic"]) {
      it(`${name}, ${method}`, async () => {
        const n = size.length;
        const r = new Numbers(9);
        const shape = [2, 2, ...size];
        const x = r.floats(shape);
        const grid = nd(
          [2, ...out, n],
          numbersOf(r.floats([2, ...out, n])).map((v) => v * 1.7),
        );
        const [X, G] = [numbersOf(x), numbersOf(grid)];
        for (const paddingMode of ["zeros", "border", "reflection"]) {
          for (const alignCorners of [false, true]) {
            const [y] = await runOp("image.gridSample", [x, grid], { method, paddingMode, alignCorners });
            const want = fill([2, 2, ...out], ([b, c, ...o]) => {
              const place = size.map((s, d) => {
                const g = G[position([b, ...o, n - 1 - d], [2, ...out, n]) as number];
                const p = alignCorners ? ((g + 1) / 2) * (s - 1) : ((g + 1) * s - 1) / 2;
                if (method === "cubic" || paddingMode === "zeros") return p;
                const q = paddingMode === "border" ? p : reflect(p, s, alignCorners);
                return Math.min(Math.max(q, 0), s - 1);
              });
              let sum = 0;
              for (const k of indices(size.map(() => 6))) {
                const at = place.map((p, d) => Math.floor(p) - 2 + k[d]);
                const weight = place.reduce((w, p, d) => {
                  const distance = Math.abs(p - at[d]);
                  if (method === "nearest") return w * (at[d] === nearest(p) ? 1 : 0);
                  return w * (method === "linear" ? Math.max(0, 1 - distance) : keys(distance));
                }, 1);
                const from = at.map((i, d) => inside(i, size[d], paddingMode, alignCorners));
                if (weight !== 0 && from.every((i) => i !== undefined))
                  sum += weight * X[position([b, c, ...(from as number[])], shape) as number];
              }
              return sum;
            });
            close(y.data, want, 1e-4);
          }
        }
      });
    }
  }

  it("what does not fit is named", () => {
    const v = (...shape: number[]) => R.var("v", R.tensor(shape));
    const says = (text: RegExp) => (e: unknown) => e instanceof GraphError && text.test(e.message);
    assert.throws(
      () => callOp("image.gridSample", [v(1, 1, 4, 4), v(1, 3, 3, 3)]),
      says(/\[batch, 2 sizes, 2\]/),
    );
    assert.throws(() => callOp("image.gridSample", [v(1, 1, 4), v(2, 3, 1)]), says(/same batch/));
  });
});

function nearest(x: number): number {
  const low = Math.floor(x);
  return x - low < 0.5 || (x - low === 0.5 && low % 2 === 0) ? low : low + 1;
}
