/** Operators that move elements without changing them. Each reads its operand at computed indices. */

import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TeCall } from "../op.ts";
import {
  axesOf,
  axisOf,
  broadcastShapes,
  knownIsZero,
  product,
  quotient,
  type Size,
  sameSize,
  withShape,
} from "../shape.ts";
import { X } from "./elementwise-form.ts";
import { broadcastIndex, flatIndex, unflatten } from "./te-index.ts";

const SIZES = { name: "shape", kind: "shape" } as const;
const zero = (): Expr => ops.toExpr(0);

/** The elements in the same order under the shape of the result. */
const reordered = (c: TeCall): te.Tensor => {
  const x = c.x(0);
  const { shape } = c.out();
  return te.compute(shape, (...i) => x.get(unflatten(flatIndex(i, shape), x.shape)), c.op);
};

/** One size of a shape may be -1: what is left of the elements. */
function reshaped(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const given = c.shape(1);
  const open = given.flatMap((s, d) => (constInt(s) === -1 ? [d] : []));
  const total = product(x.shape);
  const negative = given.find((s) => (constInt(s) ?? 0) < -1);
  if (negative) c.refuse(`${constInt(negative)} is no size`);
  if (open.length > 1) c.refuse("only one size may be -1");
  if (open.length === 0) {
    checkCount(c, x.shape, given);
    return withShape(x, given);
  }
  const rest = product(given.filter((_, d) => d !== open[0]));
  const [n, k] = [constInt(total), constInt(rest)];
  if (k === 0) c.refuse("a size of -1 has no meaning beside a size of 0");
  if (n !== undefined && k !== undefined && n % k !== 0)
    c.refuse(`${n} elements do not divide into rows of ${k}`);
  const size = quotient(
    x.shape,
    given.filter((_, d) => d !== open[0]),
  );
  return withShape(
    x,
    given.map((s, d) => (d === open[0] ? size : s)),
  );
}

function checkCount(c: OpArgs, from: readonly Size[], to: readonly Size[]): void {
  const [a, b] = [constInt(product(from)), constInt(product(to))];
  if (a !== undefined && b !== undefined && a !== b)
    c.refuse(`the operand has ${a} element(s), the shape takes ${b}`);
}

function flattened(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const axis = c.attrs.axis;
  if (axis === null) return withShape(x, [product(x.shape)]);
  const rank = x.shape.length;
  const n = c.num("axis");
  const at = n < 0 ? n + rank : n;
  if (!Number.isInteger(n) || at < 0 || at > rank) c.refuse(`axis ${n} is not in -${rank} … ${rank}`);
  return withShape(x, [product(x.shape.slice(0, at)), product(x.shape.slice(at))]);
}

function squeezedAxes(c: OpArgs): number[] {
  const { shape } = c.tensor(0);
  if (c.attrs.axis === null) return shape.flatMap((s, d) => (constInt(s) === 1 ? [d] : []));
  return axesOf(c.op, [c.attrs.axis as number].flat(), shape.length);
}

function squeezed(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const axes = squeezedAxes(c);
  for (const a of axes) {
    const n = constInt(x.shape[a]);
    if (n !== undefined && n !== 1) c.refuse(`axis ${a} has size ${n}; only axes of size 1 can go`);
  }
  return withShape(
    x,
    x.shape.filter((_, d) => !axes.includes(d)),
  );
}

function newAxes(c: OpArgs): number[] {
  const given = [c.attrs.axis as number].flat();
  return axesOf(c.op, given, c.tensor(0).shape.length + given.length);
}

function expanded(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const axes = newAxes(c);
  const rest = [...x.shape];
  const shape = Array.from({ length: x.shape.length + axes.length }, (_, d) =>
    axes.includes(d) ? ops.toExpr(1) : (rest.shift() as Size),
  );
  return withShape(x, shape);
}

function permutation(c: OpArgs): number[] {
  const rank = c.tensor(0).shape.length;
  if (c.attrs.axes === null) return Array.from({ length: rank }, (_, d) => rank - 1 - d);
  const axes = axesOf(c.op, c.nums("axes"), rank);
  if (axes.length !== rank) c.refuse(`its axes [${axes.join(", ")}] are not all ${rank} of the operand`);
  return axes;
}

function repeated(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const times = c.shape(1);
  if (times.length !== x.shape.length)
    c.refuse(`${times.length} number(s) of repetitions for a tensor of rank ${x.shape.length}`);
  if (times.some((t) => (constInt(t) ?? 0) < 0)) c.refuse("a number of repetitions is negative");
  return withShape(
    x,
    x.shape.map((s, d) => simplify(ops.mul(s, times[d]))),
  );
}

const TIMES = { doc: "how often each element stands" } as const;

export const MANIPULATE = {
  reshape: {
    doc: "the elements in the same order under another shape; one size may be -1",
    args: [...X, SIZES],
    infer: reshaped,
    te: reordered,
  },
  flatten: {
    doc: "the elements in the same order in one axis, or in two: those before `axis` and those from it on",
    args: X,
    attrs: { axis: { doc: "where the second axis begins; null for one axis", default: null } },
    infer: flattened,
    te: reordered,
  },
  squeeze: {
    doc: "without axes of size 1",
    args: X,
    attrs: { axis: { doc: "which; all where it is null", default: null } },
    infer: squeezed,
    te: (c) => {
      const axes = squeezedAxes(c);
      const { shape } = c.x(0);
      const at = (i: readonly Expr[]): Expr[] => {
        const rest = [...i];
        return shape.map((_, d): Expr => (axes.includes(d) ? zero() : (rest.shift() as Expr)));
      };
      return te.compute(c.out().shape, (...i) => c.x(0).get(at(i)), "squeeze");
    },
  },
  expandDims: {
    doc: "with new axes of size 1",
    args: X,
    attrs: { axis: { doc: "where in the result, one axis or several" } },
    infer: expanded,
    te: (c) => {
      const axes = newAxes(c);
      return te.compute(
        c.out().shape,
        (...i) => c.x(0).get(i.filter((_, d) => !axes.includes(d))),
        "expandDims",
      );
    },
  },
  permuteDims: {
    doc: "the axes in another order",
    args: X,
    attrs: {
      axes: { doc: "which axis of the operand stands where; reversed where it is null", default: null },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      return withShape(
        x,
        permutation(c).map((a) => x.shape[a]),
      );
    },
    te: (c) => {
      const axes = permutation(c);
      const x = c.x(0);
      return te.compute(
        c.out().shape,
        (...i) => x.get(x.shape.map((_, d) => i[axes.indexOf(d)])),
        "permuteDims",
      );
    },
  },
  broadcastTo: {
    doc: "stretched to a shape; sizes of 1 repeat, axes in front are new",
    args: [...X, SIZES],
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const to = c.shape(1);
      const got = broadcastShapes(c.op, [x.shape, to]);
      const differs = (a: Size, b: Size): boolean => {
        const [p, q] = [constInt(a), constInt(b)];
        return p !== undefined && q !== undefined && p !== q;
      };
      if (got.length !== to.length || got.some((s, d) => differs(s, to[d])))
        c.refuse("the operand does not broadcast to the shape: one of its sizes is greater");
      return withShape(x, to);
    },
    te: (c) => {
      const { shape } = c.out();
      return te.compute(shape, (...i) => c.x(0).get(broadcastIndex(c.x(0), i, shape)), "broadcastTo");
    },
  },
  tile: {
    doc: "the whole tensor so many times along each axis",
    args: [...X, { name: "repeats", kind: "shape" }],
    infer: repeated,
    te: (c) => {
      const x = c.x(0);
      const at = (i: Expr, d: number): Expr =>
        knownIsZero(x.shape[d]) || constInt(x.shape[d]) === 1 ? zero() : ops.floormod(i, x.shape[d]);
      return te.compute(c.out().shape, (...i) => x.get(i.map(at)), "tile");
    },
  },
  repeat: {
    doc: "each element so many times, one after another",
    args: X,
    attrs: { repeats: TIMES, axis: { doc: "along which axis", default: 0 } },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const n = c.num("repeats");
      if (!Number.isInteger(n) || n < 0) c.refuse(`${n} is no number of repetitions`);
      return withShape(
        x,
        x.shape.map((s, d) => (d === axis ? simplify(ops.mul(s, n)) : s)),
      );
    },
    te: (c) => {
      const x = c.x(0);
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const n = Math.max(c.num("repeats"), 1);
      return te.compute(
        c.out().shape,
        (...i) => x.get(i.map((e, d): Expr => (d === axis ? ops.floordiv(e, n) : e))),
        "repeat",
      );
    },
  },
  flip: {
    doc: "backwards along axes",
    args: X,
    attrs: { axis: { doc: "along which axis, or axes" } },
    infer: (c): TensorType => {
      axesOf(c.op, [c.attrs.axis as number].flat(), c.tensor(0).shape.length);
      return c.tensor(0);
    },
    te: (c) => {
      const x = c.x(0);
      const axes = axesOf(c.op, [c.attrs.axis as number].flat(), x.shape.length);
      const last = (s: Size): Expr => ops.sub(s, ops.toExpr(1));
      return te.compute(
        x.shape,
        (...i) => x.get(i.map((e, d): Expr => (axes.includes(d) ? ops.sub(last(x.shape[d]), e) : e))),
        "flip",
      );
    },
  },
  reverseSequence: {
    doc: "the first `lengths[b]` elements of each sequence backwards, the rest as they are",
    args: [...X, { name: "lengths", kind: "tensor" }],
    attrs: {
      seqAxis: { doc: "the axis of a sequence", default: 1 },
      batchAxis: { doc: "the axis of sequences", default: 0 },
    },
    infer: (c): TensorType => {
      const [x, n] = [c.tensor(0), c.tensor(1)];
      const batch = axisOf(c.op, c.num("batchAxis"), x.shape.length);
      if (axisOf(c.op, c.num("seqAxis"), x.shape.length) === batch) c.refuse("its two axes are the same");
      const fits = n.shape.length === 1 && (n.dtype === "i64" || n.dtype === "i32");
      if (!fits || !sameSize(n.shape[0], x.shape[batch]))
        c.refuse("lengths are integers, one for each sequence");
      return x;
    },
    te: (c) => {
      const [x, n] = [c.x(0), c.x(1)];
      const seq = axisOf(c.op, c.num("seqAxis"), x.shape.length);
      const batch = axisOf(c.op, c.num("batchAxis"), x.shape.length);
      const at = (i: readonly Expr[]): Expr[] => {
        // Held inside the sequence, whatever the data say.
        const length = ops.min(te.cast(n.at(i[batch]), "i32"), x.shape[seq]);
        const turned = ops.select(ops.lt(i[seq], length), ops.sub(ops.sub(length, 1), i[seq]), i[seq]);
        return i.map((e, d) => (d === seq ? turned : e));
      };
      return te.compute(x.shape, (...i) => x.get(at(i)), "reverseSequence");
    },
  },
} as const satisfies Record<string, OpDef>;
