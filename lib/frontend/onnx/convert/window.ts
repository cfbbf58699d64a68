/** The attributes of sliding windows in ONNX, for convolutions and poolings. */
import { constInt, type Expr } from "../../../ir/index.ts";
import type { NodeContext } from "../context.ts";

export interface WindowAttrs {
  readonly [name: string]: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
}

/** The number of spatial axes of input 0, of which there are operators for 1, 2 and 3. */
export function spatialRank(cx: NodeContext): 1 | 2 | 3 {
  const n = cx.rank(0) - 2;
  if (n === 1 || n === 2 || n === 3) return n;
  return cx.refuse(`data of rank ${cx.rank(0)} is not supported: there are windows over 1, 2 and 3 axes`);
}

/** `auto_pad` decided, for windows of the given sizes. */
export function windowAttrs(cx: NodeContext, kernel: readonly number[]): WindowAttrs {
  const n = kernel.length;
  const ones = new Array<number>(n).fill(1);
  const strides = cx.attr.ints("strides", ones);
  const dilation = cx.attr.ints("dilations", ones);
  const auto = cx.attr.string("auto_pad", "NOTSET");
  if (auto === "NOTSET" || auto === "")
    return { strides, dilation, padding: cx.attr.ints("pads", new Array<number>(2 * n).fill(0)) };
  if (auto === "VALID") return { strides, dilation, padding: new Array<number>(2 * n).fill(0) };
  if (auto !== "SAME_UPPER" && auto !== "SAME_LOWER") return cx.refuse(`"${auto}" is unknown`, "auto_pad");
  const total = kernel.map((k, d) =>
    sameTotal(cx, cx.shape(0)[d + 2], strides[d], dilation[d] * (k - 1) + 1),
  );
  return { strides, dilation, padding: halves(total, auto === "SAME_UPPER") };
}

/** Padding for a result of ⌈size / stride⌉. */
function sameTotal(cx: NodeContext, size: Expr, stride: number, reach: number): number {
  if (stride === 1) return reach - 1;
  const n = constInt(size);
  if (n === undefined)
    return cx.refuse("it depends on a size that the model leaves open: give the shape", "auto_pad");
  return Math.max((Math.ceil(n / stride) - 1) * stride + reach - n, 0);
}

/** Totals divided between begin and end; an odd one has its rest at the end, or with SAME_LOWER at the begin. */
export function halves(total: readonly number[], upper: boolean): number[] {
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t) => Math.ceil(t / 2));
  return upper ? [...small, ...large] : [...large, ...small];
}

/** The sizes of a window from the weight's last axes, which must be known. */
export function kernelSizes(cx: NodeContext, weight: number): number[] {
  return cx
    .shape(weight)
    .slice(2)
    .map((s) => {
      const n = constInt(s);
      return n ?? cx.refuse("the sizes of its weight must be known");
    });
}
