/** Regions of interest of images, pooled to a size. */
import {
  buffer,
  type Expr,
  ifThen,
  isFloat,
  load,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  store,
  type TensorType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, TypedCall } from "../op.ts";
import type { Size } from "../shape.ts";
import { argumentBuffers, bufferOf, each, named, nest } from "./prim.ts";

const ZERO = ops.toExpr(0);

export function regionType(c: OpArgs): TensorType {
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
export function roiAlign(c: TypedCall): PrimFunc {
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
export function roiPool(c: TypedCall): PrimFunc {
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
