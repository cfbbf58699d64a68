/** Signals. */
import { R } from "../../../graph/index.ts";
import { constantOf, type DType, type Expr, isFloat } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { dtypeName, dtypeOf, tensorFrom } from "../decode-tensor.ts";

const F32 = 1;

/** The dtype that `output_datatype` names. */
function outDtype(cx: NodeContext): DType {
  const code = cx.attr.int("output_datatype", F32);
  const dtype = dtypeOf(code);
  if (dtype === undefined || !isFloat(dtype))
    return cx.refuse(`${dtypeName(code)} is not supported`, "output_datatype");
  return dtype;
}

const cosineWindow =
  (op: string): Converter =>
  (cx) =>
    R.op(op, [cx.sizes(0)], { periodic: cx.attr.flag("periodic", true), dtype: outDtype(cx) });

/** The axis is an attribute (1 unless given) up to opset 19, an input (-2) from 20 on. */
const dft: Converter = (cx) => {
  const axis = cx.opset < 20 ? cx.attr.int("axis", 1) : cx.has(2) ? cx.scalar(2) : -2;
  return R.op("signal.dft", [cx.input(0), ...(cx.has(1) ? [cx.sizes(1)] : [])], {
    axis,
    inverse: cx.attr.flag("inverse"),
    onesided: cx.attr.flag("onesided"),
  });
};

/** The length of a frame is that of the window where it is not given. */
const stft: Converter = (cx) => {
  const [step] = cx.sizes(1);
  const length: Expr | undefined = cx.has(3) ? cx.sizes(3)[0] : cx.has(2) ? cx.shape(2)[0] : undefined;
  if (!length) return cx.refuse("window or frame_length must be given");
  return R.op("signal.stft", [cx.input(0), [step, length], ...(cx.has(2) ? [cx.input(2)] : [])], {
    onesided: cx.attr.flag("onesided", true),
  });
};

const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
const toHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1);

/** Triangles between frequencies that are equally far apart on the mel scale, over the bins of a spectrum. */
const melWeightMatrix: Converter = (cx) => {
  const [bands, length, rate, low, high] = [0, 1, 2, 3, 4].map((k) => cx.scalar(k));
  const dtype = outDtype(cx);
  const bins = Math.floor(length / 2) + 1;
  const step = (toMel(high) - toMel(low)) / (bands + 2);
  const edges = Array.from({ length: bands + 2 }, (_, k) =>
    Math.floor(((length + 1) * toHertz(k * step + toMel(low))) / rate),
  );
  const values = new Array<number>(bins * bands).fill(0);
  for (let band = 0; band < bands; band++) {
    const [from, top, to] = edges.slice(band, band + 3);
    for (let bin = Math.max(0, from); bin < Math.min(to, bins); bin++) {
      const up = top === from ? 1 : (bin - from) / (top - from);
      values[bin * bands + band] =
        bin <= top && !(bin === top && top !== from) ? up : (to - bin) / (to - top);
    }
    if (top >= 0 && top < bins) values[top * bands + band] = 1;
  }
  return constantOf(tensorFrom(dtype, [bins, bands], values));
};

export const SIGNAL: ConverterTable = {
  HannWindow: cosineWindow("signal.hannWindow"),
  HammingWindow: cosineWindow("signal.hammingWindow"),
  BlackmanWindow: cosineWindow("signal.blackmanWindow"),
  DFT: dft,
  STFT: stft,
  MelWeightMatrix: melWeightMatrix,
};
