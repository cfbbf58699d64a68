/** Running sums and products. */
import { type Expr, load, loop, ops, type Stmt, store, type TensorType, variable } from "../../ir/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf } from "../shape.ts";
import { checkDtype, X } from "./elementwise-form.ts";
import { buffersOf, programOf, spatialBlock } from "./prim-form.ts";

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
      const line = (i: readonly Expr[]): Stmt => {
        const k = variable("k");
        const at = (e: Expr): Expr[] => i.toSpliced(a, 0, c.flag("reverse") ? ops.sub(ops.sub(n, 1), e) : e);
        const before = ops.sub(k, 1);
        const first = c.flag("exclusive") ? ops.toExpr(start, x.dtype) : load(x, at(k));
        const added = load(x, at(c.flag("exclusive") ? before : k));
        const value = ops.select(ops.eq(k, 0), first, step(load(out, at(before)), added));
        return loop(k, n, store(out, at(k), value));
      };
      return programOf(b, [
        spatialBlock(
          c.op,
          x.shape.filter((_, d) => d !== a),
          line,
        ),
      ]);
    },
  };
}

export const SCAN = {
  cumsum: scan("the sum of the elements so far along an axis", 0, ops.add),
  cumprod: scan("the product of the elements so far along an axis", 1, ops.mul),
} as const satisfies Record<string, OpDef>;
