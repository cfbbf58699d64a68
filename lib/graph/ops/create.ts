/** Tensors made of nothing, or of shapes alone, and triangles of matrices. */
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { checkDtype, dtypeAttr, like, X } from "./elementwise-form.ts";

const SHAPE = { name: "shape", kind: "shape" } as const;
const ZERO_INDEX = (t: te.Tensor): Expr[] => t.shape.map(() => ops.toExpr(0));

function scalarArg(c: OpArgs, i: number, what: string): TensorType {
  const t = c.tensor(i);
  if (t.shape.some((s) => constInt(s) !== 1)) c.refuse(`${what} is one element`);
  return t;
}

function checkSizes(c: OpArgs, sizes: readonly Expr[]): void {
  const bad = sizes.find((s) => (constInt(s) ?? 0) < 0);
  if (bad) c.refuse(`${constInt(bad)} is no size`);
}

function triangle(doc: string, keeps: (row: Expr, column: Expr, k: Expr) => Expr): OpDef {
  return {
    doc,
    args: [...X, { name: "k", kind: "shape", optional: true }],
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (x.shape.length < 2) c.refuse("it takes matrices: a tensor of rank 2 or more");
      if (c.has(1) && c.shape(1).length !== 1) c.refuse("k is one number: which diagonal");
      return x;
    },
    te: (c) => {
      const x = c.x(0);
      const k = c.has(1) ? c.shape(1)[0] : ops.toExpr(0);
      const value = (i: readonly Expr[]): Expr => {
        const [row, column] = i.slice(-2);
        return te.select(keeps(row, column, k), x.get(i), te.const(0, x.dtype));
      };
      return te.compute(x.shape, (...i) => value(i), c.op);
    },
  };
}

export const CREATE = {
  full: {
    doc: "the same value everywhere",
    args: [SHAPE, { name: "value", kind: "tensor" }],
    infer: (c): TensorType => {
      checkSizes(c, c.shape(0));
      return { ...scalarArg(c, 1, "the value"), shape: c.shape(0) };
    },
    te: (c) => te.compute(c.out().shape, () => c.x(1).get(ZERO_INDEX(c.x(1))), "full"),
  },
  arange: {
    doc: "start, start + step, start + 2 step, … : so many elements as the shape [n] says",
    args: [SHAPE, { name: "start", kind: "tensor" }, { name: "step", kind: "tensor" }],
    infer: (c): TensorType => {
      checkSizes(c, c.shape(0));
      if (c.shape(0).length !== 1) c.refuse("its shape is [n]");
      const [start, step] = [scalarArg(c, 1, "start"), scalarArg(c, 2, "step")];
      checkDtype(c, start.dtype, "number");
      if (start.dtype !== step.dtype) c.refuse(`start is ${start.dtype}, step ${step.dtype}`);
      return { ...start, shape: c.shape(0) };
    },
    te: (c) => {
      const [start, step] = [1, 2].map((k) => c.x(k).get(ZERO_INDEX(c.x(k))));
      return te.compute(
        c.out().shape,
        (i) => ops.add(start, ops.mul(te.cast(i, start.dtype), step)),
        "arange",
      );
    },
  },
  eye: {
    doc: "1 on the k-th diagonal above the main one, 0 elsewhere; the shape is [rows, columns]",
    args: [SHAPE],
    attrs: {
      k: { doc: "which diagonal; negative ones lie below", default: 0 },
      dtype: { doc: "dtype of the result", default: "f32" },
    },
    infer: (c): TensorType => {
      checkSizes(c, c.shape(0));
      if (c.shape(0).length !== 2) c.refuse("its shape is [rows, columns]");
      if (!Number.isInteger(c.num("k")) || Math.abs(c.num("k")) >= 2 ** 31)
        c.refuse(`${c.num("k")} is no diagonal`);
      return { kind: "tensor", dtype: dtypeAttr(c), shape: c.shape(0) };
    },
    te: (c) => {
      const one = te.const(1, c.out().dtype);
      const k = c.num("k");
      return te.compute(
        c.out().shape,
        (i, j) => te.select(te.eq(ops.sub(j, i), ops.toExpr(k)), one, like(one, 0)),
        "eye",
      );
    },
  },
  tril: triangle("the part on and below the k-th diagonal of matrices, 0 above", (i, j, k) =>
    te.le(ops.sub(j, i), k),
  ),
  triu: triangle("the part on and above the k-th diagonal of matrices, 0 below", (i, j, k) =>
    te.ge(ops.sub(j, i), k),
  ),
} as const satisfies Record<string, OpDef>;
