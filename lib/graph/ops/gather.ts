/**
 * Elements taken by indices that are data. Negative indices count from the end. An index that is outside all the same is
 * held at the edge, so that no data can make a program read elsewhere.
 */
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf, knownIsZero, type Size, sameSize } from "../shape.ts";

/** An index of data as an index of an axis with `n` elements. */
function safeIndex(e: Expr, n: Size): Expr {
  const i = e.dtype === "i32" ? e : te.cast(e, "i32");
  const counted = ops.select(ops.lt(i, 0), ops.add(i, n), i);
  return ops.max(ops.min(counted, ops.sub(n, 1)), 0);
}

export function checkIndices(c: OpArgs, i: number): TensorType {
  const t = c.tensor(i);
  if (t.dtype !== "i64" && t.dtype !== "i32") c.refuse(`indices are i32 or i64, not ${t.dtype}`);
  return t;
}

const X_INDICES = [
  { name: "x", kind: "tensor" },
  { name: "indices", kind: "tensor" },
] as const;

/** Nothing can be taken from an axis without elements. */
function checkSource(c: OpArgs, axes: readonly Size[], out: readonly Size[]): void {
  if (axes.some(knownIsZero) && !out.some(knownIsZero)) c.refuse("it takes elements from an axis of size 0");
}

/** How many axes of x an index tuple of gatherNd and scatterNd speaks about, after `batch` axes. */
export function tupleLength(c: OpArgs, batch: number): number {
  const [x, indices] = [c.tensor(0), checkIndices(c, 1)];
  if (indices.shape.length === 0) c.refuse("indices has rank 1 or more: its last axis holds the tuples");
  const k =
    constInt(indices.shape[indices.shape.length - 1]) ?? c.refuse("the length of an index must be known");
  if (batch + k > x.shape.length) c.refuse(`an index of ${k} numbers for a tensor of rank ${x.shape.length}`);
  return k;
}

function batchDims(c: OpArgs): number {
  const b = c.num("batchDims");
  const [x, indices] = [c.tensor(0), c.tensor(1)];
  const fits = Number.isInteger(b) && b >= 0 && b < Math.min(x.shape.length, indices.shape.length);
  if (!fits && b !== 0)
    c.refuse(`batchDims ${b} does not fit ranks ${x.shape.length} and ${indices.shape.length}`);
  for (let d = 0; d < b; d++) {
    if (constInt(x.shape[d]) !== undefined && !sameSize(x.shape[d], indices.shape[d]))
      c.refuse(`batch axis ${d} differs between x and indices`);
  }
  return b;
}

export const GATHER = {
  take: {
    doc: "slices along an axis, by indices of any shape, which takes the axis' place",
    args: X_INDICES,
    attrs: { axis: { doc: "along which axis", default: 0 } },
    infer: (c): TensorType => {
      const [x, indices] = [c.tensor(0), checkIndices(c, 1)];
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
      checkSource(c, [x.shape[axis]], shape);
      return { ...x, shape };
    },
    te: (c) => {
      const [x, indices] = [c.x(0), c.x(1)];
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const rank = indices.shape.length;
      return te.compute(
        c.out().shape,
        (...i) => {
          const at = safeIndex(indices.get(i.slice(axis, axis + rank)), x.shape[axis]);
          return x.get([...i.slice(0, axis), at, ...i.slice(axis + rank)]);
        },
        "take",
      );
    },
  },
  gatherElements: {
    doc: "for each index the element at its own place, with that index along an axis",
    args: X_INDICES,
    attrs: { axis: { doc: "along which axis", default: 0 } },
    infer: (c): TensorType => {
      const [x, indices] = [c.tensor(0), checkIndices(c, 1)];
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      if (indices.shape.length !== x.shape.length)
        c.refuse(`indices has rank ${indices.shape.length}, x ${x.shape.length}`);
      x.shape.forEach((s, d) => {
        const [a, b] = [constInt(s), constInt(indices.shape[d])];
        if (d !== axis && a !== undefined && b !== undefined && b > a)
          c.refuse(`indices has size ${b} in axis ${d}, x only ${a}`);
      });
      checkSource(c, [x.shape[axis]], indices.shape);
      return { ...x, shape: indices.shape };
    },
    te: (c) => {
      const [x, indices] = [c.x(0), c.x(1)];
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const at = (i: readonly Expr[]): Expr => safeIndex(indices.get(i), x.shape[axis]);
      return te.compute(
        c.out().shape,
        (...i) => x.get(i.map((e, d): Expr => (d === axis ? at(i) : e))),
        "gatherElements",
      );
    },
  },
  gatherNd: {
    doc: "slices by tuples of indices, which lie along the last axis of `indices`",
    args: X_INDICES,
    attrs: { batchDims: { doc: "how many axes in front are a batch of both", default: 0 } },
    infer: (c): TensorType => {
      const [x, indices] = [c.tensor(0), c.tensor(1)];
      const b = batchDims(c);
      const k = tupleLength(c, b);
      const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(b + k)];
      checkSource(c, x.shape.slice(b, b + k), shape);
      return { ...x, shape };
    },
    te: (c) => {
      const [x, indices] = [c.x(0), c.x(1)];
      const b = batchDims(c);
      const k = tupleLength(c, b);
      const lead = indices.shape.length - 1;
      const value = (i: readonly Expr[]): Expr => {
        const tuple = Array.from({ length: k }, (_, d) =>
          safeIndex(indices.get([...i.slice(0, lead), ops.toExpr(d)]), x.shape[b + d]),
        );
        return x.get([...i.slice(0, b), ...tuple, ...i.slice(lead)]);
      };
      return te.compute(c.out().shape, (...i) => value(i), "gatherNd");
    },
  },
  oneHot: {
    doc: "`on` at the place that each index names along a new axis of size `depth`, `off` elsewhere",
    args: [
      { name: "indices", kind: "tensor" },
      { name: "on", kind: "tensor" },
      { name: "off", kind: "tensor" },
      { name: "depth", kind: "shape" },
    ],
    attrs: { axis: { doc: "where in the result the new axis stands", default: -1 } },
    infer: (c): TensorType => {
      const [indices, on, off] = [checkIndices(c, 0), c.tensor(1), c.tensor(2)];
      const axis = axisOf(c.op, c.num("axis"), indices.shape.length + 1);
      if (c.shape(3).length !== 1) c.refuse("depth is one number");
      if (on.dtype !== off.dtype || on.shape.length + off.shape.length !== 0)
        c.refuse("on and off are scalars of one dtype");
      return { ...on, shape: indices.shape.toSpliced(axis, 0, c.shape(3)[0]) };
    },
    te: (c) => {
      const indices = c.x(0);
      const axis = axisOf(c.op, c.num("axis"), indices.shape.length + 1);
      const [depth] = c.shape(3);
      const value = (i: readonly Expr[]): Expr => {
        const e = te.cast(indices.get(i.toSpliced(axis, 1)), "i32");
        // An index outside of -depth … depth - 1 names no place.
        const place = ops.select(ops.lt(e, 0), ops.add(e, depth), e);
        return ops.select(ops.eq(place, i[axis]), c.x(1).at(), c.x(2).at());
      };
      return te.compute(c.out().shape, (...i) => value(i), "oneHot");
    },
  },
} as const satisfies Record<string, OpDef>;
