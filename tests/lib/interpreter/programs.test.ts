import assert from "node:assert/strict";
import { type Access, compileInterpreter, InterpretError, interpret } from "../../../lib/codegen/index.ts";
import {
  axis,
  block,
  buffer,
  constant,
  type Expr,
  ifThen,
  type LoopKind,
  letIn,
  load,
  loop,
  ops,
  primFunc,
  type Stmt,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { get, tensor } from "./support.ts";

const f32 = (x: number) => constant(x, "f32");

/** `C = A @ B` over symbolic sizes n, m, k. */
function matmul(extent?: number) {
  const [n, m, k] = ["n", "m", "k"].map((s) => variable(s));
  const A = buffer("A", [n, k]);
  const B = buffer("B", [k, m]);
  const C = buffer("C", [n, m]);
  const [i, j, l] = ["i", "j", "l"].map((s) => variable(s));
  const vi = axis("vi", "S", n, i);
  const vj = axis("vj", "S", m, j);
  const vk = axis("vk", "R", k, l);
  const at = [vi.v, vj.v];
  const body = block({
    name: "C",
    axes: [vi, vj, vk],
    init: store(C, at, f32(0)),
    body: store(C, at, ops.add(load(C, at), ops.mul(load(A, [vi.v, vk.v]), load(B, [vk.v, vj.v])))),
  });
  const inner = loop(l, extent ?? k, body);
  return { func: primFunc([A, B, C], loop(i, n, loop(j, m, inner))), A, B, C };
}

/** A loop over `n` with one block whose axis is bound to it. */
function each(n: Expr | number, body: (v: Expr) => Stmt, kind: LoopKind = "serial"): Stmt {
  const i = variable("i");
  const v = axis("v", "S", n, i);
  return loop(i, n, block({ name: "each", axes: [v], body: body(v.v) }), { loopKind: kind });
}

describe("interpreter: programs", () => {
  it("matrix multiplication; sizes come from the arguments", () => {
    const a = tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
    const b = tensor("f32", [3, 1], [1, 10, 100]);
    const c = tensor("f32", [2, 1]);
    const run = compileInterpreter(matmul().func);
    run([a, b, c]);
    assert.deepEqual(get("f32", c.data), [321, 654]);
    const d = tensor("f32", [1, 1]);
    run([tensor("f32", [1, 2], [1, 2]), tensor("f32", [2, 1], [3, 4]), d]);
    assert.deepEqual(get("f32", d.data), [11]);
  });

  it("runs loops of every kind in order", () => {
    for (const kind of ["serial", "parallel", "vectorized", "unrolled"] as const) {
      const O = buffer("O", [4], "i32");
      const P = buffer("P", [1], "i32");
      const zero = constant(0);
      const body = (v: Expr) =>
        seq([store(P, [zero], ops.add(ops.mul(load(P, [zero]), 10), v)), store(O, [v], load(P, [zero]))]);
      const o = tensor("i32", [4]);
      interpret(primFunc([O, P], each(4, body, kind)), [o, tensor("i32", [1])]);
      assert.deepEqual(get("i32", o.data), [0, 1, 12, 123]);
    }
  });

  it("loops start at their min; i64 loops and axes work", () => {
    const O = buffer("O", [6], "i32");
    const i = variable("i", "i64");
    const v = axis(variable("v", "i64"), "S", constant(6, "i64"), i);
    const body = block({ name: "b", axes: [v], body: store(O, [v.v], constant(1)) });
    const o = tensor("i32", [6]);
    interpret(primFunc([O], loop(i, constant(3, "i64"), body, { min: constant(2, "i64") })), [o]);
    assert.deepEqual(get("i32", o.data), [0, 0, 1, 1, 1, 0]);
  });

  it("init runs where every reduce axis is at its first value, also with i64 axes", () => {
    for (const t of ["i32", "i64"] as const) {
      const O = buffer("O", [1], "i32");
      const [i, j] = [variable("i", t), variable("j", t)];
      const two = constant(2, t);
      const axes = [axis(variable("r", t), "R", two, i), axis(variable("s", t), "R", two, j)];
      const at = [constant(0)];
      const body = block({
        name: "sum",
        axes,
        init: store(O, at, constant(100)),
        body: store(O, at, ops.add(load(O, at), 1)),
      });
      const o = tensor("i32", [1], [7]);
      interpret(
        primFunc([O], loop(i, two, loop(j, two, body, { min: constant(0, t) }), { min: constant(0, t) })),
        [o],
      );
      assert.deepEqual(get("i32", o.data), [104]);
    }
  });

  it("a predicate over the loops skips instances", () => {
    const O = buffer("O", [5], "i32");
    const [i0, i1] = [variable("i0"), variable("i1")];
    const at = ops.add(ops.mul(i0, 4), i1);
    const v = axis("v", "S", 5, at);
    const body = block({
      name: "b",
      axes: [v],
      predicate: ops.lt(at, 5),
      body: store(O, [v.v], ops.mul(v.v, v.v)),
    });
    const o = tensor("i32", [5]);
    interpret(primFunc([O], loop(i0, 2, loop(i1, 4, body))), [o]);
    assert.deepEqual(get("i32", o.data), [0, 1, 4, 9, 16]);
  });

  it("if, let, scalar parameters", () => {
    const O = buffer("O", [4], "i32");
    const s = variable("s");
    const square = variable("square");
    const body = (v: Expr) =>
      letIn(
        square,
        ops.mul(v, v),
        ifThen(ops.gt(square, s), store(O, [v], square), store(O, [v], constant(-1))),
      );
    const o = tensor("i32", [4]);
    interpret(primFunc([O, s], each(4, body)), [o, 2]);
    assert.deepEqual(get("i32", o.data), [-1, -1, 4, 9]);
  });

  it("scalar parameters are rounded to their dtype and may be sizes", () => {
    const n = variable("n");
    const s = variable("s", "f32");
    const O = buffer("O", [n]);
    const func = primFunc(
      [O, s, n],
      each(n, (v) => store(O, [v], s)),
    );
    const o = tensor("f32", [2]);
    interpret(func, [o, 0.1, 2]);
    assert.deepEqual(get("f32", o.data), [Math.fround(0.1), Math.fround(0.1)]);
    assert.throws(() => interpret(func, [o, 0.1, 3]), /argument 0 \(O\) must be f32\[n = 3\], got f32\[2\]/);
  });

  it("strides of a parameter address its data", () => {
    const A = buffer("A", [2, 2], "f32", "global", [1, 3]);
    const O = buffer("O", [2, 2]);
    const [i, j] = [variable("i"), variable("j")];
    const func = primFunc([A, O], loop(i, 2, loop(j, 2, store(O, [i, j], load(A, [i, j])))));
    const o = tensor("f32", [2, 2]);
    const a = { ...tensor("f32", [5], [1, 2, 3, 4, 5]), shape: [2, 2] };
    interpret(func, [a, o]);
    assert.deepEqual(get("f32", o.data), [1, 4, 2, 5]);
    assert.throws(
      () => interpret(func, [tensor("f32", [2, 2]), o]),
      /A.*over 4 element\(s\); the layout with strides \[1, 3\] needs 5/,
    );
  });

  it("memory a block allocates is fresh in each instance and reads as poison before it is written", () => {
    const O = buffer("O", [2, 2]);
    const T = buffer("T", [2]);
    const i = variable("i");
    const v = axis("v", "S", 2, i);
    const [zero, one] = [constant(0), constant(1)];
    const body = block({
      name: "b",
      axes: [v],
      allocs: [T],
      body: seq([
        store(O, [v.v, one], load(T, [zero])),
        store(T, [zero], f32(5)),
        store(O, [v.v, zero], load(T, [zero])),
      ]),
    });
    const o = tensor("f32", [2, 2]);
    interpret(primFunc([O], loop(i, 2, body)), [o]);
    assert.deepEqual(get("f32", o.data), [5, Number.NaN, 5, Number.NaN]);
  });

  it("poison of every dtype, in root allocations", () => {
    const poison = {
      f16: Number.NaN,
      f64: Number.NaN,
      i8: -86,
      u8: 170,
      i32: -0x55555556,
      i64: -0x5555555555555556n,
    };
    for (const [t, want] of Object.entries(poison) as [keyof typeof poison, number | bigint][]) {
      const O = buffer("O", [], t);
      const T = buffer("T", [], t);
      const o = tensor(t, []);
      const run = compileInterpreter(
        primFunc([O], seq([store(O, [], load(T, [])), store(T, [], constant(1, t))]), { allocs: [T] }),
      );
      run([o]);
      run([o]);
      assert.deepEqual(get(t, o.data), [want]);
    }
  });

  it("allocations may depend on symbolic sizes", () => {
    const n = variable("n");
    const A = buffer("A", [n]);
    const T = buffer("T", [ops.mul(n, 2)]);
    const func = primFunc(
      [A],
      seq([
        each(ops.mul(n, 2), (v) => store(T, [v], f32(3))),
        each(n, (v) => store(A, [v], load(T, [ops.add(v, n)]))),
      ]),
      { allocs: [T] },
    );
    const a = tensor("f32", [3]);
    interpret(func, [a]);
    assert.deepEqual(get("f32", a.data), [3, 3, 3]);
  });
});

describe("interpreter: errors", () => {
  it("an access out of bounds names the buffer, the indices, the shape and the place", () => {
    const args = [tensor("f32", [2, 3]), tensor("f32", [3, 2]), tensor("f32", [2, 2])];
    const { func, A } = matmul();
    const B4 = buffer("B", [2], "f32");
    const i = variable("i");
    const v = axis("v", "S", 2, i);
    const shifted = primFunc(
      [B4],
      loop(i, 2, block({ name: "shift", axes: [v], body: store(B4, [v.v], load(B4, [ops.add(v.v, 1)])) })),
    );
    interpret(func, args);
    assert.throws(
      () => interpret(shifted, [tensor("f32", [2])], { name: "shift" }),
      (e: InterpretError) => {
        assert.ok(e instanceof InterpretError);
        assert.equal(
          e.message,
          "load from B[2] is out of bounds: B has shape [2] in shift, block shift (v = 1); loops i = 1",
        );
        assert.deepEqual([e.buffer, e.indices], [B4, [2]]);
        return true;
      },
    );
    assert.equal(A.name, "A");
  });

  it("negative indices, stores, and higher ranks", () => {
    const O = buffer("O", [2, 2, 2]);
    const zero = constant(0);
    const at = (k: number) => primFunc([O], store(O, [zero, zero, constant(k)], f32(1)));
    assert.throws(
      () => interpret(at(-1), [tensor("f32", [2, 2, 2])]),
      /store to O\[0, 0, -1\] is out of bounds.*\[2, 2, 2\]/,
    );
    assert.throws(() => interpret(at(2), [tensor("f32", [2, 2, 2])]), /store to O\[0, 0, 2\]/);
    const P = buffer("P", [2, 2]);
    const bad = primFunc([P], store(P, [constant(0), constant(2)], f32(1)));
    assert.throws(() => interpret(bad, [tensor("f32", [2, 2])]), /store to P\[0, 2\]/);
  });

  it("a block axis outside its extent", () => {
    const args = [tensor("f32", [2, 3]), tensor("f32", [3, 2]), tensor("f32", [2, 2])];
    assert.throws(
      () => interpret(matmul(4).func, args),
      /axis vk of block C is 3, outside its values 0 to 2 .*loops i = 0, j = 0, l = 3/,
    );
  });

  it("too many steps", () => {
    const args = [tensor("f32", [2, 3]), tensor("f32", [3, 2]), tensor("f32", [2, 2])];
    const { func } = matmul();
    assert.throws(
      () => interpret(func, args, { maxSteps: 5 }),
      /stopped after 5 loop iterations.*loops i = 0/,
    );
    const run = compileInterpreter(func, { maxSteps: 2 + 4 + 12 });
    run(args);
    run(args); // the count starts anew with each call
  });

  it("arguments that do not fit", () => {
    const { func } = matmul();
    const t = (...shape: number[]) => tensor("f32", shape);
    const bad = (args: unknown[], message: RegExp) =>
      assert.throws(() => interpret(func, args as never[], { name: "mm" }), message);
    bad([t(2, 3)], /mm takes 3 argument\(s\) \(A: f32\[n, k\], B: f32\[k, m\], C: f32\[n, m\]\), got 1/);
    bad([t(2, 3), t(4, 2), t(2, 2)], /mm: argument 1 \(B\) must be f32\[k = 3, m = 2\], got f32\[4, 2\]/);
    bad([t(2, 3), t(3, 2), t(2)], /argument 2 \(C\) must be f32\[n = 2, m = 2\], got f32\[2\]/);
    bad([t(2, 3), tensor("f64", [3, 2]), t(2, 2)], /argument 1 \(B\).*got f64\[3, 2\]/);
    bad([t(2, 3), 5, t(2, 2)], /argument 1 \(B\).*got 5/);
    bad([t(2, 3), { ...t(3, 2), data: new Float64Array(6) }, t(2, 2)], /whose data is a Float64Array/);
    bad(
      [t(2, 3), { ...t(3, 2), data: new Float32Array(5) }, t(2, 2)],
      /over 5 element\(s\); the layout needs 6/,
    );
  });

  it("scalars that do not fit", () => {
    const s = variable("s", "u8");
    const O = buffer("O", [], "u8");
    const func = primFunc([O, s], store(O, [], s));
    for (const x of [256, -1, 1.5, "1", 1n]) {
      assert.throws(
        () => interpret(func, [tensor("u8", []), x as number]),
        /argument 1 \(s\) must be u8, got/,
      );
    }
    const b = variable("b", "i64");
    const P = buffer("P", [], "i64");
    const long = primFunc([P, b], store(P, [], b));
    const p = tensor("i64", []);
    interpret(long, [p, 5]);
    interpret(long, [p, 2n ** 62n]);
    assert.deepEqual(get("i64", p.data), [2n ** 62n]);
    assert.throws(() => interpret(long, [p, 2n ** 63n]), /must be i64/);
  });

  it("a size that no parameter tells", () => {
    const n = variable("n");
    const A = buffer("A", [ops.mul(n, 2)]);
    assert.throws(
      () => interpret(primFunc([A], store(A, [constant(0)], f32(0))), [tensor("f32", [4])]),
      /no parameter tells n/,
    );
  });
});

describe("interpreter: hooks", () => {
  it("see each load and store with the block, its axes and the loops", () => {
    const seen: string[] = [];
    const line = (verb: string) => (a: Access) =>
      seen.push(
        `${verb} ${a.buffer.name}[${a.indices}] = ${a.value} in ${a.block?.name}` +
          ` ${a.axes.map((x) => `${x.name}=${x.value}`)} ${a.loops.map((x) => `${x.name}=${x.value}`)}`,
      );
    const O = buffer("O", [2], "i32");
    const func = primFunc(
      [O],
      each(2, (v) => store(O, [v], ops.add(load(O, [v]), v))),
    );
    interpret(func, [tensor("i32", [2], [5, 6])], { onLoad: line("load"), onStore: line("store") });
    assert.deepEqual(seen, [
      "load O[0] = 5 in each v=0 i=0",
      "store O[0] = 5 in each v=0 i=0",
      "load O[1] = 6 in each v=1 i=1",
      "store O[1] = 7 in each v=1 i=1",
    ]);
  });
});
