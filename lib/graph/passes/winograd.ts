/** winogradConv2d: 3 × 3 convolutions with constant weights take fewer products. */
import { constantOf, type GraphExpr, type NDArray, type OpCall } from "../../ir/index.ts";
import { winogradWeight } from "../ops/winograd.ts";
import { callOp } from "../registry.ts";
import { constShape } from "../shape.ts";
import { graphPass, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** With fewer channels on either side the transforms take longer than the products that they save. */
const CHANNELS = 32;

/**
 * `nn.conv2d` of f32 with a constant weight of 3 × 3, in steps of one, without groups, becomes `nn.conv2dWinograd`: the
 * same sums with 16 products for 36, in another order, so that results differ by rounding. The weight takes 16 elements for
 * 9.
 */
export const winogradConv2d: Pass = graphPass("winogradConv2d", (f) => {
  const weights = new Map<NDArray, GraphExpr>();
  const transformed = (w: NDArray): GraphExpr => {
    const known = weights.get(w) ?? constantOf(winogradWeight(w));
    weights.set(w, known);
    return known;
  };
  return rewriteFunc(f, {
    value: (e) => {
      const w = e.kind === "opCall" && e.op === "nn.conv2d" ? weightOf(e) : undefined;
      if (e.kind !== "opCall" || !w) return e;
      return callOp("nn.conv2dWinograd", [e.args[0], transformed(w)], { padding: e.attrs.padding });
    },
  });
});

const allOnes = (x: unknown): boolean => x === undefined || [x].flat().every((n) => n === 1);
const standard = (x: unknown, layout: string): boolean => !x || x === layout;

/** The weight of a convolution that this is for. */
function weightOf(e: OpCall): NDArray | undefined {
  const [x, w] = e.args;
  const { strides, dilation, groups, dataLayout, kernelLayout, outLayout, outDtype } = e.attrs;
  if (w.kind !== "constant" || w.data.dtype !== "f32" || w.data.shape.length !== 4) return undefined;
  const [o, c, kh, kw] = w.data.shape;
  if (kh !== 3 || kw !== 3 || o < CHANNELS || c < CHANNELS) return undefined;
  if (![strides, dilation, groups].every(allOnes)) return undefined;
  if (!standard(dataLayout, "NCHW") || !standard(kernelLayout, "OIHW") || !standard(outLayout, "NCHW"))
    return undefined;
  if (!standard(outDtype, "f32")) return undefined;
  return x.type.kind === "tensor" && constShape(x.type.shape) ? w.data : undefined;
}
