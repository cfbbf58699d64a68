/** Parts of tensors, and tensors put together. */
import { boundsOf, simplify } from "../../arith/index.ts";
import {
  constInt,
  type Expr,
  type Interval,
  load,
  ops,
  type Stmt,
  store,
  type TensorType,
  type TupleType,
  tupleType,
  varsOf,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TypedCall } from "../op.ts";
import { axesOf, axisOf, knownIsZero, type Size, withShape } from "../shape.ts";
import { X } from "./elementwise-form.ts";
import { buffersOf, programOf, spatialBlock } from "./prim-form.ts";

/** Bounds of an expression of sizes, which are not negative. */
function bounds(e: Expr): Interval {
  const ranges = new Map<number, Interval>();
  for (const id of varsOf(e).keys()) ranges.set(id, { min: 0, max: Number.POSITIVE_INFINITY });
  return boundsOf(e, ranges);
}

/** `a` where e is negative, `b` where it is not; decided now where that can be shown. */
function whereNegative(e: Expr, a: Expr, b: Expr): Expr {
  const { min, max } = bounds(e);
  if (min >= 0) return b;
  return max < 0 ? a : ops.select(ops.lt(e, 0), a, b);
}

const clamp = (e: Expr, low: Expr, high: Expr): Expr => simplify(ops.max(ops.min(e, high), low));

export interface Cut {
  readonly axis: number;
  readonly begin: Expr;
  readonly step: Expr;
  readonly size: Expr;
}

/**
 * numpy's slices: negative begins and ends count from the end, both are held inside the axis. A step may be negative;
 * then -1 stands for "before the first" after counting.
 */
function cut(c: OpArgs, n: Size, at: number, begin: Expr, end: Expr, given: Expr): Cut {
  if (constInt(given) === 0) c.refuse("a step of 0 goes nowhere");
  // The smallest i32 has no opposite.
  const step = constInt(given) === -(2 ** 31) ? ops.toExpr(1 - 2 ** 31) : given;
  const counted = (e: Expr): Expr => whereNegative(e, ops.add(e, n), e);
  const [b, e] = [counted(begin), counted(end)];
  const zero = ops.toExpr(0);
  const one = ops.toExpr(1);
  const last = ops.sub(n, one);
  const first = whereNegative(step, clamp(b, ops.toExpr(-1), last), clamp(b, zero, n));
  const stop = whereNegative(step, clamp(e, ops.toExpr(-1), last), clamp(e, zero, n));
  // How many steps fit: of a way of 0 or less none.
  const steps = (way: Expr, width: Expr): Expr => ops.add(ops.floordiv(ops.sub(way, one), width), one);
  const up = steps(ops.sub(stop, first), step);
  const down = steps(ops.sub(first, stop), ops.sub(zero, step));
  const size = simplify(ops.max(simplify(whereNegative(step, down, up)), zero));
  return { axis: at, begin: simplify(first), step, size };
}

function cuts(c: OpArgs): Cut[] {
  const x = c.tensor(0);
  const [begin, end] = [c.shape(1), c.shape(2)];
  const axes = c.attrs.axes === null ? begin.map((_, d) => d) : axesOf(c.op, c.nums("axes"), x.shape.length);
  const steps = c.has(3) ? c.shape(3) : begin.map(() => ops.toExpr(1));
  if (begin.length !== axes.length || end.length !== axes.length || steps.length !== axes.length) {
    c.refuse(
      `${begin.length} begin(s), ${end.length} end(s) and ${steps.length} step(s) for ${axes.length} axes`,
    );
  }
  if (axes.length > x.shape.length) c.refuse(`${axes.length} axes of a tensor of rank ${x.shape.length}`);
  return axes.map((a, k) => cut(c, x.shape[a], a, begin[k], end[k], steps[k]));
}

/** Each part is a loop nest of its own. */
const MAX_PARTS = 2 ** 16;

/** The sizes of the parts of a split. */
function parts(c: OpArgs): Size[] {
  const x = c.tensor(0);
  const at = axisOf(c.op, c.num("axis"), x.shape.length);
  const total = x.shape[at];
  if (c.has(1)) {
    const sizes = c.shape(1);
    const known = sizes.map(constInt);
    const n = constInt(total);
    const sum = known.every((s) => s !== undefined) ? known.reduce((a, b) => a + b, 0) : undefined;
    if (known.some((s) => (s ?? 0) < 0)) c.refuse("a part has a negative size");
    if (sum !== undefined && n !== undefined && sum !== n)
      c.refuse(`parts of ${known.join(" + ")} for an axis of size ${n}`);
    return [...sizes];
  }
  const k = c.num("sections");
  if (!Number.isInteger(k) || k < 1) c.refuse("sections is a number of parts from 1 on, or give their sizes");
  if (k > MAX_PARTS) c.refuse(`${k} parts are too many`);
  // ONNX since opset 18: equal parts, the last one smaller.
  const each = simplify(ops.floordiv(ops.add(total, k - 1), k));
  const left = (i: number): Expr => ops.max(ops.sub(total, ops.mul(each, i)), 0);
  return Array.from({ length: k }, (_, i) => simplify(ops.min(each, left(i))));
}

function splitType(c: OpArgs): TupleType {
  const x = c.tensor(0);
  const at = axisOf(c.op, c.num("axis"), x.shape.length);
  return tupleType(
    parts(c).map((s) =>
      withShape(
        x,
        x.shape.map((old, d) => (d === at ? s : old)),
      ),
    ),
  );
}

function concatType(c: OpArgs): TensorType {
  const xs = c.tensors(0);
  if (xs.length === 0) c.refuse("there is nothing to put together");
  const [first] = xs;
  const at = axisOf(c.op, c.num("axis"), first.shape.length);
  xs.forEach((x, k) => {
    if (x.dtype !== first.dtype) c.refuse(`tensor ${k} is ${x.dtype}, the first one ${first.dtype}`);
    if (x.shape.length !== first.shape.length)
      c.refuse(`tensor ${k} has rank ${x.shape.length}, not ${first.shape.length}`);
    x.shape.forEach((s, d) => {
      const [a, b] = [constInt(s), constInt(first.shape[d])];
      if (d !== at && a !== undefined && b !== undefined && a !== b)
        c.refuse(`tensor ${k} has size ${a} in axis ${d}, the first one ${b}`);
    });
  });
  const size = simplify(xs.map((x) => x.shape[at]).reduce((a, b) => ops.add(a, b)));
  return withShape(
    first,
    first.shape.map((s, d) => (d === at ? size : s)),
  );
}

/** A copy for each tensor: te would choose among them at every element. */
function concatProgram(c: TypedCall): ReturnType<NonNullable<OpDef["prim"]>> {
  const b = buffersOf(c);
  const [out] = b.outs;
  const at = axisOf(c.op, c.num("axis"), out.shape.length);
  let offset: Expr = ops.toExpr(0);
  const copies = b.ins.flatMap((x, k): Stmt[] => {
    const from = offset;
    offset = simplify(ops.add(offset, x.shape[at]));
    if (x.shape.some(knownIsZero)) return [];
    const to = (i: readonly Expr[]) => i.map((v, d): Expr => (d === at ? ops.add(v, from) : v));
    return [spatialBlock(`concat_${k}`, x.shape, (i) => store(out, to(i), load(x, i)))];
  });
  return programOf(b, copies);
}

export const SLICE = {
  stridedSlice: {
    doc: "every step-th element from begin to before end along axes; negative ones count from the end",
    args: [
      ...X,
      { name: "begin", kind: "shape" },
      { name: "end", kind: "shape" },
      { name: "strides", kind: "shape", optional: true },
    ],
    attrs: { axes: { doc: "which axes; the first ones where it is null", default: null } },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const size = new Map(cuts(c).map((k) => [k.axis, k.size]));
      return withShape(
        x,
        x.shape.map((s, d) => size.get(d) ?? s),
      );
    },
    te: (c) => {
      const of = new Map(cuts(c).map((k) => [k.axis, k]));
      const at = (e: Expr, d: number): Expr => {
        const k = of.get(d);
        return k ? ops.add(k.begin, ops.mul(e, k.step)) : e;
      };
      return te.compute(c.out().shape, (...i) => c.x(0).get(i.map(at)), "stridedSlice");
    },
  },
  split: {
    doc: "parts along an axis, as a tuple: of given sizes, or so many equal ones",
    args: [...X, { name: "sizes", kind: "shape", optional: true }],
    attrs: {
      axis: { doc: "along which axis", default: 0 },
      sections: { doc: "how many parts, where no sizes are given; the last one may be smaller", default: 0 },
    },
    infer: splitType,
    te: (c) => {
      const x = c.x(0);
      const at = axisOf(c.op, c.num("axis"), x.shape.length);
      let offset: Expr = ops.toExpr(0);
      return parts(c).map((s, k) => {
        const from = offset;
        offset = simplify(ops.add(offset, s));
        const { shape } = c.out(k);
        const read = (i: readonly Expr[]): Expr =>
          x.get(i.map((e, d): Expr => (d === at ? ops.add(e, from) : e)));
        return te.compute(shape, (...i) => read(i), `part_${k}`);
      });
    },
  },
  concat: {
    doc: "tensors one after another along an axis",
    args: [{ name: "tensors", kind: "tensors" }],
    attrs: { axis: { doc: "along which axis", default: 0 } },
    infer: concatType,
    prim: concatProgram,
  },
} as const satisfies Record<string, OpDef>;
