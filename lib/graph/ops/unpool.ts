/** The way back from poolings. */
import {
  type Expr,
  load,
  ops,
  type PrimFunc,
  primFunc,
  seq,
  store,
  type TensorType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpDef, TypedCall } from "../op.ts";
import { sameShape } from "../shape.ts";
import { argumentBuffers, bufferOf, nest } from "./prim.ts";
import { unflatten } from "./te-index.ts";

/** Zeros everywhere but at the positions, which are counted in the second shape. */
function unpool(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["data", "positions"]);
  const [x, positions] = args;
  const out = bufferOf(c.out(), "unpooled");
  const spatial = (name: string, shape: readonly Expr[]) =>
    shape.map((s, d) => [`${name}${d}`, "S", s] as const);
  const cleared = nest("cleared", spatial("i", out.shape), (...i) => store(out, i, ops.toExpr(0, x.dtype)));
  // Two elements may have one position: the last one stands.
  const scattered = nest(
    "scattered",
    spatial("i", x.shape).map(([n, , s]) => [n, "O", s] as const),
    (...i) => {
      const at = unflatten(te.cast(load(positions, i), "i32"), c.shape(2));
      return store(out, at, load(x, i));
    },
  );
  return primFunc([...args, out], seq([cleared, scattered]));
}

export const UNPOOL = {
  "nn.maxUnpool": {
    doc: "zeros of a size with the data at positions, which count row by row in another size (ONNX MaxUnpool)",
    args: [
      { name: "data", kind: "tensor" },
      { name: "positions", kind: "tensor" },
      { name: "counted", kind: "shape" },
      { name: "size", kind: "shape" },
    ],
    infer: (c): TensorType => {
      const [x, p] = [c.tensor(0), c.tensor(1)];
      if (p.dtype !== "i64" || !sameShape(p.shape, x.shape))
        c.refuse("its positions must be i64, of the shape of the data");
      for (const k of [2, 3]) {
        if (c.shape(k).length !== x.shape.length) c.refuse(`its sizes must be ${x.shape.length} numbers`);
      }
      return { ...x, shape: c.shape(3) };
    },
    prim: unpool,
  },
} as const satisfies Record<string, OpDef>;
