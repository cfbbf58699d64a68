/**
 * Convolutions of 3 × 3 by Winograd's minimal filtering F(2 × 2, 3 × 3) (Lavin and Gray 2015, section 4.1): 2 × 2 results
 * from 4 × 4 elements of the data with 16 products instead of 36. Data and results are transformed by sums and differences,
 * the weight beforehand (`winogradWeight`).
 *
 * Numerics: sums of at most four elements on either side of the product, and weights that are sums of nine over four, so
 * errors are a few times those of the direct sum.
 */
import { simplify } from "../../arith/index.ts";
import {
  constInt,
  type Expr,
  elementsOf,
  type NDArray,
  ndarray,
  ops,
  type TensorType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import type { Size } from "../shape.ts";
import { checkDtypes } from "./conv.ts";
import { ceildiv, padded, paddingOf } from "./window.ts";

/** Elements of a transformed tile along one axis, and results of it. */
const TILE = 4;
const OUT = 2;

interface WinogradShape {
  readonly begin: readonly number[];
  readonly shape: readonly Size[];
  /** Tiles along y and x. */
  readonly tiles: readonly Size[];
}

function winogradShape(c: OpArgs): WinogradShape {
  checkDtypes(c);
  const [x, u] = [c.tensor(0).shape, c.tensor(1).shape];
  if (x.length !== 4 || u.length !== 4) c.refuse("its data and its transformed weight must have 4 axes");
  if (constInt(u[0]) !== TILE || constInt(u[1]) !== TILE)
    c.refuse(`its weight must be transformed, [${TILE}, ${TILE}, O, C]`);
  const [a, b] = [constInt(x[1]), constInt(u[3])];
  if (a !== b) c.refuse(`the data has ${a} channels, the weight is for ${b}`);
  const { begin, end } = paddingOf(c, 2);
  const sizes = [0, 1].map((d) => simplify(ops.add(x[d + 2], begin[d] + end[d] - 2)));
  if (sizes.some((s) => (constInt(s) ?? 1) < 1)) c.refuse("the window reaches over the data");
  const tiles = sizes.map((s) => simplify(ceildiv(s, OUT)));
  return { begin, shape: [x[0], u[2], ...sizes], tiles };
}

/** `v` for the first, second, … value of `i`. */
function choose(i: Expr, v: readonly Expr[]): Expr {
  return v.slice(0, -1).reduceRight((rest, x, n) => ops.select(ops.eq(i, n), x, rest), v[v.length - 1]);
}

/** One axis of the data's transform: what stands at place `i` of four elements. */
const dataRow = (i: Expr, d: (k: number) => Expr): Expr =>
  choose(i, [ops.sub(d(0), d(2)), ops.add(d(1), d(2)), ops.sub(d(2), d(1)), ops.sub(d(1), d(3))]);

/** One axis of the result's transform: result `i` of four sums. */
const resultRow = (i: Expr, m: (k: number) => Expr): Expr =>
  choose(i, [ops.add(ops.add(m(0), m(1)), m(2)), ops.sub(ops.sub(m(1), m(2)), m(3))]);

const winograd: OpDef = {
  doc: "2-d convolution of data [N, C, H, W] by Winograd's F(2 × 2, 3 × 3) with a transformed weight [4, 4, O, C]",
  args: [
    { name: "data", kind: "tensor" },
    { name: "weight", kind: "tensor" },
  ],
  attrs: {
    padding: { doc: "what is added at the begin of each axis, then at the end of each", default: [0] },
  },
  infer: (c): TensorType => ({ kind: "tensor", dtype: c.tensor(0).dtype, shape: winogradShape(c).shape }),
  te: (c) => {
    const { begin, shape, tiles } = winogradShape(c);
    const [x, u] = [c.x(0), c.x(1)];
    const after = tiles.map((t, d) =>
      simplify(ops.sub(ops.add(ops.mul(t, OUT), 2 - begin[d]), x.shape[d + 2])),
    );
    const xp = padded(x, [0, 0, ...begin], [0, 0, ...after], ops.toExpr(0, x.dtype));
    const four = ops.toExpr(TILE);
    const data = te.compute(
      [four, four, x.shape[1], x.shape[0], ...tiles],
      (a, b, ch, n, ty, tx) => {
        const at = (i: number, j: number): Expr =>
          xp.at(n, ch, ops.add(ops.mul(ty, OUT), i), ops.add(ops.mul(tx, OUT), j));
        return dataRow(a, (i) => dataRow(b, (j) => at(i, j)));
      },
      "winograd_data",
    );
    const rc = te.reduceAxis(x.shape[1], "rc");
    const sums = te.compute(
      [four, four, shape[1], x.shape[0], ...tiles],
      (a, b, o, n, ty, tx) => te.sum(ops.mul(u.at(a, b, o, rc), data.at(a, b, rc, n, ty, tx)), [rc]),
      "winograd_sums",
    );
    return te.compute(
      shape,
      (n, o, y, x) => {
        const [ty, tx] = [ops.floordiv(y, OUT), ops.floordiv(x, OUT)];
        const at = (a: number, b: number): Expr => sums.at(a, b, o, n, ty, tx);
        return resultRow(ops.floormod(y, OUT), (a) => resultRow(ops.floormod(x, OUT), (b) => at(a, b)));
      },
      "winograd_result",
    );
  },
};

/** A weight [O, C, 3, 3] of f32 as [4, 4, O, C]: G g Gᵀ for each of its windows, computed in f64. */
export function winogradWeight(w: NDArray): NDArray {
  const [o, c] = w.shape;
  const windows = o * c;
  const g = elementsOf(w) as Float32Array;
  const out = new Float32Array(TILE * TILE * windows);
  // One window after another, without memory of its own: there may be millions.
  const half = new Float64Array(TILE * 3);
  for (let k = 0; k < windows; k++) {
    for (let j = 0; j < 3; j++) {
      const [x, y, z] = [g[k * 9 + j], g[k * 9 + 3 + j], g[k * 9 + 6 + j]];
      half[j] = x;
      half[3 + j] = (x + y + z) / 2;
      half[6 + j] = (x - y + z) / 2;
      half[9 + j] = z;
    }
    for (let a = 0; a < TILE; a++) {
      const [x, y, z] = [half[a * 3], half[a * 3 + 1], half[a * 3 + 2]];
      const at = a * TILE * windows + k;
      out[at] = x;
      out[at + windows] = (x + y + z) / 2;
      out[at + 2 * windows] = (x - y + z) / 2;
      out[at + 3 * windows] = z;
    }
  }
  return ndarray("f32", [TILE, TILE, o, c], new Uint8Array(out.buffer));
}

export const WINOGRAD = { "nn.conv2dWinograd": winograd } as const satisfies Record<string, OpDef>;
