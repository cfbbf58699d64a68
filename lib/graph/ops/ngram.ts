/** Counting of short sequences. */
import { constInt, type Expr, isInt, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { sameSize } from "../shape.ts";
import { reduceTo } from "./te-reduce.ts";

function check(c: OpArgs): TensorType {
  const [x, grams, lengths] = [c.tensor(0), c.tensor(1), c.tensor(2)];
  if (x.shape.length !== 1 && x.shape.length !== 2) c.refuse("x is one sequence, or a batch of them");
  if (!isInt(x.dtype) || grams.dtype !== x.dtype)
    c.refuse(`x is ${x.dtype}, the n-grams ${grams.dtype}: integers`);
  const fits = grams.shape.length === 2 && lengths.shape.length === 1 && lengths.dtype === "i32";
  if (!fits || !sameSize(grams.shape[0], lengths.shape[0]))
    c.refuse("the n-grams are rows, with as many lengths (i32)");
  if (constInt(grams.shape[1]) === undefined) c.refuse("the greatest length must be known");
  const skip = c.num("maxSkip");
  if (!Number.isSafeInteger(skip) || skip < 0) c.refuse(`maxSkip is a number of elements, not ${skip}`);
  return { kind: "tensor", dtype: "f32", shape: [...x.shape.slice(0, -1), grams.shape[0]] };
}

export const NGRAM = {
  ngramCount: {
    doc: "how often each n-gram occurs, with up to maxSkip elements left out between two of its own, as many each time",
    args: [
      { name: "x", kind: "tensor" },
      { name: "grams", kind: "tensor" },
      { name: "lengths", kind: "tensor" },
    ],
    attrs: { maxSkip: { doc: "the greatest distance is one more", default: 0 } },
    infer: check,
    te: (c) => {
      const [x, grams, lengths] = [c.x(0), c.x(1), c.x(2)];
      const columns = x.shape[x.shape.length - 1];
      const longest = constInt(grams.shape[1]) as number;
      const hit = (i: readonly Expr[], [skip, start]: readonly Expr[]): Expr => {
        const g = i[i.length - 1];
        const n = lengths.at(g);
        const step = ops.add(skip, 1);
        const last = ops.add(start, ops.mul(ops.sub(n, 1), step));
        // One element alone has no distance to skip.
        const counts = ops.and(ops.gt(n, 0), ops.or(ops.gt(n, 1), ops.eq(skip, 0)));
        const same = Array.from({ length: longest }, (_, k) => {
          const at = [...i.slice(0, -1), ops.add(start, ops.mul(step, k))];
          return ops.or(ops.le(n, k), ops.eq(x.get(at), grams.at(g, k)));
        });
        const all = ops.allOf([counts, ops.lt(last, columns), ...same]) as Expr;
        return te.cast(all, "f32");
      };
      // A distance beyond the sequence never occurs.
      const skips = Math.min(c.num("maxSkip"), constInt(columns) ?? Number.POSITIVE_INFINITY);
      const extents = [ops.toExpr(skips + 1), columns];
      return reduceTo("sum", c.out().shape, extents, hit, "ngramCount");
    },
  },
} as const satisfies Record<string, OpDef>;
