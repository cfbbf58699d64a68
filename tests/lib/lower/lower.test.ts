/** Lowering: what each pass leaves, and that programs mean the same after it. */
import assert from "node:assert/strict";
import { LOWER_PASSES, lower } from "../../../lib/codegen/lower/index.ts";
import { allocations } from "../../../lib/codegen/lower/storage.ts";
import {
  axis,
  block,
  buffer,
  constant,
  constInt,
  type Expr,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  store,
  variable,
  visitStmt,
} from "../../../lib/ir/index.ts";
import { assertSame, randomArray, rng } from "../wasm/harness.ts";
import { tiledMatmul } from "../wasm/matmul.ts";

const { add, mul, sub } = ops;

function check(f: PrimFunc): void {
  const next = rng(5);
  const args = f.params.map((p) => {
    assert.ok(p.kind === "buffer");
    const shape = p.shape.map((e) => constInt(e) ?? 0);
    return {
      dtype: p.dtype,
      shape,
      data: randomArray(
        p.dtype,
        shape.reduce((a, b) => a * b, 1),
        next,
      ),
    };
  });
  assertSame(f, args, { rtol: 1e-5, atol: 1e-5 });
}

/** Shapes of what is allocated after lowering, by name. */
function shapes(f: PrimFunc): Record<string, number[]> {
  const { body } = lower(f);
  return Object.fromEntries(allocations(body).map((b) => [b.name, b.shape.map((e) => constInt(e) ?? -1)]));
}

/** `for i: T[i + d] = A[i + d] for d in window; B[i] = sum of T[reads]` */
function sliding(n: number, writes: readonly number[], reads: readonly number[]): PrimFunc {
  const A = buffer("A", [n + 4]);
  const T = buffer("T", [n + 4]);
  const B = buffer("B", [n]);
  const i = variable("i");
  const w = writes.map((d) => store(T, [add(i, d)], mul(load(A, [add(i, d)]), constant(2, "f32"))));
  const sum = reads.map((d): Expr => load(T, [add(i, d)])).reduce((a, b) => add(a, b));
  return primFunc([A, B], loop(i, n, seq([...w, store(B, [i], sum)])), { allocs: [T] });
}

describe("lower", () => {
  it("has passes with names and reasons", () => {
    assert.equal(new Set(LOWER_PASSES.map((p) => p.name)).size, LOWER_PASSES.length);
    assert.ok(LOWER_PASSES.every((p) => p.reason.length > 10));
  });

  it("leaves no axes, predicates, inits or unrolled loops", () => {
    const f = tiledMatmul({ m: 8, n: 16, k: 4, mr: 4, nr: 8, packB: true, local: true, unrollK: 1 });
    visitStmt(lower(f).body, {
      stmt: (s: Stmt) => {
        if (s.kind === "block") assert.ok(s.axes.length === 0 && !s.init && !s.predicate);
        assert.ok(s.kind !== "for" || s.loopKind !== "unrolled");
      },
    });
  });

  it("compacts packed panels and accumulator tiles", () => {
    const f = tiledMatmul({ m: 16, n: 32, k: 8, mr: 4, nr: 8, packB: true, local: true, unrollK: 1 });
    assert.deepEqual(shapes(f), { B_packed: [8, 8], C_local: [4, 8] });
  });

  it("compacts a window that each iteration writes before it reads it", () => {
    const f = sliding(10, [0, 1, 2], [0, 1, 2]);
    assert.deepEqual(shapes(f), { T: [3] });
    check(f);
  });

  it("keeps what a later iteration reads", () => {
    const A = buffer("A", [11]);
    const T = buffer("T", [11]);
    const B = buffer("B", [10]);
    const i = variable("i");
    const first = store(T, [constant(0)], load(A, [constant(0)]));
    const body = seq([
      store(T, [add(i, 1)], add(load(T, [i]), load(A, [add(i, 1)]))),
      store(B, [i], load(T, [add(i, 1)])),
    ]);
    const f = primFunc([A, B], seq([first, loop(i, 10, body)]), { allocs: [T] });
    assert.deepEqual(shapes(f), { T: [11] });
    check(f);
  });

  it("keeps a buffer whose earlier elements an iteration still reads", () => {
    // Iteration i writes T[i+2] and reads T[i], written two iterations before (the first two are undefined: skipped).
    const n = 10;
    const A = buffer("A", [n + 4]);
    const T = buffer("T", [n + 4]);
    const B = buffer("B", [n]);
    const i = variable("i");
    const body = seq([
      store(T, [add(i, 2)], load(A, [add(i, 2)])),
      store(B, [i], ops.select(ops.ge(i, 2), load(T, [i]), constant(0, "f32"))),
    ]);
    const f = primFunc([A, B], loop(i, n, body), { allocs: [T] });
    assert.deepEqual(shapes(f), { T: [14] });
    check(f);
  });

  it("compacts a triangle to its bound", () => {
    const A = buffer("A", [8, 8]);
    const T = buffer("T", [8, 8]);
    const B = buffer("B", [8, 8]);
    const [i, j, k] = ["i", "j", "k"].map((x) => variable(x));
    const f = primFunc(
      [A, B],
      loop(
        i,
        8,
        seq([
          loop(j, add(i, 1), store(T, [i, j], load(A, [i, j]))),
          loop(k, add(i, 1), store(B, [i, k], load(T, [i, sub(i, k)]))),
        ]),
      ),
      { allocs: [T] },
    );
    assert.deepEqual(shapes(f), { T: [1, 8] });
    check(f);
  });

  it("says why a loop was not unrolled", () => {
    const n = variable("n");
    const A = buffer("A", [n]);
    const [i, j] = ["i", "j"].map((x) => variable(x));
    const zero = (v: Expr) => store(A, [v], constant(0, "f32"));
    const f = primFunc(
      [A],
      seq([
        loop(i, n, zero(i), { loopKind: "unrolled" }),
        loop(j, 100000, zero(j), { loopKind: "unrolled" }),
      ]),
    );
    const { notes } = lower(f);
    assert.match(notes[0], /loop i is not unrolled: its bounds are not constant/);
    assert.match(notes[1], /loop j is not unrolled: it would become 100000 stores/);
  });

  it("runs init in the first reduce instance only, whatever the loop order", () => {
    const A = buffer("A", [4, 6]);
    const B = buffer("B", [4]);
    const [k0, i, k1, vi, vk] = ["k0", "i", "k1", "vi", "vk"].map((x) => variable(x));
    const b = block({
      name: "B",
      axes: [axis(vi, "S", 4, i), axis(vk, "R", 6, add(mul(k0, 3), k1))],
      init: store(B, [vi], constant(1, "f32")),
      body: store(B, [vi], add(load(B, [vi]), load(A, [vi, vk]))),
    });
    check(primFunc([A, B], loop(k0, 2, loop(i, 4, loop(k1, 3, b)))));
  });
});
