/** adjustMatmulOrder: of (a b) c and a (b c) the one with fewer multiplications. */
import type { GraphExpr, GraphFunc, OpCall } from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { constShape } from "../shape.ts";
import { graphPass, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { countUses } from "./uses.ts";

/**
 * Chains of three matrices are multiplied in the cheaper order, where the inner product is used nowhere else and all
 * sizes are known: a LoRA's x (A B) becomes (x A) B. The sums are formed in another order, so that results differ by
 * rounding.
 */
export const adjustMatmulOrder: Pass = graphPass("adjustMatmulOrder", adjusted);

function adjusted(f: GraphFunc): GraphFunc {
  const uses = countUses(f.body);
  const known = new Map<number, OpCall>();
  const inner = (e: GraphExpr): OpCall | undefined =>
    e.kind === "graphVar" && uses.get(e.id) === 1 ? known.get(e.id) : undefined;
  return rewriteFunc(f, {
    value: (e, at) => {
      if (e.kind !== "opCall" || !isProduct(e)) return e;
      const [x, y] = e.args;
      const [left, right] = [inner(x), inner(y)];
      let best = e;
      if (left) {
        const [a, b] = left.args;
        const cost = work(a, b) + product(rows(a), columns(b), columns(y));
        const other = work(b, y) + product(rows(a), rows(b), columns(y));
        if (other < cost) best = callOp("matmul", [a, at.emit(callOp("matmul", [b, y], e.attrs))], e.attrs);
      }
      if (right && best === e) {
        const [b, c] = right.args;
        const cost = work(b, c) + product(rows(x), columns(x), columns(c));
        const other = work(x, b) + product(rows(x), columns(b), columns(c));
        if (other < cost) best = callOp("matmul", [at.emit(callOp("matmul", [x, b], e.attrs)), c], e.attrs);
      }
      if (at.binding.kind === "bind") known.set(at.binding.v.id, best);
      return best;
    },
  });
}

const shape = (e: GraphExpr): number[] => (e.type.kind === "tensor" ? (constShape(e.type.shape) ?? []) : []);
const rows = (e: GraphExpr): number => shape(e)[0];
const columns = (e: GraphExpr): number => shape(e)[1];
const product = (...xs: number[]): number => xs.reduce((a, b) => a * b, 1);
const work = (a: GraphExpr, b: GraphExpr): number => product(rows(a), columns(a), columns(b));

/** A product of two matrices of known sizes. */
const isProduct = (e: OpCall): boolean =>
  e.op === "matmul" && !e.attrs.outDtype && e.args.every((a) => shape(a).length === 2);
