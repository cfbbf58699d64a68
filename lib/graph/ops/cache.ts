/** Caches of a fixed length, into which each step of a model writes. */
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf, sameSize } from "../shape.ts";
import { checkIndices } from "./gather.ts";

const axisIn = (c: OpArgs): number => axisOf(c.op, c.num("axis"), c.tensor(0).shape.length);

/** Whether sizes are known, and are not the same. */
const differ = (a: Expr, b: Expr): boolean =>
  constInt(a) !== undefined && constInt(b) !== undefined && !sameSize(a, b);

/** ONNX TensorScatter. Each place asks which update falls on it, so that all of them may be made at once. */
export const CACHE = {
  cacheUpdate: {
    doc: "a cache with updates written along an axis, for each sample (axis 0) from its own start on (0 if not given)",
    args: [
      { name: "cache", kind: "tensor" },
      { name: "update", kind: "tensor" },
      { name: "start", kind: "tensor", optional: true },
    ],
    attrs: {
      axis: { doc: "the axis of positions", default: -2 },
      circular: {
        doc: "go on at position 0 after the last one; else what is beyond the end is left out",
        default: false,
      },
    },
    infer: (c): TensorType => {
      const [x, update] = [c.tensor(0), c.tensor(1)];
      const axis = axisIn(c);
      if (axis === 0) c.refuse("axis 0 is that of the samples");
      if (update.dtype !== x.dtype) c.refuse(`the update is ${update.dtype}, the cache ${x.dtype}`);
      if (
        update.shape.length !== x.shape.length ||
        x.shape.some((s, d) => d !== axis && differ(s, update.shape[d]))
      )
        c.refuse(`the update has the shape of the cache except for axis ${axis}`);
      const [n, more] = [constInt(x.shape[axis]), constInt(update.shape[axis])];
      if (n !== undefined && more !== undefined && more > n)
        c.refuse(`${more} positions do not fit a cache of ${n}`);
      if (c.has(2)) {
        const start = checkIndices(c, 2);
        if (start.shape.length !== 1 || differ(start.shape[0], x.shape[0]))
          c.refuse("start is one number for each sample");
      }
      return x;
    },
    te: (c) => {
      const [x, update] = [c.x(0), c.x(1)];
      const axis = axisIn(c);
      const [n, more] = [x.shape[axis], update.shape[axis]];
      const value = (i: readonly Expr[]): Expr => {
        const start = c.has(2) ? te.cast(c.x(2).at(i[0]), "i32") : ops.toExpr(0);
        const far = ops.sub(i[axis], start);
        const k = c.flag("circular") ? ops.floormod(far, n) : far;
        const written = ops.and(ops.ge(k, 0), ops.lt(k, more));
        const from = i.map((e, d): Expr => (d === axis ? k : e));
        return te.select(written, update.get(from), x.get(i));
      };
      return te.compute(x.shape, (...i) => value(i), "cacheUpdate");
    },
  },
} as const satisfies Record<string, OpDef>;
