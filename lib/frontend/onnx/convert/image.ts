/** Resampling. */
import { R, sameSize } from "../../../graph/index.ts";
import { constInt, type Expr, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

interface Target {
  readonly axes: readonly number[];
  readonly sizes: readonly Expr[];
  /** Where the model gives them. */
  readonly scales?: readonly number[];
}

/** ⌊size · scale⌋, rounded as with single floats; for an open size the scale must be a fraction of small numbers. */
function scaledSize(cx: NodeContext, size: Expr, scale: number): Expr {
  const n = constInt(size);
  if (n !== undefined) return ops.toExpr(Math.floor(Math.fround(n * scale)));
  for (let below = 1; below <= 64; below++) {
    if (Number.isInteger(scale * below)) return ops.floordiv(ops.mul(size, scale * below), below);
  }
  return cx.refuse(`the scale ${scale} of a size that the model leaves open: give the shape`);
}

const METHODS: Readonly<Record<string, string>> = {
  nearest: "nearest",
  linear: "linear",
  bilinear: "linear",
  cubic: "cubic",
  bicubic: "cubic",
};

function methodOf(cx: NodeContext, otherwise: string): string {
  const mode = cx.attr.string("mode", otherwise);
  return METHODS[mode] ?? cx.refuse(`"${mode}" is unknown`, "mode");
}

/** The target without axes that stay as they are. */
function resized(
  cx: NodeContext,
  t: Target,
  roi: readonly number[],
  attrs: Record<string, number | string | boolean>,
) {
  const n = t.axes.length;
  const crops = attrs.coordinateTransformationMode === "tf_crop_and_resize";
  const keep = t.axes.flatMap((axis, k) => {
    const same = sameSize(cx.shape(0)[axis], t.sizes[k]) && (t.scales?.[k] ?? 1) === 1;
    const whole = !crops || (roi[k] === 0 && roi[n + k] === 1);
    return same && whole ? [] : [k];
  });
  if (keep.length === 0) return cx.input(0);
  const pick = <X>(list: readonly X[]): X[] => keep.map((k) => list[k]);
  return R.op("image.resize", [cx.input(0), pick(t.sizes)], {
    ...attrs,
    axes: pick(t.axes),
    scales: t.scales ? pick(t.scales) : [],
    roi: crops ? [...pick(roi.slice(0, n)), ...pick(roi.slice(n))] : [],
  });
}

function byScales(cx: NodeContext, axes: readonly number[], scales: readonly number[]): Target {
  if (scales.length !== axes.length) cx.refuse(`${axes.length} scales are needed, got ${scales.length}`);
  const sizes = axes.map((a, k) => scaledSize(cx, cx.shape(0)[a], scales[k]));
  return { axes, sizes, scales };
}

const allAxes = (cx: NodeContext): number[] => cx.shape(0).map((_, d) => d);

/** Upsample, and Resize of opset 10: positions are o / scale, of which the nearest element is the one before. */
function simple(cx: NodeContext, scales: readonly number[]) {
  return resized(cx, byScales(cx, allAxes(cx), scales), [], {
    method: methodOf(cx, "nearest"),
    coordinateTransformationMode: "asymmetric",
    roundingMethod: "floor",
  });
}

const upsample: Converter = (cx) => simple(cx, cx.opset < 9 ? cx.attr.floats("scales") : cx.ints(1));

/** Whether an optional input is given and has elements. */
const given = (cx: NodeContext, i: number): boolean =>
  cx.has(i) && constInt(cx.shape(i)[0] ?? ops.toExpr(1)) !== 0;

/** Sizes that keep the ratio of the axes: one scale for all of them. */
function keepingRatio(cx: NodeContext, axes: readonly number[], policy: string): Target {
  const wanted = cx.ints(3);
  const own = axes.map(
    (a) => constInt(cx.shape(0)[a]) ?? cx.refuse("it needs known sizes", "keep_aspect_ratio_policy"),
  );
  const ratios = wanted.map((s, k) => s / own[k]);
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const sizes = own.map((s) => ops.toExpr(Math.floor(s * scale + 0.5)));
  return { axes, sizes, scales: own.map(() => scale) };
}

function target(cx: NodeContext): Target {
  const rank = cx.rank(0);
  const axes = cx.attr.ints("axes", allAxes(cx)).map((a) => (a < 0 ? a + rank : a));
  if (!given(cx, 3)) return byScales(cx, axes, cx.ints(2));
  const policy = cx.attr.string("keep_aspect_ratio_policy", "stretch");
  if (policy !== "stretch") return keepingRatio(cx, axes, policy);
  const sizes = cx.sizes(3);
  if (sizes.length !== axes.length) cx.refuse(`${axes.length} sizes are needed, got ${sizes.length}`);
  return { axes, sizes };
}

const resize: Converter = (cx) => {
  if (cx.opset < 11) return simple(cx, cx.ints(1));
  const t = target(cx);
  const coordinateTransformationMode = cx.attr.string("coordinate_transformation_mode", "half_pixel");
  const crops = coordinateTransformationMode === "tf_crop_and_resize";
  return resized(cx, t, crops ? cx.ints(1) : [], {
    method: methodOf(cx, "nearest"),
    coordinateTransformationMode,
    roundingMethod: cx.attr.string("nearest_mode", "round_prefer_floor"),
    cubicAlpha: cx.attr.float("cubic_coeff_a", -0.75),
    cubicExclude: cx.attr.flag("exclude_outside"),
    extrapolationValue: cx.attr.float("extrapolation_value", 0),
    antialias: cx.attr.flag("antialias"),
  });
};

const gridSample: Converter = (cx) =>
  R.op("image.gridSample", [cx.input(0), cx.input(1)], {
    method: methodOf(cx, cx.opset < 20 ? "bilinear" : "linear"),
    paddingMode: cx.attr.string("padding_mode", "zeros"),
    alignCorners: cx.attr.flag("align_corners"),
  });

const affineGrid: Converter = (cx) => {
  const n = cx.rank(0) === 3 ? constInt(cx.shape(0)[1]) : undefined;
  if (n === undefined) return cx.refuse("its maps must be [N, n, n + 1] with a known n");
  // The sizes list batch and channels as well.
  return R.op("image.affineGrid", [cx.input(0), cx.sizes(1).slice(-n)], {
    alignCorners: cx.attr.flag("align_corners"),
  });
};

const col2Im: Converter = (cx) => {
  const window = cx.sizes(2);
  const n = window.length;
  return R.op("nn.col2im", [cx.input(0), cx.sizes(1), window], {
    strides: cx.attr.ints("strides", new Array<number>(n).fill(1)),
    padding: cx.attr.ints("pads", new Array<number>(2 * n).fill(0)),
    dilation: cx.attr.ints("dilations", new Array<number>(n).fill(1)),
  });
};

export const IMAGE: ConverterTable = {
  Resize: resize,
  Upsample: upsample,
  GridSample: gridSample,
  AffineGrid: affineGrid,
  Col2Im: col2Im,
};
