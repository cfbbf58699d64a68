/** Products of small integers two at a time: the same sums as one at a time, in one instruction where there is one. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { factorsOfPairs, pairOf, pairProduct } from "../../../../lib/arith/index.ts";
import { callOp, GraphError } from "../../../../lib/graph/index.ts";
import { constantOf, type DType, ops, type PrimFunc, visitExpr } from "../../../../lib/ir/index.ts";
import { build } from "../../../../lib/runtime/index.ts";
import { te } from "../../../../lib/te/index.ts";
import { defaultSchedule } from "../../../../lib/tune/default/index.ts";
import { Numbers } from "../../../support/nd.ts";
import { nd, runOp } from "../../../support/run-op.ts";
import { assertSame, rng } from "../../wasm/harness.ts";

/** sum over k of the products of pairs, [m, k] times [k, n]. */
function product(m: number, k: number, n: number): PrimFunc {
  const [A, B] = [te.placeholder([m, k], "A", "i32"), te.placeholder([k, n], "B", "i32")];
  const r = te.reduceAxis(k);
  const C = te.compute([m, n], (i, j) => te.sum(pairProduct(A.at(i, r.v), B.at(r.v, j)), r), "C");
  return te.createPrimFunc([A, B, C]);
}

/** Pairs of any bits, the least numbers of both halves among them. */
function pairs(shape: readonly number[], seed: number): { data: Int32Array; shape: number[]; dtype: DType } {
  const next = rng(seed);
  const n = shape.reduce((a, b) => a * b, 1);
  const ends = [-0x7fff8000, -0x80000000, 0x7fff7fff, -1, 0, 0x8000, -0x80000000 + 0x7fff];
  const data = Int32Array.from({ length: n }, () =>
    next() < 0.4 ? ends[Math.floor(next() * ends.length)] : (next() * 2 ** 32) | 0,
  );
  return { data, shape: [...shape], dtype: "i32" };
}

const size = (max: number) => fc.integer({ min: 1, max });

describe("pairs of small integers", function () {
  this.timeout(120_000);

  it("an expression is a product of pairs, or none", () => {
    const x = te.placeholder([2], "x", "i32");
    const [a, b] = [x.at(0), x.at(1)];
    const e = pairProduct(a, b);
    assert.deepEqual(factorsOfPairs(e), [a, b]);
    let loads = 0;
    visitExpr(e, (y) => void (loads += y.kind === "load" ? 1 : 0));
    assert.equal(loads, 4);
    if (e.kind !== "binary") assert.fail();
    const other = pairProduct(b, a);
    if (other.kind !== "binary") assert.fail();
    // The halves of different numbers, the sum of other things, a part alone.
    for (const no of [{ ...e, a: other.a }, ops.add(a, b), e.a, ops.mul(a, b), pairOf(a, b)])
      assert.equal(factorsOfPairs(no), undefined);
  });

  it("sums of any bits wrap alike, interpreted and in vectors, whole tiles or not", () => {
    fc.assert(
      fc.property(size(9), size(7), size(40), size(1000), (m, k, n, seed) => {
        const f = defaultSchedule(product(m, k, n));
        const c = { data: new Int32Array(m * n), shape: [m, n], dtype: "i32" as DType };
        assertSame(f, [pairs([m, k], seed), pairs([k, n], seed + 1), c]);
      }),
      { numRuns: 25, seed: 20261122 },
    );
  });

  it("products are one instruction for four sums", async () => {
    const lib = await build(defaultSchedule(product(64, 32, 64)));
    const wat = lib.source("wat");
    assert.match(wat, /i32x4\.dot_i16x8_s/);
    assert.doesNotMatch(wat, /i32x4\.mul|shr_s/);
  });

  it("neighbours less their zero points, an odd number of them too", async () => {
    const x = nd([2, 3], [1, 2, 250, 4, 5, 6], "u8");
    const low = (n: number): number => n & 0xffff;
    const [y] = await runOp("pairs", [x, nd([], [128], "u8")]);
    assert.deepEqual(y.shape, [2, 2]);
    const want = [
      [-127, -126],
      [122, 0],
      [-124, -123],
      [-122, 0],
    ].map(([a, b]) => low(a) | (b << 16));
    assert.deepEqual([...y.data], want);
    const [z] = await runOp("pairs", [x, nd([2, 1], [1, 4], "u8")], { axis: 0 });
    assert.deepEqual([...z.data], [0, 1 | (1 << 16), 249 | (2 << 16)]);
  });

  it("matrix products and convolutions of pairs are those of the numbers", async () => {
    const r = new Numbers(5);
    for (const k of [1, 2, 7, 16]) {
      const [a, b] = [r.ints([2, 5, k], "i32", -255, 255), r.ints([k, 9], "i32", -255, 255)];
      const [want] = await runOp("matmul", [a, b]);
      const [pa] = await runOp("pairs", [a]);
      const [pb] = await runOp("pairs", [b], { axis: 0 });
      const [got] = await runOp("matmul", [nd(pa.shape, pa.data, "i32"), nd(pb.shape, pb.data, "i32")], {
        pairs: true,
      });
      assert.deepEqual([...got.data], [...want.data], `${k} terms`);
    }
    for (const groups of [1, 2]) {
      const x = r.ints([1, 4, 7, 6], "i32", -255, 255);
      const w = r.ints([6, 4 / groups, 3, 3], "i32", -255, 255);
      const attrs = { groups, padding: [1, 1, 1, 1], strides: [2, 1] };
      const [want] = await runOp("nn.conv2d", [x, w], attrs);
      const [px] = await runOp("pairs", [x], { axis: 1 });
      const [pw] = await runOp("pairs", [w], { axis: 1 });
      const [got] = await runOp("nn.conv2d", [nd(px.shape, px.data, "i32"), nd(pw.shape, pw.data, "i32")], {
        ...attrs,
        pairs: true,
      });
      assert.deepEqual([...got.data], [...want.data], `${groups} groups`);
    }
  });

  it("what cannot be pairs is refused", () => {
    const x = (dtype: DType, ...shape: number[]) =>
      constantOf(nd(shape, new Array(shape.reduce((a, b) => a * b, 1)).fill(0), dtype));
    assert.throws(() => callOp("pairs", [x("f32", 2)]), GraphError);
    assert.throws(() => callOp("pairs", [x("u8", 2), x("i8")]), /zero point must be u8/);
    assert.throws(() => callOp("pairs", [x("u8", 2), x("u8", 3)]), GraphError);
    assert.throws(() => callOp("pairs", [x("u8", 2), x("u8", 2, 2)]), /does not broadcast/);
    assert.throws(() => callOp("matmul", [x("i8", 2, 2), x("i8", 2, 2)], { pairs: true }), /pairs are i32/);
  });
});
