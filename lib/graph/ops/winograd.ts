/**
 * Convolutions of 3 × 3 by Winograd's minimal filtering (Lavin and Gray 2015, sections 4.1 to 4.3): F(2 × 2, 3 × 3) takes
 * 2 × 2 results from 4 × 4 elements of the data with 16 products instead of 36, F(4 × 4, 3 × 3) takes 4 × 4 from 6 × 6 with
 * 36 instead of 144. Data and results are transformed along one axis, then along the other, the weight beforehand
 * (`winogradWeight`).
 *
 * Numerics: the larger tile multiplies by up to 5 on the way in and by up to 8 on the way out. Against the largest result,
 * with 64 to 512 channels, direct sums are off by up to 5e-7, those of the smaller tile by up to 3e-6, of the larger by up
 * to 1.5e-5.
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

/** Elements of a transformed tile along one axis. */
export type WinogradTile = 4 | 6;

/** One axis of F(out × out, 3 × 3): each row tells one element of what is made as sums of what is given. */
interface Filtering {
  readonly out: number;
  readonly data: readonly (readonly number[])[];
  readonly weight: readonly (readonly number[])[];
  readonly result: readonly (readonly number[])[];
}

/** By the elements of a transformed tile along one axis. The points are 0, 1, -1, and for the larger also 2, -2. */
const FILTERINGS: Readonly<Record<WinogradTile, Filtering>> = {
  4: {
    out: 2,
    data: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    weight: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    result: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  6: {
    out: 4,
    data: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    weight: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    result: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

interface WinogradShape {
  readonly begin: readonly number[];
  readonly shape: readonly Size[];
  /** Tiles along y and x. */
  readonly tiles: readonly Size[];
  readonly tile: WinogradTile;
  readonly by: Filtering;
}

function winogradShape(c: OpArgs): WinogradShape {
  checkDtypes(c);
  const [x, u] = [c.tensor(0).shape, c.tensor(1).shape];
  if (x.length !== 4 || u.length !== 4) c.refuse("its data and its transformed weight must have 4 axes");
  const tile = constInt(u[0]);
  if ((tile !== 4 && tile !== 6) || constInt(u[1]) !== tile)
    return c.refuse("its weight must be transformed, [4, 4, O, C] or [6, 6, O, C]");
  const by = FILTERINGS[tile];
  const [a, b] = [constInt(x[1]), constInt(u[3])];
  if (a !== b) c.refuse(`the data has ${a} channels, the weight is for ${b}`);
  const { begin, end } = paddingOf(c, 2);
  const sizes = [0, 1].map((d) => simplify(ops.add(x[d + 2], begin[d] + end[d] - 2)));
  if (sizes.some((s) => (constInt(s) ?? 1) < 1)) c.refuse("the window reaches over the data");
  const tiles = sizes.map((s) => simplify(ceildiv(s, by.out)));
  return { begin, shape: [x[0], u[2], ...sizes], tiles, tile, by };
}

/** `v` for the first, second, … value of `i`. */
function choose(i: Expr, v: readonly Expr[]): Expr {
  return v.slice(0, -1).reduceRight((rest, x, n) => ops.select(ops.eq(i, n), x, rest), v[v.length - 1]);
}

/** Elements times the coefficients of a row, added up. */
function weighted(row: readonly number[], d: (k: number) => Expr): Expr {
  const terms = row.flatMap((f, k) => (f === 0 ? [] : [{ f, k }]));
  const lead = terms.find(({ f }) => f > 0) ?? terms[0];
  const times = (f: number, x: Expr): Expr => (f === 1 ? x : ops.mul(x, ops.toExpr(f, "f32")));
  return terms
    .filter((t) => t !== lead)
    .reduce(
      (sum, { f, k }) => (f < 0 ? ops.sub(sum, times(-f, d(k))) : ops.add(sum, times(f, d(k)))),
      times(lead.f, d(lead.k)),
    );
}

/** One axis of a transform: what stands at place `i` of its result. */
const transformed = (rows: readonly (readonly number[])[], i: Expr, d: (k: number) => Expr): Expr =>
  choose(
    i,
    rows.map((row) => weighted(row, d)),
  );

const winograd: OpDef = {
  doc:
    "2-d convolution of data [N, C, H, W] by Winograd's filtering: F(2 × 2, 3 × 3) with a transformed weight " +
    "[4, 4, O, C], F(4 × 4, 3 × 3) with one of [6, 6, O, C]",
  args: [
    { name: "data", kind: "tensor" },
    { name: "weight", kind: "tensor" },
  ],
  attrs: {
    padding: { doc: "what is added at the begin of each axis, then at the end of each", default: [0] },
  },
  infer: (c): TensorType => ({ kind: "tensor", dtype: c.tensor(0).dtype, shape: winogradShape(c).shape }),
  te: (c) => {
    const { begin, shape, tiles, tile, by } = winogradShape(c);
    const [x, u] = [c.x(0), c.x(1)];
    const after = tiles.map((t, d) =>
      simplify(ops.sub(ops.add(ops.mul(t, by.out), 2 - begin[d]), x.shape[d + 2])),
    );
    const xp = padded(x, [0, 0, ...begin], [0, 0, ...after], ops.toExpr(0, x.dtype));
    const edge = ops.toExpr(tile);
    const rows = te.compute(
      [edge, x.shape[1], x.shape[0], tiles[0], xp.shape[3]],
      (a, ch, n, ty, at) => transformed(by.data, a, (i) => xp.at(n, ch, ops.add(ops.mul(ty, by.out), i), at)),
      "winograd_rows",
    );
    const data = te.compute(
      [edge, edge, x.shape[1], x.shape[0], ...tiles],
      (a, b, ch, n, ty, tx) =>
        transformed(by.data, b, (j) => rows.at(a, ch, n, ty, ops.add(ops.mul(tx, by.out), j))),
      "winograd_data",
    );
    const rc = te.reduceAxis(x.shape[1], "rc");
    const sums = te.compute(
      [edge, edge, shape[1], x.shape[0], ...tiles],
      (a, b, o, n, ty, tx) => te.sum(ops.mul(u.at(a, b, o, rc), data.at(a, b, rc, n, ty, tx)), [rc]),
      "winograd_sums",
    );
    const columns = te.compute(
      [edge, shape[1], x.shape[0], tiles[0], shape[3]],
      (a, o, n, ty, x) =>
        transformed(by.result, ops.floormod(x, by.out), (b) =>
          sums.at(a, b, o, n, ty, ops.floordiv(x, by.out)),
        ),
      "winograd_columns",
    );
    return te.compute(
      shape,
      (n, o, y, x) =>
        transformed(by.result, ops.floormod(y, by.out), (a) =>
          columns.at(a, o, n, ops.floordiv(y, by.out), x),
        ),
      "winograd_result",
    );
  },
};

/** What there is a filtering for: elements of a tile along one axis, and how many results it gives. */
export const WINOGRAD_TILES: readonly { readonly tile: WinogradTile; readonly out: number }[] = [
  { tile: 4, out: FILTERINGS[4].out },
  { tile: 6, out: FILTERINGS[6].out },
];

/** Windows that are transformed at a time. */
const CHUNK = 512;

/** A weight [O, C, 3, 3] of f32 as [tile, tile, O, C]: G g Gᵀ for each of its windows, computed in f64. */
export function winogradWeight(w: NDArray, tile: WinogradTile): NDArray {
  const rows = FILTERINGS[tile].weight;
  const [o, c] = w.shape;
  const windows = o * c;
  const g = elementsOf(w) as Float32Array;
  const out = new Float32Array(tile * tile * windows);
  // Some windows at a time: there may be millions, and what stands at one place of all tiles lies together.
  const [left, middle, right] = [0, 1, 2].map(() => new Float64Array(CHUNK));
  for (let from = 0; from < windows; from += CHUNK) {
    const n = Math.min(CHUNK, windows - from);
    for (let a = 0; a < tile; a++) {
      const [x, y, z] = rows[a];
      for (let k = 0; k < n; k++) {
        const at = (from + k) * 9;
        left[k] = x * g[at] + y * g[at + 3] + z * g[at + 6];
        middle[k] = x * g[at + 1] + y * g[at + 4] + z * g[at + 7];
        right[k] = x * g[at + 2] + y * g[at + 5] + z * g[at + 8];
      }
      for (let b = 0; b < tile; b++) {
        const [x, y, z] = rows[b];
        const at = (a * tile + b) * windows + from;
        for (let k = 0; k < n; k++) out[at + k] = x * left[k] + y * middle[k] + z * right[k];
      }
    }
  }
  return ndarray("f32", [tile, tile, o, c], new Uint8Array(out.buffer));
}

export const WINOGRAD = { "nn.conv2dWinograd": winograd } as const satisfies Record<string, OpDef>;
