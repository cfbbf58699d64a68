/** Matrix products. */
import { constInt, type DType, type Expr, isFloat, isInt, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { broadcastShapes, type Size, sameSize } from "../shape.ts";
import { checkPairs, PAIRS, productOf } from "./pairs.ts";
import { orOfNothing } from "./te-reduce.ts";
import { sums } from "./window.ts";

interface MatmulShape {
  readonly batch: readonly Size[];
  readonly rows: readonly Size[];
  readonly inner: Size;
  readonly columns: readonly Size[];
}

/** numpy's matmul: a vector is a row on the left and a column on the right; leading axes broadcast. */
function matmulShape(c: OpArgs): MatmulShape {
  const [a, b] = [c.tensor(0), c.tensor(1)];
  if (a.dtype !== b.dtype) c.refuse(`its operands are ${a.dtype} and ${b.dtype}; convert one with R.astype`);
  if (!isFloat(a.dtype) && !isInt(a.dtype)) c.refuse(`it is for numbers, not ${a.dtype}`);
  const [ra, rb] = [a.shape.length, b.shape.length];
  if (ra === 0 || rb === 0) c.refuse("a scalar has no rows: use R.multiply");
  const inner = a.shape[ra - 1];
  const other = rb === 1 ? b.shape[0] : b.shape[rb - 2];
  const [x, y] = [constInt(inner), constInt(other)];
  if (x !== undefined && y !== undefined && x !== y) {
    c.refuse(`the left operand has ${x} column(s), the right one ${y} row(s)`);
  }
  return {
    batch: broadcastShapes(c.op, [a.shape.slice(0, -2), b.shape.slice(0, -2)]),
    rows: ra === 1 ? [] : [a.shape[ra - 2]],
    inner: x === undefined && y !== undefined ? other : inner,
    columns: rb === 1 ? [] : [b.shape[rb - 1]],
  };
}

/** The batch indices at which an operand is read. */
function batchIndex(t: te.Tensor, i: readonly Expr[], batch: readonly Size[]): Expr[] {
  const own = t.shape.slice(0, -2);
  return own.map((s, d) => {
    const at = i[batch.length - own.length + d];
    return sameSize(s, batch[batch.length - own.length + d]) ? at : ops.toExpr(0);
  });
}

const OUT = {
  outDtype: { doc: "dtype of the result; that of the operands where it is empty", default: "" },
} as const;

export const LINEAR = {
  matmul: {
    doc: "matrix product; leading axes are a batch and broadcast",
    args: [
      { name: "a", kind: "tensor" },
      { name: "b", kind: "tensor" },
    ],
    attrs: { ...OUT, pairs: PAIRS },
    infer: (c): TensorType => {
      checkPairs(c);
      const { batch, rows, columns } = matmulShape(c);
      const dtype = (c.str("outDtype") || c.tensor(0).dtype) as DType;
      return { kind: "tensor", dtype, shape: [...batch, ...rows, ...columns] };
    },
    te: (c) => {
      const [a, b] = [c.x(0), c.x(1)];
      const { batch, rows, inner, columns } = matmulShape(c);
      const out = c.out();
      // The sum of nothing.
      if (constInt(inner) === 0) return te.compute(out.shape, () => ops.toExpr(0, out.dtype), "matmul");
      const k = te.reduceAxis(inner);
      const total = sums(
        out.shape,
        out.dtype,
        (i, wide) => {
          const left = rows.length > 0 ? [...batchIndex(a, i, batch), i[batch.length], k.v] : [k.v];
          const column = i[batch.length + rows.length];
          const right =
            columns.length > 0
              ? [...batchIndex(b, i, batch), k.v, column]
              : [...batchIndex(b, i, batch), k.v];
          return productOf(c)(wide(a.get(left)), wide(b.get(right)));
        },
        [k],
        "matmul",
      );
      return orOfNothing("sum", total, [inner]);
    },
  },
} as const satisfies Record<string, OpDef>;
