/** Poolings to a given size: the windows follow from it (PyTorch's adaptive poolings). */
import { constInt, type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { product, type Size } from "../shape.ts";
import { castTo } from "./elementwise-form.ts";
import { sumType } from "./te-reduce.ts";
import { ceildiv } from "./window.ts";

/** The first element of window `o`, and the one behind the last: windows may overlap, and leave nothing out. */
const firstOf = (o: Expr, size: Size, out: Size): Expr => ops.floordiv(ops.mul(o, size), out);
const endOf = (o: Expr, size: Size, out: Size): Expr => {
  const n = constInt(out);
  const top = ops.mul(ops.add(o, 1), size);
  return n === undefined ? ops.floordiv(ops.add(top, ops.sub(out, 1)), out) : ceildiv(top, n);
};

/** No window is longer. */
function longest(size: Size, out: Size): Size {
  const [s, n] = [constInt(size), constInt(out)];
  if (s === undefined || n === undefined) return size;
  let most = 1;
  for (let o = 0; o < n; o++) {
    most = Math.max(most, Math.ceil(((o + 1) * s) / n) - Math.floor((o * s) / n));
  }
  return ops.toExpr(most);
}

function outSizes(c: OpArgs): { own: readonly Size[]; out: readonly Size[] } {
  const x = c.tensor(0);
  const out = c.shape(1);
  if (x.shape.length !== out.length + 2)
    c.refuse(`${out.length} sizes need data of ${out.length + 2} axes, it has ${x.shape.length}`);
  for (const s of out) if ((constInt(s) ?? 1) < 1) c.refuse(`${constInt(s)} is no size of a result`);
  return { own: x.shape.slice(2), out };
}

function adaptive(doc: string, combiner: "sum" | "max"): OpDef {
  return {
    doc,
    args: [
      { name: "data", kind: "tensor" },
      { name: "size", kind: "shape" },
    ],
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (combiner === "sum" && !isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
      if (x.dtype === "bool") c.refuse("it is for numbers, not bool");
      return { ...x, shape: [...x.shape.slice(0, 2), ...outSizes(c).out] };
    },
    te: (c) => {
      const { own, out } = outSizes(c);
      const x = c.x(0);
      const inside = combiner === "sum" ? sumType(x.dtype) : x.dtype;
      const none = combiner === "sum" ? ops.toExpr(0, inside) : ops.minValue(inside);
      const axes = own.map((s, d) => te.reduceAxis(longest(s, out[d]), `k${d}`));
      const { shape } = c.out();
      const pooled = te.compute(
        shape,
        (...i) => {
          const at = axes.map((k, d) => ops.add(firstOf(i[d + 2], own[d], out[d]), k.v));
          const within = ops.allOf(
            at.map((p, d) => {
              const even = (constInt(own[d]) ?? 1) % (constInt(out[d]) ?? 2) === 0;
              return even ? undefined : ops.lt(p, endOf(i[d + 2], own[d], out[d]));
            }),
          );
          const value = castTo(x.get([i[0], i[1], ...at]), inside);
          return te[combiner](within ? ops.select(within, value, none) : value, axes);
        },
        combiner === "sum" ? "pool_sum" : "adaptive_max_pool",
      );
      if (combiner === "max") return pooled;
      return te.compute(
        shape,
        (...i) => {
          const lengths = own.map((s, d) =>
            ops.sub(endOf(i[d + 2], s, out[d]), firstOf(i[d + 2], s, out[d])),
          );
          return castTo(ops.div(pooled.get(i), te.cast(product(lengths), inside)), x.dtype);
        },
        "adaptive_avg_pool",
      );
    },
  };
}

export const POOL_ADAPTIVE = {
  "nn.adaptiveAvgPool": adaptive(
    "the means of windows that divide data [N, C, sizes…] into a given size",
    "sum",
  ),
  "nn.adaptiveMaxPool": adaptive(
    "the greatest elements of windows that divide data [N, C, sizes…] into a given size",
    "max",
  ),
} as const satisfies Record<string, OpDef>;
