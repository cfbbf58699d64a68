/** Operators of detectors. */
import { R } from "../../../graph/index.ts";
import type { GraphExpr } from "../../../ir/index.ts";
import type { Converter, ConverterTable } from "../context.ts";

/** The rows that are kept, as many as there are: their number is known when the program runs. */
const nonMaxSuppression: Converter = (cx) => {
  const scalar = (i: number, otherwise: GraphExpr): GraphExpr =>
    cx.has(i) ? (cx.rank(i) === 0 ? cx.input(i) : cx.emit(R.op("reshape", [cx.input(i), []]))) : otherwise;
  const limit = cx.has(2) ? Math.min(cx.known(2) ? cx.scalar(2) : 0, 2 ** 31 - 1) : 0;
  const rows = cx.emit(
    R.op(
      "vision.nonMaxSuppression",
      [
        cx.input(0),
        cx.input(1),
        scalar(2, R.const(0, "i64")),
        scalar(3, R.const(0)),
        scalar(4, R.const(Number.NEGATIVE_INFINITY)),
      ],
      { centerPointBox: cx.attr.int("center_point_box", 0) !== 0, limit: Math.max(limit, 0) },
    ),
  );
  const [count] = cx.bb.tensorToShape(cx.emit(R.get(rows, 1)), [`${cx.node.outputs[0] || "selected"}_count`]);
  return R.op("stridedSlice", [cx.emit(R.get(rows, 0)), [0], [count]], { axes: [0] });
};

const roiAlign: Converter = (cx) => {
  const mode = cx.attr.string(
    "coordinate_transformation_mode",
    cx.opset < 16 ? "output_half_pixel" : "half_pixel",
  );
  if (mode !== "half_pixel" && mode !== "output_half_pixel")
    return cx.refuse(`"${mode}" is unknown`, "coordinate_transformation_mode");
  return R.op("vision.roiAlign", [cx.input(0), cx.input(1), cx.input(2)], {
    pooledSize: [cx.attr.int("output_height", 1), cx.attr.int("output_width", 1)],
    spatialScale: cx.attr.float("spatial_scale", 1),
    samplingRatio: cx.attr.int("sampling_ratio", 0),
    mode: cx.attr.string("mode", "avg"),
    aligned: mode === "half_pixel",
  });
};

const maxRoiPool: Converter = (cx) =>
  R.op("vision.roiPool", [cx.input(0), cx.input(1)], {
    pooledSize: cx.attr.ints("pooled_shape"),
    spatialScale: cx.attr.float("spatial_scale", 1),
  });

export const DETECTION: ConverterTable = {
  NonMaxSuppression: nonMaxSuppression,
  RoiAlign: roiAlign,
  MaxRoiPool: maxRoiPool,
};
