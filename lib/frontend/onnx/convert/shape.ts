/** Operators that move elements: axes, parts, borders, repetition. */
import { broadcastShapes, R } from "../../../graph/index.ts";
import { type Expr, type GraphExpr, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { scalar } from "./elementwise.ts";

/** Axes: an attribute before opset `since`, then input `i`, which must be known. Undefined where none are given. */
function axesOf(cx: NodeContext, i: number, since: number): readonly number[] | undefined {
  if (cx.opset < since) return cx.attr.has("axes") ? cx.attr.ints("axes") : undefined;
  return cx.has(i) ? cx.ints(i) : undefined;
}

const flatten: Converter = (cx) => R.op("flatten", [cx.input(0)], { axis: cx.attr.int("axis", 1) });

const squeeze: Converter = (cx) => {
  const axis = axesOf(cx, 1, 13);
  return R.op("squeeze", [cx.input(0)], { axis: axis && axis.length > 0 ? axis : null });
};

const unsqueeze: Converter = (cx) => {
  const axis = axesOf(cx, 1, 13) ?? cx.refuse("its axes are missing");
  return R.op("expandDims", [cx.input(0)], { axis });
};

const transpose: Converter = (cx) =>
  R.op("permuteDims", [cx.input(0)], { axes: cx.attr.has("perm") ? cx.attr.ints("perm") : null });

const concat: Converter = (cx) => R.op("concat", [cx.inputs()], { axis: cx.attr.int("axis", 1) });

/** Sizes of the parts: an attribute before opset 13, then an input; equal ones where they are not given. */
const split: Converter = (cx) => {
  const axis = cx.attr.int("axis", 0);
  const x = cx.input(0);
  const sizes = cx.opset < 13 ? (cx.attr.has("split") ? cx.attr.ints("split") : undefined) : undefined;
  if (sizes) return R.op("split", [x, sizes], { axis });
  if (cx.opset >= 13 && cx.has(1)) return R.op("split", [x, cx.sizes(1)], { axis });
  return R.op("split", [x], { axis, sections: cx.attr.int("num_outputs", cx.outputs) });
};

/** Begins and ends are attributes before opset 10, then inputs. */
const slice: Converter = (cx) => {
  const x = cx.input(0);
  if (cx.opset < 10) {
    const [begin, end] = [cx.attr.ints("starts"), cx.attr.ints("ends")].map((list) => list.map(inRange));
    const axes = cx.attr.has("axes") ? cx.attr.ints("axes") : null;
    return R.op("stridedSlice", [x, begin, end], { axes });
  }
  const axes = cx.has(3) ? cx.ints(3) : null;
  const [begin, end] = [cx.sizes(1), cx.sizes(2)];
  return R.op("stridedSlice", [x, begin, end, ...(cx.has(4) ? [cx.sizes(4)] : [])], { axes });
};

const I32_MAX = 2 ** 31 - 1;
/** "To the end" is written as a number beyond what sizes can be. */
const inRange = (n: number): number => Math.max(-I32_MAX, Math.min(I32_MAX, n));

const expand: Converter = (cx) => {
  const to = broadcastShapes("Expand", [cx.shape(0), cx.sizes(1)]);
  return R.op("broadcastTo", [cx.input(0), to]);
};

const tile: Converter = (cx) => R.op("tile", [cx.input(0), cx.sizes(1)]);

/** The standard lists all begins and then all ends; from opset 18 on for some axes only. */
const pad: Converter = (cx) => {
  const rank = cx.rank(0);
  const given: readonly (Expr | number)[] =
    cx.opset >= 11 ? cx.sizes(1) : cx.attr.ints(cx.attr.has("pads") ? "pads" : "paddings");
  const axes = cx.has(3) ? cx.ints(3).map((a) => (a < 0 ? a + rank : a)) : undefined;
  const width: (Expr | number)[] = new Array(2 * rank).fill(0);
  const half = given.length / 2;
  for (let k = 0; k < half; k++) {
    const d = axes ? axes[k] : k;
    width[2 * d] = given[k];
    width[2 * d + 1] = given[half + k];
  }
  const padMode = cx.attr.string("mode", "constant");
  return R.op("nn.pad", [cx.input(0), width, ...border(cx, padMode)], { padMode });
};

function border(cx: NodeContext, mode: string): GraphExpr[] {
  if (mode !== "constant") return [];
  if (cx.opset >= 11) return cx.has(2) ? [cx.input(2)] : [];
  const value = cx.attr.float("value", 0);
  return value === 0 ? [] : [scalar(value, cx.dtype(0))];
}

const spaceToDepth: Converter = (cx) =>
  R.op("spaceToDepth", [cx.input(0)], { blockSize: cx.attr.int("blocksize") });

const depthToSpace: Converter = (cx) =>
  R.op("depthToSpace", [cx.input(0)], {
    blockSize: cx.attr.int("blocksize"),
    mode: cx.attr.string("mode", "DCR"),
  });

const trilu: Converter = (cx) =>
  R.op(cx.attr.flag("upper", true) ? "triu" : "tril", [cx.input(0), ...(cx.has(1) ? [cx.sizes(1)] : [])]);

const reverseSequence: Converter = (cx) =>
  R.op("reverseSequence", [cx.input(0), cx.input(1)], {
    seqAxis: cx.attr.int("time_axis", 0),
    batchAxis: cx.attr.int("batch_axis", 1),
  });

const running =
  (op: "cumsum" | "cumprod"): Converter =>
  (cx) =>
    R.op(op, [cx.input(0)], {
      axis: cx.scalar(1),
      exclusive: cx.attr.flag("exclusive"),
      reverse: cx.attr.flag("reverse"),
    });

/** Cut where an axis is longer than the target, padded where it is shorter, both as much on each side as can be. */
const centerCropPad: Converter = (cx) => {
  const rank = cx.rank(0);
  const axes = cx.attr.ints(
    "axes",
    cx.shape(0).map((_, d) => d),
  );
  const target = cx.sizes(1);
  const width: Expr[] = Array.from({ length: 2 * rank }, () => ops.toExpr(0));
  axes.forEach((given, k) => {
    const d = given < 0 ? given + rank : given;
    const more = ops.sub(target[k], cx.shape(0)[d]);
    // Truncated towards 0 for both: of an odd number the larger part is at the end.
    const before = ops.truncdiv(more, 2);
    const after = ops.sub(more, before);
    width[2 * d] = before;
    width[2 * d + 1] = after;
  });
  return R.op("nn.pad", [cx.input(0), width]);
};

export const SHAPE: ConverterTable = {
  CenterCropPad: centerCropPad,
  Concat: concat,
  CumProd: running("cumprod"),
  CumSum: running("cumsum"),
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  ReverseSequence: reverseSequence,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
};
