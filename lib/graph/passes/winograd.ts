/** winogradConv2d: 3 × 3 convolutions with constant weights take fewer products. */
import { constantOf, type GraphExpr, type NDArray, type OpCall } from "../../ir/index.ts";
import { WINOGRAD_TILES, type WinogradTile, winogradWeight } from "../ops/winograd.ts";
import { callOp } from "../registry.ts";
import { constShape } from "../shape.ts";
import { graphPass, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** With fewer channels on either side the transforms take longer than the products that they save. */
const CHANNELS = 8;

/** What it takes to read a weight, in products with it. */
const READ = 8;
/** Columns of a product's register tile. */
const COLUMNS = 4;

/**
 * `nn.conv2d` of f32 with a constant weight of 3 × 3, in steps of one, without groups, becomes `nn.conv2dWinograd`: the
 * same sums with 16 products for 36, or with 36 for 144, in another order, so that results differ by rounding. The weight
 * takes 16 elements, or 36, for 9.
 */
export const winogradConv2d: Pass = graphPass("winogradConv2d", (f) => {
  const weights = new Map<NDArray, Map<WinogradTile, GraphExpr>>();
  const transformed = (w: NDArray, tile: WinogradTile): GraphExpr => {
    const ofWeight = weights.get(w) ?? new Map<WinogradTile, GraphExpr>();
    const known = ofWeight.get(tile) ?? constantOf(winogradWeight(w, tile));
    weights.set(w, ofWeight.set(tile, known));
    return known;
  };
  return rewriteFunc(f, {
    value: (e) => {
      if (e.kind !== "opCall" || e.op !== "nn.conv2d") return e;
      const [w, shape] = [weightOf(e), e.type.kind === "tensor" ? constShape(e.type.shape) : undefined];
      if (!w || !shape) return e;
      const { padding } = e.attrs;
      return callOp("nn.conv2dWinograd", [e.args[0], transformed(w, tileFor(shape))], { padding });
    },
  });
});

/**
 * The tile that takes least for results [N, O, H, W]: larger ones have fewer products for each result, and more weights,
 * each of which is used once for each tile of the data. Where there are few tiles, reading the weights takes the time.
 */
function tileFor([n, , h, w]: readonly number[]): WinogradTile {
  const cost = ({ tile, out }: (typeof WINOGRAD_TILES)[number]): number => {
    const tiles = n * Math.ceil(h / out) * Math.ceil(w / out);
    return tile * tile * (Math.ceil(tiles / COLUMNS) * COLUMNS + READ);
  };
  return WINOGRAD_TILES.reduce((a, b) => (cost(b) < cost(a) ? b : a)).tile;
}

const allOnes = (x: unknown): boolean => x === undefined || [x].flat().every((n) => n === 1);
const standard = (x: unknown, layout: string): boolean => !x || x === layout;

/** The weight of a convolution that this is for. */
function weightOf(e: OpCall): NDArray | undefined {
  const w = e.args[1];
  const { strides, dilation, groups, dataLayout, kernelLayout, outLayout, outDtype } = e.attrs;
  if (w.kind !== "constant" || w.data.dtype !== "f32" || w.data.shape.length !== 4) return undefined;
  const [o, c, kh, kw] = w.data.shape;
  if (kh !== 3 || kw !== 3 || o < CHANNELS || c < CHANNELS) return undefined;
  if (![strides, dilation, groups].every(allOnes)) return undefined;
  if (!standard(dataLayout, "NCHW") || !standard(kernelLayout, "OIHW") || !standard(outLayout, "NCHW"))
    return undefined;
  if (!standard(outDtype, "f32")) return undefined;
  return w.data;
}
