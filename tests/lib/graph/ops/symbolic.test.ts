/** Inference with symbolic sizes gives, with numbers put in, what inference with numbers gives. */
import assert from "node:assert/strict";
import { simplify } from "../../../../lib/arith/index.ts";
import { callOp, type OpArg, R } from "../../../../lib/graph/index.ts";
import {
  type Attrs,
  constant,
  constInt,
  type DType,
  type Expr,
  ops,
  outputTypes,
  substExpr,
  variable,
} from "../../../../lib/ir/index.ts";

interface Sizes {
  readonly n: Expr;
  readonly m: Expr;
}
type Case = readonly [op: string, args: (s: Sizes) => readonly OpArg[], attrs?: Attrs];

const t = (shape: readonly (Expr | number)[], dtype: DType = "f32") => R.var("x", R.tensor(shape, dtype));
const { add, sub, mul } = ops;

const CASES: readonly Case[] = [
  ["add", ({ n, m }) => [t([n, 1, m]), t([n, 4, m])]],
  ["add", ({ n }) => [t([n, 3]), t([3])]],
  ["where", ({ n, m }) => [t([n, 1], "bool"), t([m]), t([])]],
  ["reshape", ({ n, m }) => [t([n, m, 4]), [mul(n, 2), -1]]],
  ["reshape", ({ n, m }) => [t([n, m, 4]), [-1]]],
  ["flatten", ({ n, m }) => [t([n, m, 4])], { axis: 1 }],
  ["squeeze", ({ n }) => [t([1, n, 1])]],
  ["expandDims", ({ n }) => [t([n])], { axis: [0, -1] }],
  ["permuteDims", ({ n, m }) => [t([n, m, 2])], { axes: [2, 0, 1] }],
  ["broadcastTo", ({ n, m }) => [t([1, n]), [m, n]]],
  ["broadcastTo", ({ n }) => [t([6]), [n, 6]]],
  ["tile", ({ n, m }) => [t([n, 2]), [2, m]]],
  ["concat", ({ n, m }) => [[t([n, 2]), t([m, 2]), t([3, 2])]], { axis: 0 }],
  ["split", ({ n }) => [t([n])], { sections: 3 }],
  ["split", ({ n, m }) => [t([n]), [m, sub(n, m)]]],
  ["stridedSlice", ({ n }) => [t([n]), [1], [sub(n, 1)]]],
  ["stridedSlice", ({ n, m }) => [t([n]), [0], [m]]],
  ["stridedSlice", ({ n }) => [t([n]), [-2], [2 ** 31 - 1]]],
  ["stridedSlice", ({ n, m }) => [t([n]), [sub(m, n)], [n]]],
  ["stridedSlice", ({ n }) => [t([n]), [-1], [-(2 ** 31) + 1], [-1]]],
  ["stridedSlice", ({ n, m }) => [t([n]), [n], [0], [sub(0, m)]]],
  ["stridedSlice", ({ n, m }) => [t([add(n, m)]), [1], [add(n, 1)], [2]]],
  ["nn.pad", ({ n, m }) => [t([n]), [m, 1]]],
  ["spaceToDepth", ({ n, m }) => [t([1, 3, mul(n, 2), mul(m, 2)])], { blockSize: 2 }],
  ["depthToSpace", ({ n, m }) => [t([1, 8, n, m])], { blockSize: 2 }],
  ["sum", ({ n, m }) => [t([n, m, 2])], { axis: [1], keepdims: true }],
  ["argmax", ({ n, m }) => [t([n, m])], { axis: 1 }],
  ["nn.softmax", ({ n, m }) => [t([n, m])]],
  ["nn.layerNorm", ({ n }) => [t([n, 8]), t([8])]],
  ["take", ({ n, m }) => [t([5, n]), t([m, 2], "i64")], { axis: 0 }],
  ["gatherElements", ({ n, m }) => [t([n, m]), t([n, 2], "i64")], { axis: 1 }],
  ["gatherNd", ({ n, m }) => [t([n, m, 2]), t([m, 1], "i64")]],
  ["scatterNd", ({ n, m }) => [t([n, 2]), t([m, 1], "i64"), t([m, 2])]],
  ["oneHot", ({ n, m }) => [t([n], "i64"), t([]), t([]), [m]]],
  ["arange", ({ n }) => [[n], t([], "i64"), t([], "i64")]],
  ["full", ({ n, m }) => [[n, m], t([])]],
  ["tril", ({ n, m }) => [t([n, m]), [sub(m, n)]]],
  ["topk", ({ n, m }) => [t([n]), [ops.min(n, m)]]],
  ["nonzero", ({ n, m }) => [t([n, m])]],
  ["unique", ({ n, m }) => [t([n, m])]],
  ["cumsum", ({ n, m }) => [t([n, m])], { axis: 1 }],
];

describe("symbolic sizes", () => {
  CASES.forEach(([op, args, attrs], k) => {
    it(`${op} (${k})`, () => {
      const [n, m] = [variable("n"), variable("m")];
      const symbolic = outputTypes(callOp(op, args({ n, m }), attrs).type);
      for (const [a, b] of [
        [6, 6],
        [7, 3],
        [9, 1],
        [6, 2],
      ]) {
        const concrete = outputTypes(callOp(op, args({ n: constant(a), m: constant(b) }), attrs).type);
        const values = new Map<number, Expr>([
          [n.id, constant(a)],
          [m.id, constant(b)],
        ]);
        assert.deepEqual(
          symbolic.map((x) => x.shape.map((s) => constInt(simplify(substExpr(s, values))))),
          concrete.map((x) => x.shape.map(constInt)),
          `n = ${a}, m = ${b}`,
        );
      }
    });
  });
});
