/** Columns of windows back to images (ONNX Col2Im), and the grids of affine maps (AffineGrid). */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { product, type Size, sameSize } from "../shape.ts";
import { flatIndex } from "./te-index.ts";
import { WINDOW_ATTRS, type Window, windowCount, windowOf } from "./window.ts";

interface Columns {
  readonly window: Window;
  readonly image: readonly Size[];
  /** How many windows there are along each axis. */
  readonly counts: readonly Size[];
  readonly channels: Size;
}

function columnsOf(c: OpArgs): Columns {
  const x = c.tensor(0);
  const [image, kernel] = [c.shape(1), c.shape(2)];
  if (x.shape.length !== 3)
    c.refuse(`its data must be [batch, channels · window, windows], it has ${x.shape.length} axes`);
  if (image.length !== kernel.length)
    c.refuse(`the image has ${image.length} sizes, the window ${kernel.length}`);
  const window = windowOf(c, kernel);
  const counts = image.map((s, d) => windowCount(c, window, d, s));
  const [rows, size] = [constInt(x.shape[1]), constInt(product(kernel))];
  if (rows !== undefined && size !== undefined && rows % size !== 0)
    c.refuse(`${rows} rows are no whole number of windows of ${size} elements`);
  const [there, fit] = [constInt(x.shape[2]), constInt(product(counts))];
  if (there !== undefined && fit !== undefined && there !== fit)
    c.refuse(`${fit} windows fit into the image, the data has ${there}`);
  return { window, image, counts, channels: simplify(ops.floordiv(x.shape[1], product(kernel))) };
}

/**
 * The grid of a map for places of one axis: from -1 to 1, centres of the outermost elements with `alignCorners`, their
 * edges otherwise.
 */
function placeOf(o: Expr, size: Size, align: boolean, dtype: "f32" | "f64"): Expr {
  const [x, n] = [te.cast(o, dtype), te.cast(size, dtype)];
  const one = ops.toExpr(1, dtype);
  if (!align) return ops.sub(ops.div(ops.add(ops.mul(x, 2), one), n), one);
  const step = ops.div(ops.mul(x, 2), ops.max(ops.sub(n, one), one));
  return ops.sub(step, one);
}

export const COLUMNS = {
  "nn.col2im": {
    doc: "columns [batch, channels · window, windows] back to images [batch, channels, sizes…]: what overlaps is summed",
    args: [
      { name: "data", kind: "tensor" },
      { name: "image", kind: "shape" },
      { name: "window", kind: "shape" },
    ],
    attrs: WINDOW_ATTRS,
    infer: (c): TensorType => {
      const { image, channels } = columnsOf(c);
      const x = c.tensor(0);
      if (x.dtype === "bool") c.refuse("it is for numbers, not bool");
      return { ...x, shape: [x.shape[0], channels, ...image] };
    },
    te: (c) => {
      const { window, counts } = columnsOf(c);
      const x = c.x(0);
      const axes = window.kernel.map((s, d) => te.reduceAxis(s, `k${d}`));
      return te.compute(
        c.out().shape,
        (...i) => {
          // The window whose element k lies on this place starts here, if one does.
          const starts = axes.map((k, d) =>
            ops.sub(ops.add(i[d + 2], window.begin[d]), ops.mul(k.v, window.dilation[d])),
          );
          const place = starts.map((s, d) => ops.floordiv(s, window.strides[d]));
          const there = ops.allOf(
            starts.flatMap((s, d) => [
              ops.ge(s, 0),
              ops.lt(place[d], counts[d]),
              window.strides[d] === 1 ? undefined : ops.eq(ops.floormod(s, window.strides[d]), 0),
            ]),
          ) as Expr;
          const row = flatIndex([i[1], ...axes.map((k) => k.v)], [ops.toExpr(1), ...window.kernel]);
          const value = x.get([i[0], row, flatIndex(place, counts)]);
          return te.sum(ops.select(there, value, ops.toExpr(0, x.dtype)), axes);
        },
        "col2im",
      );
    },
  },
  "image.affineGrid": {
    doc: "where affine maps [N, n, n + 1] take the places of an image: a grid [N, sizes…, n] for image.gridSample",
    args: [
      { name: "maps", kind: "tensor" },
      { name: "size", kind: "shape" },
    ],
    attrs: {
      alignCorners: {
        doc: "whether -1 and 1 are the centres of the outermost elements, not their edges",
        default: false,
      },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const size = c.shape(1);
      const n = size.length;
      if (!isFloat(x.dtype) || x.dtype === "f16") c.refuse(`it is for f32 and f64, not ${x.dtype}`);
      if (
        x.shape.length !== 3 ||
        !sameSize(x.shape[1], ops.toExpr(n)) ||
        !sameSize(x.shape[2], ops.toExpr(n + 1))
      )
        c.refuse(`its maps must be [N, ${n}, ${n + 1}] for images with ${n} axes`);
      return { ...x, shape: [x.shape[0], ...size, ops.toExpr(n)] };
    },
    te: (c) => {
      const x = c.x(0);
      const size = c.shape(1);
      const n = size.length;
      const dtype = x.dtype as "f32" | "f64";
      return te.compute(
        c.out().shape,
        (...i) => {
          const row = i[n + 1];
          // The last axis of the image is the first coordinate.
          const terms = size.map((_, k) => {
            const d = n - 1 - k;
            const place = placeOf(i[d + 1], size[d], c.flag("alignCorners"), dtype);
            return ops.mul(x.get([i[0], row, ops.toExpr(k)]), place);
          });
          return [...terms, x.get([i[0], row, ops.toExpr(n)])].reduce((a, b) => ops.add(a, b));
        },
        "affine_grid",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
