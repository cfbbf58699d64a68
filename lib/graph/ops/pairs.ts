/**
 * Products of small integers, two at a time: `pairs` puts neighbours along an axis together, and products with the
 * attribute `pairs` take operands of such pairs (lib/arith/pairs.ts). The rest of the product stays as it is.
 */
import { pairOf, pairProduct, simplify } from "../../arith/index.ts";
import { constInt, type DType, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf, broadcastShapes, type Size, sameSize } from "../shape.ts";

/** The attribute of a product whose operands are pairs. */
export const PAIRS = {
  doc: "operands are i32 that hold two factors each, as `pairs` makes them",
  default: false,
} as const;

/** How a product multiplies two elements. */
export const productOf = (c: OpArgs): ((a: Expr, b: Expr) => Expr) =>
  c.flag("pairs") ? pairProduct : ops.mul;

/** Throws where operands cannot be pairs, or the sum is not what pairs add up to. */
export function checkPairs(c: OpArgs): void {
  if (!c.flag("pairs")) return;
  const dtypes = [c.tensor(0).dtype, c.tensor(1).dtype, c.str("outDtype") || "i32"];
  if (dtypes.some((t) => t !== "i32"))
    c.refuse(`pairs are i32, and so are sums of them; got ${dtypes.join(", ")}`);
}

const FACTORS: readonly DType[] = ["i8", "u8", "i32"];

const pairsAlong = (c: OpArgs): { readonly axis: number; readonly size: Size } => {
  const { shape } = c.tensor(0);
  const axis = axisOf(c.op, c.num("axis"), shape.length);
  return { axis, size: shape[axis] };
};

/** The zero point of an element: it broadcasts to the data. */
function zeroAt(zero: te.Tensor, i: readonly Expr[]): Expr {
  const from = i.length - zero.shape.length;
  return zero.get(zero.shape.map((s, d) => (constInt(s) === 1 ? ops.toExpr(0) : i[from + d])));
}

export const PAIR_OPS = {
  pairs: {
    doc: "neighbours along an axis (less their zero points) two by two in one i32, the low 16 bits of each; 0 beside the last of an odd number",
    args: [
      { name: "data", kind: "tensor" },
      { name: "zeroPoint", kind: "tensor", optional: true },
    ],
    attrs: { axis: { doc: "along which axis", default: -1 } },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (!FACTORS.includes(x.dtype)) c.refuse(`it is for ${FACTORS.join(", ")}, not ${x.dtype}`);
      if (c.has(1)) {
        const zero = c.tensor(1);
        if (zero.dtype !== x.dtype) c.refuse(`its zero point must be ${x.dtype}, not ${zero.dtype}`);
        const both = broadcastShapes(c.op, [x.shape, zero.shape]);
        if (both.length !== x.shape.length || both.some((s, d) => !sameSize(s, x.shape[d])))
          c.refuse("its zero point does not broadcast to its data");
      }
      const { axis, size } = pairsAlong(c);
      const half = simplify(ops.floordiv(ops.add(size, 1), 2));
      return { ...x, dtype: "i32", shape: x.shape.map((s, d) => (d === axis ? half : s)) };
    },
    te: (c) => {
      const x = c.x(0);
      const { axis, size } = pairsAlong(c);
      const n = constInt(size);
      const wide = (e: Expr): Expr => (e.dtype === "i32" ? e : te.cast(e, "i32"));
      const at = (i: readonly Expr[], k: number): Expr => {
        const j = i.map((e, d) => (d === axis ? ops.add(ops.mul(e, 2), k) : e));
        return c.has(1) ? ops.sub(wide(x.get(j)), wide(zeroAt(c.x(1), j))) : wide(x.get(j));
      };
      return te.compute(
        c.out().shape,
        (...i) => {
          const there = ops.lt(ops.add(ops.mul(i[axis], 2), 1), size);
          const even = n !== undefined && n % 2 === 0;
          const second = even ? at(i, 1) : ops.select(there, at(i, 1), ops.toExpr(0, "i32"));
          return pairOf(at(i, 0), second);
        },
        "pairs",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
