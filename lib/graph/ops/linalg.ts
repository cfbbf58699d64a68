/** Operators over matrices that are no products. */
import {
  type Buffer,
  buffer,
  type Expr,
  ifThen,
  isFloat,
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
import { sameSize } from "../shape.ts";
import { argumentBuffers, bufferOf, each, named, nest } from "./prim.ts";

const ZERO = ops.toExpr(0);

/** Elimination with the greatest element of a column as pivot; the result is the product of the pivots. */
function determinant(c: TypedCall): PrimFunc {
  const [a] = argumentBuffers(c, ["matrices"]);
  const out = bufferOf(c.out(), "determinants");
  const n = a.shape[a.shape.length - 1];
  const { dtype } = a;
  const work = buffer("work", [n, n], dtype);
  const pivot = buffer("pivot", [1], "i32");
  const result = buffer("result", [1], dtype);
  const at = (b: Buffer, ...i: Expr[]): Expr => load(b, i);
  const p = (): Expr => at(pivot, ZERO);
  const batch = out.shape.map((s, d) => [`b${d}`, "S", s] as const);
  const body = nest("det", batch, (...b) => [
    each("i", n, (i) => each("j", n, (j) => store(work, [i, j], load(a, [...b, i, j])))),
    store(result, [ZERO], ops.toExpr(1, dtype)),
    each("k", n, (k) => [
      store(pivot, [ZERO], k),
      each("i", ops.sub(ops.sub(n, k), 1), (r) =>
        named("row", ops.add(ops.add(k, 1), r), (i) =>
          ifThen(ops.gt(ops.abs(at(work, i, k)), ops.abs(at(work, p(), k))), store(pivot, [ZERO], i)),
        ),
      ),
      ifThen(
        ops.ne(p(), k),
        seq([
          store(result, [ZERO], te.neg(at(result, ZERO))),
          each("j", n, (j) =>
            named("upper", at(work, k, j), (upper) => [
              store(work, [k, j], at(work, p(), j)),
              store(work, [p(), j], upper),
            ]),
          ),
        ]),
      ),
      store(result, [ZERO], ops.mul(at(result, ZERO), at(work, k, k))),
      ifThen(
        ops.ne(at(work, k, k), ops.toExpr(0, dtype)),
        each("i", ops.sub(ops.sub(n, k), 1), (r) =>
          named("row", ops.add(ops.add(k, 1), r), (i) =>
            named("factor", ops.div(at(work, i, k), at(work, k, k)), (factor) =>
              each("j", ops.sub(n, k), (q) => {
                const j = ops.add(k, q);
                return store(work, [i, j], ops.sub(at(work, i, j), ops.mul(factor, at(work, k, j))));
              }),
            ),
          ),
        ),
      ),
    ]),
    store(out, b, at(result, ZERO)),
  ]);
  return primFunc([a, out], body, { allocs: [work, pivot, result] });
}

export const LINALG = {
  "linalg.det": {
    doc: "determinants of square matrices [.., n, n]",
    args: [{ name: "matrices", kind: "tensor" }],
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const rank = x.shape.length;
      if (!isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
      if (rank < 2 || !sameSize(x.shape[rank - 2], x.shape[rank - 1]))
        c.refuse("its matrices must be square");
      return { ...x, shape: x.shape.slice(0, -2) };
    },
    prim: determinant,
  },
} as const satisfies Record<string, OpDef>;
