import assert from "node:assert/strict";
import {
  axis,
  block,
  buffer,
  call,
  constant,
  type Expr,
  ifThen,
  letIn,
  load,
  loop,
  ops,
  primFunc,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { countFlops } from "../../../lib/runtime/index.ts";

const f32 = (x: number) => constant(x, "f32");
const A = buffer("A", [1000]);
const at = (i: Expr) => load(A, [i]);
const plus = (i: Expr) => store(A, [i], ops.add(at(i), 1));

describe("countFlops", () => {
  it("counts what floats do, once each", () => {
    const i = variable("i");
    const x = at(i);
    const value = ops.select(ops.gt(x, 0), ops.max(ops.mul(x, 2), call("exp", [x])), f32(0)); // select, max, mul, exp
    assert.equal(countFlops(primFunc([A], loop(i, 10, store(A, [ops.mul(i, 1)], value)))), 40);
  });

  it("symbolic sizes by name; unknown ones give undefined", () => {
    const n = variable("n");
    const N = buffer("N", [n]);
    const i = variable("i");
    const f = primFunc([N], loop(i, n, store(N, [i], ops.add(load(N, [i]), 1))));
    assert.equal(countFlops(f, { n: 7 }), 7);
    assert.equal(countFlops(f, new Map([[n.id, 9]])), 9);
    assert.equal(countFlops(f), undefined);
  });

  it("predicates of uneven tiles", () => {
    const [i0, i1, k] = ["i0", "i1", "k"].map((x) => variable(x));
    const index = ops.add(ops.mul(i0, 32), i1);
    const v = axis("v", "S", 127, index);
    const r = axis("r", "R", 1_000_000, k);
    const body = block({
      name: "b",
      axes: [v, r],
      predicate: ops.lt(index, 127),
      init: store(A, [v.v], f32(0)),
      body: plus(v.v),
    });
    assert.equal(countFlops(primFunc([A], loop(i0, 4, loop(i1, 32, loop(k, 1_000_000, body))))), 127_000_000);
  });

  it("predicates over rows and columns are counted apart", () => {
    const [i0, i1, j0, j1] = ["i0", "i1", "j0", "j1"].map((x) => variable(x));
    const [row, column] = [ops.add(ops.mul(i0, 32), i1), ops.add(ops.mul(j0, 64), j1)];
    const axes = [axis("vi", "S", 10_000, row), axis("vj", "S", 5_000, column)];
    const predicate = ops.and(ops.lt(row, 10_000), ops.lt(column, 5_000));
    const body = block({ name: "b", axes, predicate, body: plus(constant(0)) });
    const nest = loop(i0, 313, loop(j0, 79, loop(i1, 32, loop(j1, 64, body))));
    assert.equal(countFlops(primFunc([A], nest)), 50_000_000);
  });

  it("a predicate over loops outside the nest, and one that ties two loops", () => {
    const [i, j, k] = ["i", "j", "k"].map((x) => variable(x));
    const axes = [axis("vj", "S", 10, j), axis("vk", "S", 10, k)];
    const below = block({
      name: "b",
      axes,
      predicate: ops.and(ops.lt(i, 3), ops.lt(k, j)),
      body: plus(constant(0)),
    });
    const inner = loop(j, 10, loop(k, 10, below));
    assert.equal(countFlops(primFunc([A], loop(i, 7, seq([inner, plus(i)])))), 3 * 45 + 7);
  });

  it("triangles, lets and conditions", () => {
    const [i, j] = [variable("i"), variable("j")];
    assert.equal(countFlops(primFunc([A], loop(i, 10, loop(j, i, plus(j))))), 45);
    const twice = variable("twice");
    const odd = ifThen(ops.eq(ops.floormod(twice, 4), 0), plus(i), seq([plus(i), plus(i)]));
    assert.equal(countFlops(primFunc([A], loop(i, 10, letIn(twice, ops.mul(i, 2), odd)))), 5 + 10);
  });

  it("where the data decide, the larger side", () => {
    const i = variable("i");
    const f = loop(i, 1_000_000_000, ifThen(ops.gt(at(i), 0), plus(i), seq([plus(i), plus(i)])));
    assert.equal(countFlops(primFunc([A], f)), 2_000_000_000);
  });

  it("an init with work runs in the first reduction step alone", () => {
    const [i, k] = [variable("i"), variable("k")];
    const v = axis("v", "S", 4, i);
    const r = axis("r", "R", 8, k);
    const body = block({ name: "b", axes: [v, r], init: plus(v.v), body: plus(v.v) });
    assert.equal(countFlops(primFunc([A], loop(i, 4, loop(k, 8, body)))), 4 * 8 + 4);
  });

  it("gives up on what would take too long", () => {
    const [i, j] = [variable("i"), variable("j")];
    const odd = ifThen(ops.eq(ops.floormod(ops.add(i, j), 2), 0), plus(j));
    assert.equal(countFlops(primFunc([A], loop(i, 100_000, loop(j, 100_000, odd)))), undefined);
  });
});
