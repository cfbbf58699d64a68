import assert from "node:assert/strict";
import { constant, type Expr, type For, loop, type Ranges, seq, variable } from "../../../lib/ir/index.ts";
import * as ops from "../../../lib/ir/ops.ts";
import { areAffine } from "../../../lib/schedule/affine-bindings.ts";

const loops = (...extents: (number | Expr)[]): { vs: Expr[]; ls: For[]; ranges: Ranges } => {
  const ls = extents.map((n, i) => loop(variable("ijkl"[i]), n, seq([])));
  const ranges = new Map(
    ls.map((l) => [
      l.v.id,
      { min: 0, max: l.extent.kind === "const" ? Number(l.extent.value) - 1 : Number.POSITIVE_INFINITY },
    ]),
  );
  return { vs: ls.map((l) => l.v), ls, ranges };
};

const check = (extents: (number | Expr)[], make: (...vs: Expr[]) => Expr[]): boolean => {
  const { vs, ls, ranges } = loops(...extents);
  return areAffine(make(...vs), ls, ranges);
};

describe("affine bindings", () => {
  it("takes loops, tiles and fused loops", () => {
    assert.ok(check([4, 8], (i, j) => [i, j]));
    assert.ok(check([4, 8], (i, j) => [ops.add(ops.mul(i, 8), j)]));
    assert.ok(check([17, 8], (i, j) => [ops.add(ops.mul(i, 8), j)]));
    assert.ok(check([32], (f) => [ops.floordiv(f, 8), ops.floormod(f, 8)]));
    assert.ok(
      check([130], (f) => [
        ops.floordiv(f, 13),
        ops.floordiv(ops.floormod(f, 13), 5),
        ops.floormod(ops.floormod(f, 13), 5),
      ]) === false,
      "13 is no multiple of 5: (f % 13) // 5 and its remainder are no digits of f",
    );
  });

  it("takes a fuse that is split off the old borders", () => {
    const f = (i: Expr, j: Expr) => ops.add(ops.mul(i, 30), j);
    assert.ok(check([5, 30], (i, j) => [ops.floordiv(f(i, j), 8), ops.floormod(f(i, j), 8)]));
  });

  it("takes constants, variables from outside and unit loops", () => {
    const outer = variable("v");
    assert.ok(check([4], (i) => [ops.add(ops.mul(outer, 4), i), constant(0)]));
    assert.ok(check([4, 1], (i, u) => [ops.add(i, u)]));
    assert.ok(check([4], (i) => [ops.sub(constant(3), i)]));
  });

  it("takes symbolic extents, and a fuse of them", () => {
    const n = variable("n");
    assert.ok(check([n, 8], (i, j) => [ops.add(ops.mul(i, 8), j)]));
    assert.ok(!check([n, 8], (i, j) => [ops.add(i, ops.mul(j, 8))]));
    const m = variable("m");
    assert.ok(check([ops.mul(m, n)], (f) => [ops.floordiv(f, n), ops.floormod(f, n)]));
    assert.ok(!check([ops.mul(m, n)], (f) => [ops.floordiv(f, n), ops.floormod(f, m)]));
  });

  it("takes uneven tiles of uneven tiles when the predicate bounds them", () => {
    const { vs, ls, ranges } = loops(3, 2, 3);
    const [i, j, k] = vs;
    const tile = ops.add(ops.mul(j, 3), k);
    const binding = [ops.add(ops.mul(i, 5), tile)];
    assert.ok(!areAffine(binding, ls, ranges));
    assert.ok(areAffine(binding, ls, ranges, ops.lt(tile, 5)));
    assert.ok(areAffine(binding, ls, ranges, ops.and(ops.lt(binding[0], 13), ops.lt(tile, 5))));
    assert.ok(!areAffine(binding, ls, ranges, ops.lt(tile, 6)));
  });

  it("refuses overlap within an axis and between axes", () => {
    assert.ok(!check([8, 3], (i, r) => [ops.add(i, r)]));
    assert.ok(!check([8], (i) => [i, i]));
    assert.ok(!check([64], (i) => [ops.floordiv(i, 4), ops.floormod(i, 8)]));
    assert.ok(!check([48], (i) => [ops.floordiv(i, 8), ops.floormod(ops.floormod(i, 12), 8)]));
  });

  it("refuses products and minima of loops", () => {
    assert.ok(!check([4, 4], (i, j) => [ops.mul(i, j)]));
    assert.ok(!check([4], (i) => [ops.min(i, 2)]));
  });
});
