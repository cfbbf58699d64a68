/** Operators of detectors: suppression of boxes, and regions of interest. */
import {
  type Buffer,
  buffer,
  constInt,
  type Expr,
  ifThen,
  isFloat,
  load,
  not,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  store,
  type TensorType,
  tupleType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TypedCall } from "../op.ts";
import { product, type Size, sameSize } from "../shape.ts";
import { argumentBuffers, bufferOf, each, named, nest } from "./prim.ts";

const f32 = (v: number): Expr => ops.toExpr(v, "f32");
const ZERO = ops.toExpr(0);

/** How many boxes a class of an image may keep at most. */
function mostKept(c: OpArgs): Size {
  const n = c.tensor(0).shape[1];
  const limit = c.num("limit");
  return limit > 0 ? ops.min(n, limit) : n;
}

function suppressionType(c: OpArgs) {
  const [boxes, scores] = [c.tensor(0), c.tensor(1)];
  if (boxes.dtype !== "f32" || scores.dtype !== "f32")
    c.refuse(`boxes and scores must be f32, they are ${boxes.dtype} and ${scores.dtype}`);
  if (boxes.shape.length !== 3 || constInt(boxes.shape[2]) !== 4)
    c.refuse("boxes must be [images, boxes, 4]");
  if (
    scores.shape.length !== 3 ||
    !sameSize(scores.shape[0], boxes.shape[0]) ||
    !sameSize(scores.shape[2], boxes.shape[1])
  )
    c.refuse("scores must be [images, classes, boxes], of as many images and boxes as the boxes");
  const rows = product([scores.shape[0], scores.shape[1], mostKept(c)]);
  const i64 = (shape: readonly Size[]): TensorType => ({ kind: "tensor", dtype: "i64", shape });
  return tupleType([i64([rows, ops.toExpr(3)]), i64([ops.toExpr(1)])]);
}

interface Box {
  readonly low: readonly [Expr, Expr];
  readonly high: readonly [Expr, Expr];
}

/** Corners in order; boxes are given by two opposite corners in any order, or by centre and size. */
function boxAt(boxes: Buffer, b: Expr, i: Expr, centred: boolean): Box {
  const v = (k: number): Expr => load(boxes, [b, i, ops.toExpr(k)]);
  const half = (k: number): Expr => ops.mul(v(k), 0.5);
  if (centred) {
    return {
      low: [ops.sub(v(0), half(2)), ops.sub(v(1), half(3))],
      high: [ops.add(v(0), half(2)), ops.add(v(1), half(3))],
    };
  }
  return {
    low: [ops.min(v(0), v(2)), ops.min(v(1), v(3))],
    high: [ops.max(v(0), v(2)), ops.max(v(1), v(3))],
  };
}

const area = (p: Box): Expr => ops.mul(ops.sub(p.high[0], p.low[0]), ops.sub(p.high[1], p.low[1]));

/** Whether the common part of two boxes is more than a part of what both cover together. */
function overlaps(p: Box, q: Box, threshold: Expr): Expr {
  const side = (k: 0 | 1): Expr =>
    ops.max(ops.sub(ops.min(p.high[k], q.high[k]), ops.max(p.low[k], q.low[k])), f32(0));
  const common = ops.mul(side(0), side(1));
  const both = ops.sub(ops.add(area(p), area(q)), common);
  return ops.and(ops.gt(both, 0), ops.gt(common, ops.mul(threshold, both)));
}

/**
 * The best box of a class is kept and those that overlap with it are dropped, until none is left: R. Girshick et al.,
 * "Rich feature hierarchies", 2014, section 2.2.
 */
function suppression(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["boxes", "scores", "most", "overlap", "least"]);
  const [boxes, scores, most, overlap, least] = args;
  const out = bufferOf(c.out(0), "selected");
  const count = bufferOf(c.out(1), "count");
  const [images, classes, n] = scores.shape;
  // The boxes of a class that are neither kept nor dropped, in their order.
  const left = buffer("left", [n], "i32");
  const best = buffer("best", [1], "f32");
  const [chosen, kept, total, waiting, next] = ["chosen", "kept", "total", "waiting", "next"].map((name) =>
    buffer(name, [1], "i32"),
  );
  const get = (b: Buffer): Expr => load(b, [ZERO]);
  const set = (b: Buffer, v: Expr | number): Stmt => store(b, [ZERO], ops.toExpr(v));
  const push = (to: Buffer, i: Expr): Stmt => seq([store(left, [get(to)], i), set(to, ops.add(get(to), 1))]);
  /** A statement for each box that is left. */
  const overLeft = (body: (i: Expr) => Stmt | readonly Stmt[]): Stmt =>
    named("m", get(waiting), (m) => each("j", m, (j) => named("i", load(left, [j]), body)));
  const choose = (b: Expr, cls: Expr): Stmt[] => [
    set(chosen, load(left, [ZERO])),
    store(best, [ZERO], load(scores, [b, cls, get(chosen)])),
    overLeft((i) =>
      named("score", load(scores, [b, cls, i]), (score) =>
        ifThen(ops.gt(score, get(best)), seq([store(best, [ZERO], score), set(chosen, i)])),
      ),
    ),
  ];
  const keep = (b: Expr, cls: Expr): Stmt[] => [
    ...[b, cls, get(chosen)].map((v, k) => store(out, [get(total), ops.toExpr(k)], te.cast(v, "i64"))),
    set(total, ops.add(get(total), 1)),
    set(kept, ops.add(get(kept), 1)),
  ];
  const drop = (b: Expr): Stmt[] => [
    set(next, 0),
    overLeft((i) => {
      const [p, q] = [get(chosen), i].map((k) => boxAt(boxes, b, k, c.flag("centerPointBox")));
      const stays = ops.and(ops.ne(i, get(chosen)), not(overlaps(p, q, load(overlap, []))));
      return ifThen(stays, push(next, i));
    }),
    set(waiting, get(next)),
  ];
  const one = (b: Expr, cls: Expr): Stmt[] => [
    set(kept, 0),
    set(waiting, 0),
    each("i", n, (i) => ifThen(ops.gt(load(scores, [b, cls, i]), load(least, [])), push(waiting, i))),
    each("round", mostKept(c), () =>
      ifThen(
        ops.and(ops.gt(get(waiting), 0), ops.lt(te.cast(get(kept), "i64"), load(most, []))),
        seq([...choose(b, cls), ...keep(b, cls), ...drop(b)]),
      ),
    ),
  ];
  const body = nest("suppression", [], () => [
    set(total, 0),
    each("b", images, (b) => each("cls", classes, (cls) => one(b, cls))),
    store(count, [ZERO], te.cast(get(total), "i64")),
  ]);
  const cleared = nest(
    "cleared",
    [
      ["r", "S", out.shape[0]],
      ["k", "S", 3],
    ],
    (r, k) => store(out, [r, k], ops.toExpr(0, "i64")),
  );
  return primFunc([...args, out, count], seq([cleared, body]), {
    allocs: [left, best, chosen, kept, total, waiting, next],
  });
}

function regionType(c: OpArgs): TensorType {
  const [x, rois] = [c.tensor(0), c.tensor(1)];
  if (!isFloat(x.dtype) || x.shape.length !== 4) c.refuse("its data must be floats [N, C, H, W]");
  if (rois.dtype !== x.dtype || rois.shape.length !== 2)
    c.refuse(`its regions must be ${x.dtype}[regions, …]`);
  const size = c.nums("pooledSize");
  if (size.length !== 2 || size.some((s) => !Number.isInteger(s) || s < 1))
    c.refuse(`pooledSize [${size.join(", ")}] must be two whole numbers of at least 1`);
  return { ...x, shape: [rois.shape[0], x.shape[1], ...size.map((s) => ops.toExpr(s))] };
}

/** How many samples a bin has along an axis: given, or one for each element that it covers. */
const samplesPerBin = (ratio: number, bin: Expr): Expr =>
  ratio > 0 ? ops.toExpr(ratio) : ops.max(te.cast(ops.ceil(bin), "i32"), 1);

/** A position at which to interpolate: the two elements around it and how far it is from the first. */
function around(at: Expr, size: Size, body: (low: Expr, high: Expr, part: Expr) => Stmt): Stmt {
  const last = ops.sub(size, 1);
  return named("at", ops.max(at, ops.toExpr(0, at.dtype)), (p) =>
    named("low", ops.min(te.cast(ops.floor(p), "i32"), last), (low) => {
      const part = ops.select(ops.ge(low, last), ops.toExpr(0, at.dtype), ops.sub(p, te.cast(low, at.dtype)));
      return body(low, ops.min(ops.add(low, 1), last), part);
    }),
  );
}

/** K. He et al., "Mask R-CNN", 2017, section 3: no coordinate is rounded, bins are sampled by interpolation. */
function roiAlign(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["data", "rois", "images"]);
  const [x, rois, images] = args;
  const out = bufferOf(c.out(), "pooled");
  const { dtype } = x;
  const [height, width] = [x.shape[2], x.shape[3]];
  const num = (v: number): Expr => ops.toExpr(v, dtype);
  const sum = buffer("sum", [1], dtype);
  const shift = num(c.flag("aligned") ? 0.5 : 0);
  const max = c.str("mode") === "max";
  const body = nest(
    "roi_align",
    [
      ["r", "S", out.shape[0]],
      ["c", "S", out.shape[1]],
      ["ph", "S", out.shape[2]],
      ["pw", "S", out.shape[3]],
    ],
    (r, ch, ph, pw) => {
      const corner = (k: number): Expr =>
        ops.sub(ops.mul(load(rois, [r, ops.toExpr(k)]), num(c.num("spatialScale"))), shift);
      const length = (low: number, high: number): Expr => {
        const l = ops.sub(corner(high), corner(low));
        // Without alignment a region is at least one element large.
        return c.flag("aligned") ? l : ops.max(l, num(1));
      };
      const sample = (start: Expr, bin: Expr, p: Expr, i: Expr, n: Expr): Expr =>
        ops.add(
          ops.add(start, ops.mul(te.cast(p, dtype), bin)),
          ops.div(ops.mul(ops.add(te.cast(i, dtype), num(0.5)), bin), te.cast(n, dtype)),
        );
      const value = (yl: Expr, yh: Expr, fy: Expr, xl: Expr, xh: Expr, fx: Expr): Expr[] => {
        const at = (i: Expr, j: Expr): Expr => load(x, [te.cast(load(images, [r]), "i32"), ch, i, j]);
        const [gy, gx] = [ops.sub(num(1), fy), ops.sub(num(1), fx)];
        return [
          ops.mul(ops.mul(gy, gx), at(yl, xl)),
          ops.mul(ops.mul(gy, fx), at(yl, xh)),
          ops.mul(ops.mul(fy, gx), at(yh, xl)),
          ops.mul(ops.mul(fy, fx), at(yh, xh)),
        ];
      };
      const outside = (v: Expr, size: Size): Expr =>
        ops.or(ops.lt(v, num(-1)), ops.gt(v, te.cast(size, dtype)));
      const add = (v: Expr): Stmt =>
        store(sum, [ZERO], max ? ops.max(load(sum, [ZERO]), v) : ops.add(load(sum, [ZERO]), v));
      const [bh, bw] = [
        ops.div(length(1, 3), te.cast(out.shape[2], dtype)),
        ops.div(length(0, 2), te.cast(out.shape[3], dtype)),
      ];
      const ratio = c.num("samplingRatio");
      return named("bin_h", bh, (binH) =>
        named("bin_w", bw, (binW) =>
          named("nh", samplesPerBin(ratio, binH), (nh) =>
            named("nw", samplesPerBin(ratio, binW), (nw) => [
              store(sum, [ZERO], max ? ops.minValue(dtype) : num(0)),
              each("iy", nh, (iy) =>
                each("ix", nw, (ix) =>
                  named("y", sample(corner(1), binH, ph, iy, nh), (y) =>
                    named("x", sample(corner(0), binW, pw, ix, nw), (px) =>
                      ifThen(
                        ops.or(outside(y, height), outside(px, width)),
                        add(num(0)),
                        around(y, height, (yl, yh, fy) =>
                          around(px, width, (xl, xh, fx) => {
                            const parts = value(yl, yh, fy, xl, xh, fx);
                            // ONNX: the greatest of the weighted neighbours, not of the interpolated values.
                            return add(parts.reduce((a, b) => (max ? ops.max(a, b) : ops.add(a, b))));
                          }),
                        ),
                      ),
                    ),
                  ),
                ),
              ),
              store(
                out,
                [r, ch, ph, pw],
                max ? load(sum, [ZERO]) : ops.div(load(sum, [ZERO]), te.cast(ops.mul(nh, nw), dtype)),
              ),
            ]),
          ),
        ),
      );
    },
  );
  return primFunc([...args, out], body, { allocs: [sum] });
}

/** R. Girshick, "Fast R-CNN", 2015, section 2.1: corners are rounded, bins cover whole elements. */
function roiPool(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["data", "rois"]);
  const [x, rois] = args;
  const out = bufferOf(c.out(), "pooled");
  const { dtype } = x;
  const num = (v: number): Expr => ops.toExpr(v, dtype);
  const best = buffer("best", [1], dtype);
  const body = nest(
    "roi_pool",
    [
      ["r", "S", out.shape[0]],
      ["c", "S", out.shape[1]],
      ["ph", "S", out.shape[2]],
      ["pw", "S", out.shape[3]],
    ],
    (r, ch, ph, pw) => {
      // Halves are rounded up, as C's round does for the coordinates there are.
      const corner = (k: number): Expr =>
        te.cast(
          ops.floor(ops.add(ops.mul(load(rois, [r, ops.toExpr(k)]), num(c.num("spatialScale"))), num(0.5))),
          "i32",
        );
      const bounds = (low: number, high: number, p: Expr, bins: Size, size: Size): [Expr, Expr] => {
        const length = ops.max(ops.add(ops.sub(corner(high), corner(low)), 1), 1);
        const edge = (v: Expr): Expr => ops.max(ops.min(ops.add(v, corner(low)), size), 0);
        const end = ops.floordiv(ops.add(ops.mul(ops.add(p, 1), length), ops.sub(bins, 1)), bins);
        return [edge(ops.floordiv(ops.mul(p, length), bins)), edge(end)];
      };
      const [top, bottom] = bounds(2, 4, ph, out.shape[2], x.shape[2]);
      const [left, right] = bounds(1, 3, pw, out.shape[3], x.shape[3]);
      return named("top", top, (y0) =>
        named("left", left, (x0) =>
          named("h", ops.max(ops.sub(bottom, y0), 0), (h) =>
            named("w", ops.max(ops.sub(right, x0), 0), (w) => [
              store(best, [ZERO], ops.select(ops.gt(ops.mul(h, w), 0), ops.minValue(dtype), num(0))),
              each("i", h, (i) =>
                each("j", w, (j) => {
                  const image = te.cast(load(rois, [r, ZERO]), "i32");
                  const v = load(x, [image, ch, ops.add(y0, i), ops.add(x0, j)]);
                  return store(best, [ZERO], ops.max(load(best, [ZERO]), v));
                }),
              ),
              store(out, [r, ch, ph, pw], load(best, [ZERO])),
            ]),
          ),
        ),
      );
    },
  );
  return primFunc([...args, out], body, { allocs: [best] });
}

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
