/** Operators that compute each element from the elements at the same place; shapes broadcast as in numpy. */
import { type DType, type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import { broadcastIndex } from "./te-index.ts";

type Binary = (a: Expr, b: Expr) => Expr;
type Unary = (x: Expr) => Expr;

const X = [{ name: "x", kind: "tensor" }] as const;
const AB = [
  { name: "a", kind: "tensor" },
  { name: "b", kind: "tensor" },
] as const;

function sameDtype(c: OpArgs): DType {
  const [a, b] = [c.tensor(0), c.tensor(1)];
  if (a.dtype !== b.dtype) c.refuse(`its operands are ${a.dtype} and ${b.dtype}; convert one with R.astype`);
  return a.dtype;
}

/** Two operands of one dtype. `result`: the dtype of the result, that of the operands otherwise. */
function binary(doc: string, f: Binary, result?: DType): OpDef {
  return {
    doc,
    args: AB,
    infer: (c): TensorType => {
      const dtype = sameDtype(c);
      const shape = broadcastShapes(c.op, [c.tensor(0).shape, c.tensor(1).shape]);
      return { kind: "tensor", dtype: result ?? dtype, shape };
    },
    te: (c) => {
      const [a, b] = [c.x(0), c.x(1)];
      const name = c.op;
      return te.compute(
        c.out().shape,
        (...i) => f(a.get(broadcastIndex(a, i)), b.get(broadcastIndex(b, i))),
        name,
      );
    },
  };
}

/** One operand. `takes`: which dtypes. */
function unary(doc: string, f: Unary, takes: "float" | "number" | "any" = "number", result?: DType): OpDef {
  return {
    doc,
    args: X,
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (takes === "float" && !isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
      if (takes === "number" && x.dtype === "bool") c.refuse("it is for numbers, not bool");
      return { ...x, dtype: result ?? x.dtype };
    },
    te: (c) => te.compute(c.out().shape, (...i) => f(c.x(0).get(i)), c.op.split(".").at(-1)),
  };
}

export const ELEMENTWISE = {
  add: binary("a + b", ops.add),
  subtract: binary("a - b", ops.sub),
  multiply: binary("a * b", ops.mul),
  maximum: binary("the greater of a and b; NaN where one is NaN", ops.max),
  minimum: binary("the smaller of a and b; NaN where one is NaN", ops.min),
  equal: binary("a == b", ops.eq, "bool"),
  less: binary("a < b", ops.lt, "bool"),
  exp: unary("e to the power of x", ops.exp, "float"),
  sqrt: unary("square root", ops.sqrt, "float"),
  tanh: unary("hyperbolic tangent", ops.tanh, "float"),
  "nn.relu": unary("max(x, 0)", (x) => ops.max(x, ops.toExpr(0, x.dtype))),
} as const satisfies Record<string, OpDef>;
