import assert from "node:assert/strict";
import { allclose, assertAllclose, Tensor } from "../../../lib/runtime/index.ts";

const NaN_ = Number.NaN;
const Inf = Number.POSITIVE_INFINITY;
const f64 = (xs: number[]) => Tensor.from(xs, undefined, "f64");

describe("allclose", () => {
  it("close tensors", () => {
    const r = allclose(f64([1, 2, 3]), f64([1, 2, 3.00001]));
    assert.equal(r.ok, true);
    assert.match(r.message, /^all 3 element\(s\) agree \(rtol 0.00001, atol 1e-8\)/);
    assert.deepEqual(r.worst?.index, [2]);
  });

  it("names the worst element, not the first", () => {
    const a = Tensor.from([
      [1, 2],
      [3, 4],
    ]);
    const b = Tensor.from([
      [1.5, 2],
      [3, 8],
    ]);
    const r = allclose(a, b);
    assert.deepEqual([r.ok, r.differing, r.size], [false, 2, 4]);
    assert.deepEqual(r.worst, { index: [1, 1], a: 4, b: 8, absolute: 4, relative: 0.5 });
    assert.throws(
      () => assertAllclose(a, b),
      /^Error: 2 of 4 element\(s\) differ by more than rtol 0.00001, atol 1e-8; worst at \[1, 1\]: 4 against 8 \(absolute 4, relative 0.5\)$/,
    );
  });

  it("tolerances count relative to the second", () => {
    assert.equal(allclose(f64([0]), f64([1e-9])).ok, true);
    assert.equal(allclose(f64([0]), f64([1e-7])).ok, false);
    assert.equal(allclose(f64([100]), f64([101]), { rtol: 0.01 }).ok, true);
    assert.equal(allclose(f64([101]), f64([100]), { rtol: 0.0099 }).ok, false);
    assert.equal(allclose(f64([1]), f64([1]), { rtol: 0, atol: 0 }).ok, true);
    assert.equal(allclose(f64([1]), f64([1 + 1e-15]), { rtol: 0, atol: 0 }).ok, false);
  });

  it("NaN is close to nothing unless asked for", () => {
    const r = allclose(f64([5, NaN_]), f64([9, NaN_]));
    assert.deepEqual([r.ok, r.worst?.index], [false, [1]]);
    assert.match(r.message, /NaN against NaN/);
    assert.equal(allclose(f64([NaN_]), f64([NaN_]), { equalNan: true }).ok, true);
    assert.equal(allclose(f64([NaN_]), f64([1]), { equalNan: true }).ok, false);
    assert.equal(allclose(f64([1]), f64([NaN_]), { equalNan: true }).ok, false);
  });

  it("infinities are close to themselves alone", () => {
    assert.equal(allclose(f64([Inf, -Inf]), f64([Inf, -Inf])).ok, true);
    assert.equal(allclose(f64([Inf]), f64([-Inf])).ok, false);
    assert.equal(allclose(f64([1e308]), f64([Inf])).ok, false);
  });

  it("integers, halves, bools, i64 beyond 2^53", () => {
    const of = (dtype: "i32" | "f16" | "bool", xs: number[]) => Tensor.from(xs, undefined, dtype);
    assert.equal(allclose(of("i32", [5]), of("i32", [5])).ok, true);
    assert.match(allclose(of("i32", [5]), of("i32", [6])).message, /5 against 6/);
    assert.equal(allclose(of("f16", [0.1]), Tensor.from([0.1]), { rtol: 1e-3 }).ok, true);
    assert.equal(allclose(of("bool", [1]), of("bool", [0])).ok, false);
    const big = 2n ** 60n;
    const r = allclose(Tensor.from([big]), Tensor.from([big + 1n]), { rtol: 0, atol: 0.5 });
    assert.deepEqual([r.ok, r.worst?.absolute], [false, 1]);
  });

  it("shapes must agree", () => {
    assert.throws(() => assertAllclose(f64([1]), f64([1, 2])), /shapes differ: \[1\] against \[2\]/);
    assert.equal(allclose(f64([1]), Tensor.full([], 1, "f64")).ok, false);
    assert.match(allclose(f64([]), f64([])).message, /no elements/);
    assert.match(allclose(Tensor.full([], 1), Tensor.full([], 2)).message, /the value: 1 against 2/);
  });
});
