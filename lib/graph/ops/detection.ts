/** Operators of detectors: suppression of boxes, and regions of interest. */
import { constInt, type TensorType } from "../../ir/index.ts";
import type { OpDef } from "../op.ts";
import { regionType, roiAlign, roiPool } from "./regions.ts";
import { suppression, suppressionType } from "./suppression.ts";

const tensors = (...names: string[]) => names.map((name) => ({ name, kind: "tensor" as const }));
const REGION_ATTRS = {
  pooledSize: { doc: "height and width of the result" },
  spatialScale: { doc: "from the coordinates of the regions to elements of the data", default: 1 },
} as const;

export const DETECTION = {
  "vision.nonMaxSuppression": {
    doc: "boxes that are kept, as rows (image, class, box), best first in each class; rows behind the count are 0",
    args: tensors("boxes", "scores", "most", "overlap", "least"),
    attrs: {
      centerPointBox: {
        doc: "whether boxes are (x, y, width, height) around a centre, not two corners",
        default: false,
      },
      limit: { doc: "at most so many boxes of a class are kept (0: all), whatever `most` says", default: 0 },
    },
    infer: suppressionType,
    prim: suppression,
  },
  "vision.roiAlign": {
    doc: "regions (x1, y1, x2, y2) of images, interpolated at equal distances: their mean or greatest in each bin",
    args: tensors("data", "rois", "images"),
    attrs: {
      ...REGION_ATTRS,
      mode: { doc: "avg or max", default: "avg" },
      samplingRatio: {
        doc: "samples of a bin along each axis; 0 for as many as elements it covers",
        default: 0,
      },
      aligned: { doc: "whether coordinates are those of the elements' edges", default: false },
    },
    infer: (c): TensorType => {
      const t = regionType(c);
      if (constInt(c.tensor(1).shape[1]) !== 4) c.refuse("its regions must be [regions, 4]");
      if (c.str("mode") !== "avg" && c.str("mode") !== "max")
        c.refuse(`mode "${c.str("mode")}" is not avg or max`);
      return t;
    },
    prim: roiAlign,
  },
  "vision.roiPool": {
    doc: "the greatest element of each bin of regions (image, x1, y1, x2, y2)",
    args: tensors("data", "rois"),
    attrs: REGION_ATTRS,
    infer: (c): TensorType => {
      const t = regionType(c);
      if (constInt(c.tensor(1).shape[1]) !== 5) c.refuse("its regions must be [regions, 5]");
      return t;
    },
    prim: roiPool,
  },
} as const satisfies Record<string, OpDef>;
