/**
 * Running sums and products: one block that makes each element from the one before it. Lines are what may run in any
 * order; the place on a line is an axis whose order matters.
 */
import { type Expr, load, ops, type Stmt, store, type TensorType } from "../../ir/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf } from "../shape.ts";
import { checkDtype, X } from "./elementwise-form.ts";
import { type NestAxis, nest } from "./prim.ts";
import { buffersOf, programOf } from "./prim-form.ts";

const axis = (c: OpArgs): number => axisOf(c.op, c.num("axis"), c.tensor(0).shape.length);

function scan(doc: string, start: number, step: (a: Expr, b: Expr) => Expr): OpDef {
  return {
    doc,
    args: X,
    attrs: {
      axis: { doc: "along which axis", default: 0 },
      exclusive: { doc: "without the element itself", default: false },
      reverse: { doc: "from the end", default: false },
    },
    infer: (c): TensorType => {
      checkDtype(c, c.tensor(0).dtype, "number");
      axis(c);
      return c.tensor(0);
    },
    prim: (c) => {
      const b = buffersOf(c);
      const [[x], [out]] = [b.ins, b.outs];
      const a = axis(c);
      const n = x.shape[a];
      const element = (...v: readonly Expr[]): Stmt => {
        const [k, others] = [v[v.length - 1], v.slice(0, -1)];
        const at = (e: Expr): Expr[] =>
          others.toSpliced(a, 0, c.flag("reverse") ? ops.sub(ops.sub(n, 1), e) : e);
        const before = ops.sub(k, 1);
        const first = c.flag("exclusive") ? ops.toExpr(start, x.dtype) : load(x, at(k));
        const added = load(x, at(c.flag("exclusive") ? before : k));
        return store(out, at(k), ops.select(ops.ge(before, 0), step(load(out, at(before)), added), first));
      };
      const lines = x.shape.flatMap((s, d): NestAxis[] => (d === a ? [] : [[`i${d}`, "S", s]]));
      return programOf(b, [nest(c.op, [...lines, ["k", "O", n]], element)]);
    },
  };
}

export const SCAN = {
  cumsum: scan("the sum of the elements so far along an axis", 0, ops.add),
  cumprod: scan("the product of the elements so far along an axis", 1, ops.mul),
} as const satisfies Record<string, OpDef>;
