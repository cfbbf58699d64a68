/** Loops of every kind against the interpreter: odd extents, strides, predicates, dependences, symbolic sizes. */
import assert from "node:assert/strict";
import type { BufferArg } from "../../../lib/codegen/index.ts";
import {
  axis,
  block,
  buffer,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  ifThen,
  type LoopKind,
  letIn,
  load,
  loop,
  newArray,
  ops,
  type PrimFunc,
  primFunc,
  select,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { assertSame, randomArray, rng } from "./harness.ts";
import { tiledMatmul } from "./matmul.ts";

const { add, mul, sub, lt, floordiv, floormod } = ops;
const f32 = (x: number): Expr => constant(x, "f32");

/** Arguments of constant shape, filled at random. */
function argsOf(f: PrimFunc, sizes: Record<string, number> = {}): (BufferArg | number)[] {
  const next = rng(7);
  return f.params.map((p) => {
    if (p.kind === "var") return 3;
    const shape = p.shape.map((e) =>
      e.kind === "var" ? sizes[e.name] : e.kind === "const" ? Number(e.value) : 0,
    );
    const n = shape.reduce((a, b) => a * b, 1);
    return { dtype: p.dtype, shape, data: randomArray(p.dtype, n, next) };
  });
}
const check = (f: PrimFunc, sizes?: Record<string, number>, o = {}) => assertSame(f, argsOf(f, sizes), o);
const CLOSE = { rtol: 1e-5, atol: 1e-5 };

describe("wasm loops", () => {
  for (const dtype of DTYPES) {
    it(`vectorised copies of ${dtype}, all extents and strides`, () => {
      for (const n of [1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 70, 131]) {
        for (const [read, write, at] of [
          [1, 1, 0],
          [1, 1, 3],
          [2, 1, 1],
          [3, 1, 2],
          [4, 1, 1],
          [5, 2, 0],
          [1, 3, 2],
          [-1, 1, 0],
          [-2, 1, 3],
        ]) {
          const A = buffer("A", [Math.abs(read) * n + at + 1], dtype);
          const B = buffer("B", [write * n + at], dtype);
          const i = variable("i");
          const from = read < 0 ? sub(n - 1, i) : add(mul(i, read), at);
          const body = store(B, [add(mul(i, write), at)], load(A, [from]));
          check(primFunc([A, B], loop(i, n, body, { loopKind: "vectorized" })));
        }
      }
    });
  }

  it("sums side by side whose number is no multiple of the lanes, beside others in the same registers", () => {
    for (const [n, apart] of [2, 3, 5, 6, 7, 13].flatMap((x) => [
      [x, 0],
      [x, 1],
    ])) {
      const A = buffer("A", [6, n]);
      const B = buffer("B", [n + apart]);
      const S = buffer("S", [n + apart], "f32", "local");
      const [k, u, v, w] = ["k", "u", "v", "w"].map((name) => variable(name));
      const start = loop(u, n, store(S, [u], f32(0)), { loopKind: "vectorized" });
      const own = apart ? [store(S, [constant(n)], f32(7))] : [];
      const sum = store(S, [v], add(load(S, [v]), load(A, [k, v])));
      const body = loop(k, 6, loop(v, n, sum, { loopKind: "vectorized" }));
      const copy = loop(w, n, store(B, [w], load(S, [w])), { loopKind: "vectorized" });
      const last = apart ? [store(B, [constant(n)], load(S, [constant(n)]))] : [];
      const inside = block({ name: "s", body: seq([...own, start, body, copy, ...last]), allocs: [S] });
      check(primFunc([A, B], inside), undefined, CLOSE);
    }
  });

  it("windows that advance by more than one element share their loads", () => {
    for (const [stride, size] of [
      [2, 2],
      [2, 3],
      [3, 3],
      [4, 4],
    ]) {
      for (const n of [3, 4, 7, 16]) {
        const A = buffer("A", [(n - 1) * stride + size]);
        const B = buffer("B", [n]);
        const i = variable("i");
        const taps = Array.from({ length: size }, (_, k) => load(A, [add(mul(i, stride), k)]));
        const f = primFunc(
          [A, B],
          loop(i, n, store(B, [i], taps.reduce<Expr>(add, f32(0))), { loopKind: "vectorized" }),
        );
        const { wat } = check(f, undefined, CLOSE);
        const loads = wat.match(/v128\.load /g)?.length ?? 0;
        if (n === 4 && size <= stride) assert.equal(loads, stride, wat);
      }
    }
  });

  it("bounds that are literals: zeros of both signs, NaN and the infinities", () => {
    const special = [0, -0, Number.NaN, 1.5, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const dtype of ["f32", "f64"] as const) {
      for (const bound of special) {
        for (const op of [ops.min, ops.max]) {
          const [A, B] = ["A", "B"].map((name) => buffer(name, [special.length], dtype));
          const i = variable("i");
          const value = op(load(A, [i]), constant(bound, dtype));
          const f = primFunc(
            [A, B],
            loop(i, special.length, store(B, [i], value), { loopKind: "vectorized" }),
          );
          const [a, b] = [newArray(dtype, special.length), newArray(dtype, special.length)];
          special.forEach((x, k) => {
            a[k] = x;
          });
          const shape = [special.length];
          assertSame(f, [
            { dtype, shape, data: a },
            { dtype, shape, data: b },
          ]);
        }
      }
    }
  });

  it("the greatest of windows, held in registers: zeros of both signs, NaN and the infinities", () => {
    const special = [
      0,
      -0,
      Number.NaN,
      1.5,
      -2,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
      -0,
      3,
    ];
    for (const dtype of ["f32", "f64"] as const) {
      for (const n of [4, 6]) {
        const A = buffer("A", [special.length ** 2 + n], dtype);
        const B = buffer("B", [special.length ** 2, n], dtype);
        const Y = buffer("Y", [n], dtype, "local");
        const [i, k, v, w, x] = ["i", "k", "v", "w", "x"].map((name) => variable(name));
        const vectors = { loopKind: "vectorized" } as const;
        const start = loop(w, n, store(Y, [w], constant(Number.NEGATIVE_INFINITY, dtype)), vectors);
        const element = load(A, [add(i, floormod(add(v, k), n))]);
        const update = loop(v, n, store(Y, [v], ops.max(load(Y, [v]), element)), vectors);
        // One element by itself: the others of its register stay as they are.
        const alone = store(Y, [constant(1)], ops.max(load(Y, [constant(1)]), load(A, [i])));
        const out = loop(x, n, store(B, [i, x], load(Y, [x])), vectors);
        const each = loop(i, special.length ** 2, seq([start, loop(k, 3, update), alone, out]));
        const body = block({ name: "s", body: each, allocs: [Y] });
        const data = newArray(dtype, special.length ** 2 + n);
        special.forEach((a, p) => {
          special.forEach((b, q) => {
            data[(p * special.length + q) ^ 1] = (p + q) % 2 ? a : b;
          });
        });
        const result = newArray(dtype, special.length ** 2 * n);
        const { wat } = assertSame(primFunc([A, B], body), [
          { dtype, shape: [data.length], data },
          { dtype, shape: [special.length ** 2, n], data: result },
        ]);
        assert.match(wat, /pmin/);
      }
    }
  });

  it("a symbolic size in a vectorised loop", () => {
    for (const kind of ["serial", "vectorized", "parallel", "unrolled"] as LoopKind[]) {
      const n = variable("n");
      const A = buffer("A", [n]);
      const B = buffer("B", [n]);
      const i = variable("i");
      const f = primFunc([A, B], loop(i, n, store(B, [i], mul(load(A, [i]), f32(3))), { loopKind: kind }));
      for (const size of [0, 1, 3, 4, 5, 64, 67]) check(f, { n: size });
    }
  });

  it("symbolic shapes, two dimensions, strides of a parameter", () => {
    const [n, m, s] = ["n", "m", "s"].map((x) => variable(x));
    const A = buffer("A", [n, m]);
    const B = buffer("B", [m, n], "f32", "global", [s, 1]);
    const [i, j] = ["i", "j"].map((x) => variable(x));
    const body = loop(i, n, loop(j, m, store(B, [j, i], load(A, [i, j])), { loopKind: "vectorized" }));
    const f = primFunc([A, B], body);
    const next = rng(3);
    assertSame(f, [
      { dtype: "f32", shape: [5, 7], data: randomArray("f32", 35, next) },
      { dtype: "f32", shape: [7, 5], strides: [9, 1], data: randomArray("f32", 63, next) },
    ]);
  });

  it("an allocation of symbolic size", () => {
    const n = variable("n");
    const A = buffer("A", [n]);
    const B = buffer("B", [n]);
    const T = buffer("T", [n]);
    const U = buffer("U", [n], "f64");
    const [i, j] = ["i", "j"].map((x) => variable(x));
    const fill = loop(i, n, seq([store(T, [i], load(A, [i])), store(U, [i], cast(load(A, [i]), "f64"))]));
    const use = loop(j, n, store(B, [j], add(load(T, [sub(sub(n, 1), j)]), cast(load(U, [j]), "f32"))));
    check(primFunc([A, B], seq([fill, use]), { allocs: [T, U] }), { n: 13 });
  });

  it("dependences between lanes keep a vectorised loop scalar", () => {
    const A = buffer("A", [40]);
    const i = variable("i");
    const prefix = store(A, [add(i, 1)], add(load(A, [i]), load(A, [add(i, 1)])));
    check(primFunc([A], loop(i, 39, prefix, { loopKind: "vectorized" })), {}, CLOSE);
    const S = buffer("S", [1]);
    const total = store(S, [constant(0)], add(load(S, [constant(0)]), load(A, [i])));
    check(primFunc([A, S], loop(i, 40, total, { loopKind: "vectorized" })), {}, CLOSE);
    const far = store(A, [add(i, 20)], load(A, [i]));
    check(primFunc([A], loop(i, 20, far, { loopKind: "vectorized" })));
  });

  it("gathers through an index buffer", () => {
    const A = buffer("A", [16]);
    const I = buffer("I", [37], "i64");
    const B = buffer("B", [37]);
    const i = variable("i");
    const f = primFunc(
      [A, I, B],
      loop(i, 37, store(B, [i], load(A, [load(I, [i])])), { loopKind: "vectorized" }),
    );
    const data = newArray("i64", 37) as BigInt64Array;
    for (let k = 0; k < 37; k++) data[k] = BigInt((k * 7) % 16);
    const [a, , b] = argsOf(f);
    assertSame(f, [a, { dtype: "i64", shape: [37], data }, b]);
  });

  it("lets, conditions and inner loops inside a vectorised loop", () => {
    const A = buffer("A", [6, 21]);
    const B = buffer("B", [6, 21]);
    const [i, j, k] = ["i", "j", "k"].map((x) => variable(x));
    const x = variable("x", "f32");
    const inner = letIn(
      x,
      mul(load(A, [i, j]), f32(2)),
      ifThen(
        lt(i, 4),
        seq([
          store(B, [i, j], add(x, cast(j, "f32"))),
          loop(k, 3, store(B, [i, j], add(load(B, [i, j]), mul(x, cast(k, "f32"))))),
        ]),
        store(B, [i, j], select(lt(x, f32(0)), x, call("exp", [f32(0)]))),
      ),
    );
    check(primFunc([A, B], loop(i, 6, loop(j, 21, inner, { loopKind: "vectorized" }))), {}, CLOSE);
  });

  it("padding: loads that only the condition makes legal", () => {
    for (const kind of ["serial", "vectorized"] as LoopKind[]) {
      const A = buffer("A", [9]);
      const B = buffer("B", [13]);
      const i = variable("i");
      const inside = ops.and(ops.ge(i, 2), lt(i, 11));
      const body = store(B, [i], select(inside, load(A, [sub(i, 2)]), f32(0)));
      check(primFunc([A, B], loop(i, 13, body, { loopKind: kind })));
    }
  });

  it("uneven tiles: a predicate over split loops", () => {
    for (const [n, tile] of [
      [10, 4],
      [127, 8],
      [64, 16],
      [3, 8],
    ]) {
      for (const kind of ["serial", "vectorized", "unrolled"] as LoopKind[]) {
        const A = buffer("A", [n]);
        const B = buffer("B", [n]);
        const [i0, i1, vi] = ["i0", "i1", "vi"].map((x) => variable(x));
        const at = add(mul(i0, tile), i1);
        const b = block({
          name: "B",
          axes: [axis(vi, "S", n, at)],
          predicate: lt(at, n),
          body: store(B, [vi], mul(load(A, [vi]), f32(2))),
        });
        check(primFunc([A, B], loop(i0, Math.ceil(n / tile), loop(i1, tile, b, { loopKind: kind }))));
      }
    }
  });

  it("a fused loop, divisions and remainders of its variable", () => {
    const A = buffer("A", [7, 9], "i32");
    const B = buffer("B", [9, 7], "i32");
    const f = variable("f");
    const [i, j] = [floordiv(f, 9), floormod(f, 9)];
    for (const kind of ["serial", "vectorized", "unrolled"] as LoopKind[]) {
      check(primFunc([A, B], loop(f, 63, store(B, [j, i], load(A, [i, j])), { loopKind: kind })));
    }
  });

  it("a reduction with init, f16 storage, i8 to i32", () => {
    for (const [from, to] of [
      ["f32", "f32"],
      ["f16", "f16"],
      ["i8", "i32"],
      ["u8", "i32"],
      ["f64", "f64"],
      ["i64", "i64"],
    ] as [DType, DType][]) {
      const A = buffer("A", [6, 12], from);
      const B = buffer("B", [6], to);
      for (const order of ["ik", "ki"]) {
        const [i, k, vi, vk] = ["i", "k", "vi", "vk"].map((x) => variable(x));
        const b = block({
          name: "B",
          axes: [axis(vi, "S", 6, i), axis(vk, "R", 12, k)],
          init: store(B, [vi], cast(constant(0), to)),
          body: store(B, [vi], add(load(B, [vi]), cast(load(A, [vi, vk]), to))),
        });
        const nest =
          order === "ik"
            ? loop(i, 6, loop(k, 12, b))
            : loop(k, 12, loop(i, 6, b, { loopKind: "vectorized" }));
        check(primFunc([A, B], nest));
      }
    }
  });

  it("matrix products with every tile", () => {
    for (const packB of [true, false]) {
      for (const local of [true, false]) {
        for (const [mr, nr, unrollK] of [
          [1, 4, 1],
          [2, 8, 2],
          [4, 8, 1],
          [6, 8, 1],
          [3, 5, 1],
          [4, 6, 2],
        ]) {
          const f = tiledMatmul({ m: mr * 2, n: nr * 3, k: 8, mr, nr, packB, local, unrollK });
          check(f, {}, CLOSE);
        }
      }
    }
  });

  it("accumulators of a tile stay in locals", () => {
    const f = tiledMatmul({ m: 8, n: 16, k: 16, mr: 4, nr: 8, packB: false, local: false, unrollK: 1 });
    const { wat } = check(f, {}, CLOSE);
    const inner = wat.slice(wat.indexOf("(loop $k0"), wat.indexOf("br_if $k0"));
    assert.ok(inner.includes("f32x4.mul") && !inner.includes("store"), inner);
    assert.equal(inner.match(/v128\.load /g)?.length, 2, inner);
    assert.equal(inner.match(/v128\.load32_splat/g)?.length, 4, inner);
  });

  it("a vectorised loop around a reduction keeps each lane's sum in a register", () => {
    for (const n of [8, 11]) {
      const A = buffer("A", [6, n]);
      const B = buffer("B", [n]);
      const [j, k, vj, vk] = ["j", "k", "vj", "vk"].map((x) => variable(x));
      const b = block({
        name: "B",
        axes: [axis(vj, "S", n, j), axis(vk, "R", 6, k)],
        init: store(B, [vj], f32(0)),
        body: store(B, [vj], add(load(B, [vj]), load(A, [vk, vj]))),
      });
      const { wat } = check(primFunc([A, B], loop(j, n, loop(k, 6, b), { loopKind: "vectorized" })));
      const inner = wat.slice(wat.indexOf("(loop $k"), wat.indexOf("br_if $k"));
      assert.ok(inner.includes("f32x4.add") && !inner.includes("store"), wat);
    }
  });

  it("i64 loop variables and indices", () => {
    for (const kind of ["serial", "vectorized", "unrolled"] as LoopKind[]) {
      for (const n of [7, 70]) {
        const A = buffer("A", [n]);
        const B = buffer("B", [n]);
        const S = buffer("S", [1], "i64");
        const i = variable("i", "i64");
        const big = (x: number) => constant(x, "i64");
        const zero = constant(0);
        const at = sub(big(n - 1), i);
        const body = seq([
          store(B, [at], add(load(A, [i]), cast(i, "f32"))),
          store(S, [zero], add(load(S, [zero]), i)),
        ]);
        check(primFunc([A, B, S], loop(i, big(n), body, { min: big(0), loopKind: kind })), {}, CLOSE);
      }
    }
  });

  it("several functions in a module, one calling the host", () => {
    const A = buffer("A", [5]);
    const i = variable("i");
    const f = primFunc([A], loop(i, 5, store(A, [i], call("sin", [load(A, [i])]))));
    check(f, {}, CLOSE);
  });

  it("triangular loops", () => {
    const A = buffer("A", [9, 9]);
    const B = buffer("B", [9]);
    const [i, j] = ["i", "j"].map((x) => variable(x));
    const body = loop(j, i, store(B, [i], add(load(B, [i]), load(A, [i, j]))), { min: constant(0) });
    check(primFunc([A, B], loop(i, 9, body)), {}, CLOSE);
    const lower = loop(j, sub(9, i), store(B, [j], load(A, [i, j])), { min: i, loopKind: "vectorized" });
    check(primFunc([A, B], loop(i, 9, lower)), {}, CLOSE);
  });

  it("accumulators under a condition that the loop does not change", () => {
    for (const n of [5, 6, 8]) {
      const A = buffer("A", [n, 9]);
      const B = buffer("B", [n]);
      const [i0, k, i1, vi, vk] = ["i0", "k", "i1", "vi", "vk"].map((x) => variable(x));
      const at = add(mul(i0, 4), i1);
      const b = block({
        name: "B",
        axes: [axis(vi, "S", n, at), axis(vk, "R", 9, k)],
        predicate: lt(at, n),
        init: store(B, [vi], f32(0)),
        body: store(B, [vi], add(load(B, [vi]), load(A, [vi, vk]))),
      });
      for (const kind of ["serial", "unrolled", "vectorized"] as LoopKind[]) {
        check(primFunc([A, B], loop(i0, 2, loop(k, 9, loop(i1, 4, b, { loopKind: kind })))));
      }
    }
  });
});
