/** Resampling of regular grids (ONNX's Resize and Upsample). */
import { constInt, type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axesOf, type Size } from "../shape.ts";
import { cubicWeight } from "./cubic.ts";

const METHODS = ["nearest", "linear", "cubic"];
const MODES = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
];
const ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

interface Axis {
  readonly axis: number;
  readonly length: Size;
  readonly out: Size;
  /** Given, not out / length: after rounding of the size these differ. */
  readonly scale?: number;
  /** Start and end of the region, as parts of the length. */
  readonly region: readonly [number, number];
}

function oneOf(c: OpArgs, name: string, among: readonly string[]): void {
  const v = c.str(name);
  if (!among.includes(v)) c.refuse(`${name} "${v}" is none of ${among.join(", ")}`);
}

function axesGiven(c: OpArgs): Axis[] {
  const x = c.tensor(0);
  const rank = x.shape.length;
  const out = c.shape(1);
  const given = c.nums("axes");
  const axes = axesOf(
    c.op,
    given.length > 0 ? given : x.shape.map((_, d) => d).slice(rank - out.length),
    rank,
  );
  const [scales, roi] = [c.nums("scales"), c.nums("roi")];
  const n = axes.length;
  if (out.length !== n) c.refuse(`${n} axes are resized, ${out.length} sizes are given`);
  if (scales.length > 0 && scales.length !== n)
    c.refuse(`${n} axes are resized, ${scales.length} scales are given`);
  if (scales.some((s) => !(s > 0))) c.refuse(`scales [${scales.join(", ")}] must be greater than 0`);
  if (c.str("coordinateTransformationMode") === "tf_crop_and_resize" && roi.length !== 2 * n)
    c.refuse(`tf_crop_and_resize needs a roi of ${2 * n} numbers, got ${roi.length}`);
  return axes.map((axis, k) => ({
    axis,
    length: x.shape[axis],
    out: out[k],
    ...(scales.length > 0 ? { scale: scales[k] } : {}),
    region: [roi[k] ?? 0, roi[n + k] ?? 1],
  }));
}

const f64 = (e: Expr | number): Expr =>
  typeof e === "number"
    ? ops.toExpr(e, "f64")
    : constInt(e) !== undefined
      ? ops.toExpr(constInt(e) as number, "f64")
      : te.cast(e, "f64");

/** Where position `o` of the result stands in the data. In doubles: which neighbours are taken hangs on the last bit. */
function coordinate(c: OpArgs, a: Axis, o: Expr): Expr {
  const x = f64(o);
  const length = f64(a.length);
  const scale = a.scale === undefined ? ops.div(f64(a.out), length) : f64(a.scale);
  // The reference of ONNX takes length · scale without rounding where a scale is given.
  const resized = a.scale === undefined ? f64(a.out) : ops.mul(length, scale);
  const half = ops.sub(ops.div(ops.add(x, 0.5), scale), 0.5);
  const several = (then: Expr, otherwise: Expr): Expr => ops.select(ops.gt(a.out, 1), then, otherwise);
  switch (c.str("coordinateTransformationMode")) {
    case "half_pixel":
      return half;
    case "half_pixel_symmetric": {
      const lost = ops.sub(1, ops.div(f64(a.out), ops.mul(scale, length)));
      return ops.add(ops.mul(ops.div(length, 2), lost), half);
    }
    case "pytorch_half_pixel":
      return several(half, f64(0));
    case "align_corners":
      return several(ops.div(ops.mul(x, ops.sub(length, 1)), ops.sub(resized, 1)), f64(0));
    case "asymmetric":
      return ops.div(x, scale);
    case "tf_half_pixel_for_nn":
      return ops.div(ops.add(x, 0.5), scale);
    default: {
      const [start, end] = a.region;
      const last = ops.sub(length, 1);
      const step = ops.div(ops.mul(ops.mul(x, end - start), last), ops.sub(f64(a.out), 1));
      return several(ops.add(ops.mul(last, start), step), ops.mul(last, 0.5 * (start + end)));
    }
  }
}

const clamped = (i: Expr, length: Size): Expr => ops.max(ops.min(i, ops.sub(length, 1)), 0);

function nearest(c: OpArgs, a: Axis, o: Expr): Expr {
  const x = coordinate(c, a, o);
  const rounded = {
    round_prefer_floor: () => ops.ceil(ops.sub(x, 0.5)),
    round_prefer_ceil: () => ops.floor(ops.add(x, 0.5)),
    floor: () => ops.floor(x),
    ceil: () => ops.ceil(x),
  }[c.str("roundingMethod") as "floor"]();
  return clamped(te.cast(rounded, "i32"), a.length);
}

/** How often every element is repeated, where that is all: whole factors, and a mode that centres the copies. */
function repeats(c: OpArgs, a: Axis): number | undefined {
  const [length, out] = [constInt(a.length), constInt(a.out)];
  if (length === undefined || out === undefined || out % length !== 0) return undefined;
  if (a.scale !== undefined && a.scale !== out / length) return undefined;
  const rounding = c.str("roundingMethod");
  const centred = {
    asymmetric: rounding === "floor",
    tf_half_pixel_for_nn: rounding === "floor",
    half_pixel: rounding.startsWith("round"),
    half_pixel_symmetric: rounding.startsWith("round"),
    pytorch_half_pixel: rounding.startsWith("round") && out > 1,
  }[c.str("coordinateTransformationMode")];
  return centred ? out / length : undefined;
}

/** Whether nothing happens along an axis. */
function unchanged(c: OpArgs, a: Axis): boolean {
  const [length, out] = [constInt(a.length), constInt(a.out)];
  const mode = c.str("coordinateTransformationMode");
  const exact = !mode.startsWith("tf_") && (a.scale === undefined || a.scale === 1);
  return length !== undefined && length === out && exact;
}

/** Neighbours and their weights along an axis. */
interface Taps {
  readonly count: number;
  readonly index: te.Tensor;
  readonly weight: te.Tensor;
}

function tapsOf(c: OpArgs, a: Axis, dtype: "f32" | "f64"): Taps {
  const cubic = c.str("method") === "cubic";
  // Smoothing stretches the filter by how much the image shrinks.
  let stretch = 1;
  if (c.flag("antialias")) {
    const [length, out] = [constInt(a.length), constInt(a.out)];
    if (a.scale === undefined && (length === undefined || out === undefined))
      c.refuse("antialias needs sizes or scales that are known");
    stretch = Math.min(1, a.scale ?? (out as number) / (length as number));
  }
  const radius = cubic ? 2 : 1;
  const first = Math.floor(-radius / stretch) + 1;
  const count = 2 - 2 * first;
  const name = `axis${a.axis}`;
  const at = te.compute([a.out], (o) => coordinate(c, a, o), `${name}_at`);
  const neighbour = (o: Expr, k: Expr): Expr =>
    ops.add(te.cast(ops.floor(at.at(o)), "i32"), ops.add(k, first));
  const index = te.compute([a.out, count], (o, k) => clamped(neighbour(o, k), a.length), `${name}_index`);
  const raw = te.compute(
    [a.out, count],
    (o, k) => {
      const distance = ops.mul(ops.abs(ops.sub(f64(neighbour(o, k)), at.at(o))), stretch);
      const w = cubic ? cubicWeight(distance, c.num("cubicAlpha")) : ops.max(ops.sub(1, distance), 0);
      if (!c.flag("cubicExclude")) return w;
      const i = neighbour(o, k);
      const inside = ops.and(ops.ge(i, 0), ops.lt(i, a.length));
      return ops.select(inside, w, f64(0));
    },
    `${name}_raw`,
  );
  const total = te.compute(
    [a.out],
    (o) => {
      const k = te.reduceAxis(count, "k");
      return te.sum(raw.at(o, k.v), k);
    },
    `${name}_total`,
  );
  const weight = te.compute(
    [a.out, count],
    (o, k) => te.cast(ops.div(raw.at(o, k), total.at(o)), dtype),
    `${name}_weight`,
  );
  return { count, index, weight };
}

/** One axis resampled; few neighbours are written out, many are summed in a loop. */
function resample(t: te.Tensor, a: Axis, taps: Taps): te.Tensor {
  const shape = t.shape.map((s, d) => (d === a.axis ? a.out : s));
  const { dtype } = taps.weight;
  const term = (i: readonly Expr[], k: Expr): Expr => {
    const o = i[a.axis];
    const value = t.get(i.map((v, d) => (d === a.axis ? taps.index.at(o, k) : v)));
    return ops.mul(value.dtype === dtype ? value : te.cast(value, dtype), taps.weight.at(o, k));
  };
  return te.compute(
    shape,
    (...i) => {
      if (taps.count <= 4) {
        const terms = Array.from({ length: taps.count }, (_, k) => term(i, ops.toExpr(k)));
        return terms.reduce((x, y) => ops.add(x, y));
      }
      const k = te.reduceAxis(taps.count, "k");
      return te.sum(term(i, k.v), k);
    },
    "resize",
  );
}

export const RESIZE = {
  "image.resize": {
    doc: "data resampled along axes to given sizes, by the nearest element or by linear or cubic interpolation",
    args: [
      { name: "data", kind: "tensor" },
      { name: "size", kind: "shape" },
    ],
    attrs: {
      axes: { doc: "the axes to resize; the last ones unless given", default: [] },
      scales: {
        doc: "size of the result / size of the data, before rounding; from the sizes unless given",
        default: [],
      },
      roi: {
        doc: "starts, then ends of the region as parts of the size, for tf_crop_and_resize",
        default: [],
      },
      method: { doc: `one of ${METHODS.join(", ")}`, default: "linear" },
      coordinateTransformationMode: { doc: `one of ${MODES.join(", ")}`, default: "half_pixel" },
      roundingMethod: {
        doc: `which element is the nearest: ${ROUNDINGS.join(", ")}`,
        default: "round_prefer_floor",
      },
      cubicAlpha: { doc: "slope of the cubic filter at distance 1", default: -0.75 },
      cubicExclude: { doc: "whether weights outside of the data count as 0", default: false },
      extrapolationValue: { doc: "what tf_crop_and_resize gives outside of the data", default: 0 },
      antialias: { doc: "whether the filter is stretched where the data shrinks", default: false },
    },
    infer: (c): TensorType => {
      oneOf(c, "method", METHODS);
      oneOf(c, "coordinateTransformationMode", MODES);
      oneOf(c, "roundingMethod", ROUNDINGS);
      const x = c.tensor(0);
      const shape = [...x.shape];
      for (const a of axesGiven(c)) shape[a.axis] = a.out;
      return { ...x, shape };
    },
    te: (c) => {
      const x = c.x(0);
      const out = c.out();
      const axes = axesGiven(c).filter((a) => !unchanged(c, a));
      let result = x;
      if (c.str("method") === "nearest") {
        const tables = axes.map((a) => {
          const r = repeats(c, a);
          if (r !== undefined) return (o: Expr) => ops.floordiv(o, r);
          const t = te.compute([a.out], (o) => nearest(c, a, o), `axis${a.axis}_index`);
          return (o: Expr) => t.at(o);
        });
        result = te.compute(
          out.shape,
          (...i) => {
            const at: Expr[] = [...i];
            axes.forEach((a, k) => {
              at[a.axis] = tables[k](i[a.axis]);
            });
            return x.get(at);
          },
          "resize",
        );
      } else {
        // What shrinks comes first: fewer elements are left for the other axes.
        const growth = (a: Axis): number => (constInt(a.out) ?? 1) / (constInt(a.length) ?? 1);
        const order = [...axes].sort((a, b) => growth(a) - growth(b));
        for (const a of order) result = resample(result, a, tapsOf(c, a, x.dtype === "f64" ? "f64" : "f32"));
      }
      return outside(c, axes, asDtype(result, x, out));
    },
  },
} as const satisfies Record<string, OpDef>;

/** In the dtype of the data (fractions of whole numbers are cut off); a copy where nothing was to be done. */
function asDtype(t: te.Tensor, x: te.Tensor, out: TensorType): te.Tensor {
  if (t.dtype === out.dtype && t !== x) return t;
  return te.compute(
    out.shape,
    (...i) => {
      const v = t.get(i);
      return v.dtype === out.dtype ? v : te.cast(v, out.dtype);
    },
    "result",
  );
}

/** tf_crop_and_resize: positions outside of the data have a value of their own. */
function outside(c: OpArgs, axes: readonly Axis[], t: te.Tensor): te.Tensor {
  if (c.str("coordinateTransformationMode") !== "tf_crop_and_resize") return t;
  const at = axes.map((a) => te.compute([a.out], (o) => coordinate(c, a, o), `axis${a.axis}_crop`));
  const value = c.num("extrapolationValue");
  const fill = ops.toExpr(isFloat(t.dtype) ? value : Math.trunc(value), t.dtype);
  return te.compute(
    t.shape,
    (...i) => {
      const inside = ops.allOf(
        axes.flatMap((a, k) => {
          const x = at[k].at(i[a.axis]);
          return [ops.ge(x, 0), ops.le(x, ops.sub(f64(a.length), 1))];
        }),
      );
      return inside ? ops.select(inside, t.get(i), fill) : t.get(i);
    },
    "crop",
  );
}
