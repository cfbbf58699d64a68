/** Sizes as data. */
import { type DType, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { constShape } from "../shape.ts";
import { flatIndex } from "./te-index.ts";

const INTEGERS: readonly string[] = ["i32", "i64"];

function dtypeOf(c: OpArgs): DType {
  const dtype = c.str("dtype");
  return INTEGERS.includes(dtype) ? (dtype as DType) : c.refuse(`sizes are i32 or i64, not ${dtype}`);
}

export const SHAPE_OF = {
  shapeToTensor: {
    doc: "the sizes as elements of a tensor, in row-major order of its shape",
    args: [
      { name: "sizes", kind: "shape" },
      { name: "shape", kind: "shape" },
    ],
    attrs: { dtype: { doc: "i64 or i32", default: "i64" } },
    infer: (c): TensorType => {
      const shape = constShape(c.shape(1)) ?? c.refuse("the shape of the result must be known");
      const count = shape.reduce((a, b) => a * b, 1);
      if (count !== c.shape(0).length) {
        c.refuse(`${c.shape(0).length} sizes for the shape [${shape.join(", ")}]`);
      }
      return { kind: "tensor", dtype: dtypeOf(c), shape: c.shape(1) };
    },
    te: (c) => {
      const { shape, dtype } = c.out();
      const sizes = c.shape(0).map((s): Expr => (s.dtype === dtype ? s : te.cast(s, dtype)));
      const [first = ops.toExpr(0, dtype), ...rest] = sizes;
      return te.compute(
        shape,
        (...i) => {
          const at = flatIndex(i, shape);
          return rest.reduce<Expr>((e, s, k) => ops.select(ops.eq(at, ops.toExpr(k + 1)), s, e), first);
        },
        "sizes",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
