/**
 * Elements written by indices that are data. Updates are applied in row-major order, so that of two for one place the
 * later wins. Negative indices count from the end; an update that is outside all the same is left out.
 */
import {
  type Buffer,
  cast,
  constInt,
  type Expr,
  ifThen,
  letIn,
  load,
  ops,
  type Stmt,
  store,
  type TensorType,
  variable,
} from "../../ir/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf, type Size } from "../shape.ts";
import { checkDtype } from "./elementwise-form.ts";
import { checkIndices, tupleLength } from "./gather.ts";
import { buffersOf, copyBlock, loopsOver, programOf, serialBlock } from "./prim-form.ts";

const COMBINE = {
  none: (_: Expr, b: Expr) => b,
  add: ops.add,
  mul: ops.mul,
  max: ops.max,
  min: ops.min,
} as const;

function combiner(c: OpArgs): (old: Expr, update: Expr) => Expr {
  const name = c.str("reduction");
  if (!Object.hasOwn(COMBINE, name))
    c.refuse(`reduction is one of ${Object.keys(COMBINE).join(", ")}, not "${name}"`);
  if (name !== "none") checkDtype(c, c.tensor(0).dtype, "number");
  return COMBINE[name as keyof typeof COMBINE];
}

/** `body` with an index of data as an index of an axis of size `n`, where it is one. */
function withIndex(e: Expr, n: Size, body: (at: Expr) => Stmt): Stmt {
  const raw = variable("raw");
  const at = variable("at");
  const counted = ops.select(ops.lt(raw, 0), ops.add(raw, n), raw);
  const inside = ops.and(ops.ge(at, 0), ops.lt(at, n));
  return letIn(raw, e.dtype === "i32" ? e : cast(e, "i32"), letIn(at, counted, ifThen(inside, body(at))));
}

const update = (c: OpArgs, out: Buffer, at: readonly Expr[], value: Expr): Stmt =>
  store(out, at, combiner(c)(load(out, at), value));

function checkUpdates(c: OpArgs, want: readonly Size[]): void {
  const [x, updates] = [c.tensor(0), c.tensor(2)];
  if (updates.dtype !== x.dtype) c.refuse(`updates are ${updates.dtype}, x is ${x.dtype}`);
  const fits =
    updates.shape.length === want.length &&
    want.every((s, d) => {
      const [a, b] = [constInt(s), constInt(updates.shape[d])];
      return a === undefined || b === undefined || a === b;
    });
  if (!fits) c.refuse("updates has not the shape that x and indices ask for");
}

const ARGS = [
  { name: "x", kind: "tensor" },
  { name: "indices", kind: "tensor" },
  { name: "updates", kind: "tensor" },
] as const;
const REDUCTION = {
  reduction: {
    doc: "what becomes of the old element: none (replaced), add, mul, max or min",
    default: "none",
  },
} as const;

export const SCATTER = {
  scatterElements: {
    doc: "x with each update at its own place, but with its index along an axis",
    args: ARGS,
    attrs: { axis: { doc: "along which axis", default: 0 }, ...REDUCTION },
    infer: (c): TensorType => {
      const [x, indices] = [c.tensor(0), checkIndices(c, 1)];
      axisOf(c.op, c.num("axis"), x.shape.length);
      combiner(c);
      if (indices.shape.length !== x.shape.length)
        c.refuse(`indices has rank ${indices.shape.length}, x ${x.shape.length}`);
      checkUpdates(c, indices.shape);
      return x;
    },
    prim: (c) => {
      const b = buffersOf(c);
      const [x, indices, updates] = b.ins;
      const [out] = b.outs;
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const one = (i: readonly Expr[]): Stmt =>
        withIndex(load(indices, i), x.shape[axis], (at) => {
          const place = i.map((e, d): Expr => (d === axis ? at : e));
          const others = i.flatMap((e, d) => (d === axis ? [] : [ops.lt(e, x.shape[d])]));
          const write = update(c, out, place, load(updates, i));
          const inside = ops.allOf(others);
          return inside ? ifThen(inside, write) : write;
        });
      return programOf(b, [
        copyBlock("copy", x, out),
        serialBlock("scatter", [loopsOver(updates.shape, one)]),
      ]);
    },
  },
  scatterNd: {
    doc: "x with slices of updates at tuples of indices, which lie along the last axis of `indices`",
    args: ARGS,
    attrs: REDUCTION,
    infer: (c): TensorType => {
      const [x, indices] = [c.tensor(0), checkIndices(c, 1)];
      combiner(c);
      const k = tupleLength(c, 0);
      checkUpdates(c, [...indices.shape.slice(0, -1), ...x.shape.slice(k)]);
      return x;
    },
    prim: (c) => {
      const b = buffersOf(c);
      const [x, indices, updates] = b.ins;
      const [out] = b.outs;
      const k = tupleLength(c, 0);
      const lead = indices.shape.length - 1;
      const one = (i: readonly Expr[]): Stmt => {
        const go = (d: number, place: readonly Expr[]): Stmt =>
          d === k
            ? update(c, out, [...place, ...i.slice(lead)], load(updates, i))
            : withIndex(load(indices, [...i.slice(0, lead), ops.toExpr(d)]), x.shape[d], (at) =>
                go(d + 1, [...place, at]),
              );
        return go(0, []);
      };
      return programOf(b, [
        copyBlock("copy", x, out),
        serialBlock("scatter", [loopsOver(updates.shape, one)]),
      ]);
    },
  },
} as const satisfies Record<string, OpDef>;
