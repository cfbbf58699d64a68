/** Convolutions and transposed ones. */
import { R } from "../../../graph/index.ts";
import { type Attrs, constInt, type GraphExpr } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { halves, kernelSizes, spatialRank, windowAttrs } from "./window.ts";

/** One number for each channel, so that it broadcasts over n spatial axes. */
export function perChannel(cx: NodeContext, b: GraphExpr, n: number): GraphExpr {
  const channels = b.type.kind === "tensor" ? b.type.shape[0] : cx.refuse("a bias must be a tensor");
  return cx.emit(R.op("reshape", [b, [channels, ...new Array<number>(n).fill(1)]]));
}

function biased(cx: NodeContext, y: GraphExpr, bias: number, n: number): GraphExpr {
  return cx.has(bias) ? R.op("add", [cx.emit(y), perChannel(cx, cx.input(bias), n)]) : y;
}

/** The convolution of two values; attributes are read from the node (whose input `weight` tells the kernel) and `more`. */
export function convolution(
  cx: NodeContext,
  data: GraphExpr,
  weight: GraphExpr,
  weightInput: number,
  more: Attrs = {},
): GraphExpr {
  const n = spatialRank(cx);
  if (cx.rank(weightInput) !== n + 2)
    return cx.refuse(`data of rank ${n + 2} needs a weight of that rank, it has ${cx.rank(weightInput)}`);
  const window = windowAttrs(cx, kernelSizes(cx, weightInput));
  return R.op(`nn.conv${n}d`, [data, weight], {
    ...window,
    groups: cx.attr.int("group", 1),
    ...more,
  });
}

const conv: Converter = (cx) => biased(cx, convolution(cx, cx.input(0), cx.input(1), 1), 2, cx.rank(0) - 2);

/**
 * With `output_shape` the padding follows: what is too much is cut off, with SAME_UPPER more at the end, otherwise more
 * at the begin.
 */
const convTranspose: Converter = (cx) => {
  const n = spatialRank(cx);
  const kernel = kernelSizes(cx, 1);
  const ones = new Array<number>(n).fill(1);
  const zeros = new Array<number>(n).fill(0);
  const strides = cx.attr.ints("strides", ones);
  const dilation = cx.attr.ints("dilations", ones);
  const extra = [...cx.attr.ints("output_padding", zeros)];
  const auto = cx.attr.string("auto_pad", "NOTSET");
  let padding = cx.attr.ints("pads", [...zeros, ...zeros]);
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (cx.attr.has("output_shape") || same) {
    const lengths = cx
      .shape(0)
      .slice(2)
      .map((s) => constInt(s) ?? cx.refuse("its sizes must be known", "output_shape"));
    // Some writers list batch and channels as well.
    const wanted = cx.attr.has("output_shape")
      ? cx.attr.ints("output_shape").slice(-n)
      : lengths.map((x, d) => x * strides[d]);
    const total = wanted.map((size, d) => {
      const full = strides[d] * (lengths[d] - 1) + extra[d] + (kernel[d] - 1) * dilation[d] + 1;
      // A result that is larger than what the windows reach ends with zeros.
      if (full < size) extra[d] += size - full;
      return Math.max(full - size, 0);
    });
    padding = halves(total, auto !== "SAME_LOWER" && auto === "SAME_UPPER");
  } else if (auto === "VALID") padding = [...zeros, ...zeros];
  const y = R.op(`nn.conv${n}dTranspose`, [cx.input(0), cx.input(1)], {
    strides,
    dilation,
    padding,
    outputPadding: extra,
    groups: cx.attr.int("group", 1),
  });
  return biased(cx, y, 2, n);
};

export const CONV: ConverterTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
};
