import assert from "node:assert/strict";
import {
  axis,
  block,
  buffer,
  constant,
  irModule,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  store,
  VerifyError,
  variable,
} from "../../../lib/ir/index.ts";
import { enableRelaxedSimd } from "../../../lib/runtime/features.node.ts";
import {
  assertAllclose,
  build,
  compare,
  features,
  TARGETS,
  Tensor,
  Timing,
} from "../../../lib/runtime/index.ts";

const f32 = (x: number) => constant(x, "f32");

/** `C = s * (A @ B)`, sizes n, m, k from the arguments. */
function scaledMatmul(): PrimFunc {
  const [n, m, k] = ["n", "m", "k"].map((x) => variable(x));
  const s = variable("s", "f32");
  const A = buffer("A", [n, k]);
  const B = buffer("B", [k, m]);
  const C = buffer("C", [n, m]);
  const Y = buffer("Y", [n, m]);
  const nest = (
    name: string,
    reduce: boolean,
    make: (v: ReturnType<typeof variable>[]) => ReturnType<typeof store>,
  ) => {
    const loops = ["i", "j", "l"].slice(0, reduce ? 3 : 2).map((x) => variable(x));
    const extents = [n, m, k];
    const axes = loops.map((x, d) => axis(`v${x.name}`, d === 2 ? "R" : "S", extents[d], x));
    const vs = axes.map((a) => a.v);
    const init = reduce ? store(Y, vs.slice(0, 2), f32(0)) : undefined;
    const body = block({ name, axes, init, body: make(vs) });
    return loops.reduceRight<Parameters<typeof loop>[2]>((inner, x, d) => loop(x, extents[d], inner), body);
  };
  const product = nest("Y", true, ([i, j, l]) =>
    store(Y, [i, j], ops.add(load(Y, [i, j]), ops.mul(load(A, [i, l]), load(B, [l, j])))),
  );
  const scale = nest("C", false, ([i, j]) => store(C, [i, j], ops.mul(load(Y, [i, j]), s)));
  return primFunc([A, B, s, C], { kind: "seq", stmts: [product, scale] }, { allocs: [Y] });
}

/** `B[i] = A[i] / D[i]` in i32, rounding down. */
function divide(): PrimFunc {
  const [A, D, B] = ["A", "D", "B"].map((x) => buffer(x, [4], "i32"));
  const i = variable("i");
  const v = axis("v", "S", 4, i);
  const at = [v.v];
  const body = store(B, at, ops.floordiv(load(A, at), load(D, at)));
  return primFunc([A, D, B], loop(i, 4, block({ name: "B", axes: [v], body })));
}

const mod = irModule({ mm: scaledMatmul(), divide: divide(), time: divide() });

// Calls on a GPU end later, and divide by zero without an error: tests/lib/wgsl.
for (const target of TARGETS.filter((t) => t !== "webgpu")) {
  describe(`build: ${target}`, () => {
    it("runs, writes into its arguments, infers sizes", async () => {
      const lib = await build(mod, { target });
      const a = Tensor.random([5, 7], { seed: 1 });
      const b = Tensor.random([7, 3], { seed: 2 });
      const c = Tensor.zeros([5, 3]);
      await lib.mm(a, b, 2, c);
      const want = Tensor.zeros([5, 3], "f64");
      for (let i = 0; i < 5; i++)
        for (let j = 0; j < 3; j++) {
          let sum = 0;
          for (let k = 0; k < 7; k++) sum += Number(a.at(i, k)) * Number(b.at(k, j));
          want.set(2 * sum, i, j);
        }
      assertAllclose(c, want);
      assert.equal(lib.target, target);
      assert.match(String(lib), new RegExp(`Executable \\(${target}\\): mm, divide, time`));
    });

    it("a function alone is called main, or what its name says", async () => {
      const f = divide();
      assert.deepEqual(Object.keys((await build(f, { target })).functions), ["main"]);
      const named = primFunc(f.params, f.body, { attrs: { name: "quotient" } });
      const lib = await build(named, { target });
      const out = Tensor.zeros([4], "i32");
      const sevens = Tensor.full([4], -7, "i32");
      await lib.quotient(sevens, Tensor.full([4], 2, "i32"), out);
      assert.deepEqual(out.toArray(), [-4, -4, -4, -4]);
    });

    it("functions named like a member are still in `functions`", async () => {
      const lib = await build(mod, { target });
      const out = Tensor.zeros([4], "i32");
      const ones = Tensor.full([4], 1, "i32");
      await lib.functions.time(ones, ones, out);
      assert.deepEqual(out.toArray(), [1, 1, 1, 1]);
    });

    it("refuses arguments that do not fit", async () => {
      const lib = await build(mod, { target });
      const t = (...shape: number[]) => Tensor.zeros(shape);
      const bad = (args: unknown[], message: RegExp) =>
        assert.rejects(lib.mm(...(args as Tensor[])), message);
      await bad(
        [t(2, 2)],
        /^ArgumentError: mm takes 4 argument\(s\) \(A: f32\[n, k\], B: f32\[k, m\], s: f32, C: f32\[n, m\]\), got 1$/,
      );
      await bad(
        [t(2, 3), t(4, 2), 1, t(2, 2)],
        /mm: argument 1 \(B\) must be f32\[k = 3, m = 2\], got f32\[4, 2\]/,
      );
      await bad(
        [t(2, 3), Tensor.zeros([3, 2], "f64"), 1, t(2, 2)],
        /mm: argument 1 \(B\) must be .*, got f64\[3, 2\]/,
      );
      await bad([t(2, 3), t(3, 2), "x", t(2, 2)], /mm: argument 2 \(s\) must be f32, got "x"/);
      await bad([t(2, 3), t(3, 2), 1, undefined], /mm: argument 3 \(C\) must be .*, got undefined/);
      await bad(
        [new Float32Array(6)],
        /mm: argument 0 \(A\) must be a Tensor, f32\[n, k\], got a JavaScript Float32Array: .*Tensor\.from\(…\)/,
      );
      await bad([[[1, 2]], t(2, 2), 1, t(2, 2)], /argument 0 \(A\).*got a JavaScript array: .*Tensor\.from/);
      const gone = t(2, 2);
      gone.dispose();
      await bad(
        [gone, t(2, 2), 1, t(2, 2)],
        /argument 0 \(A\) .* got a tensor that was disposed: Tensor f32\[2, 2\]/,
      );
      const both = t(2, 2);
      await bad([both, t(2, 2), 1, both], /mm: arguments 3 \(C\) and 0 \(A\) share memory, and C is written/);
      await lib.mm(both, both, 1, t(2, 2));
      assert.throws(() => lib.prepare("mn", []), /no function "mn"; it has mm, divide, time/);
    });

    it("an integer division by zero is an error", async () => {
      const lib = await build(mod, { target });
      const z = Tensor.zeros([4], "i32");
      await assert.rejects(
        lib.divide(Tensor.arange(4), z, Tensor.zeros([4], "i32")),
        /integer division by zero/,
      );
    });

    it("a prepared call runs again and again, also after memory grew, until an argument is disposed", async () => {
      const lib = await build(mod, { target });
      const a = Tensor.arange(4);
      const out = Tensor.zeros([4], "i32");
      const run = lib.prepare("divide", [a, Tensor.full([4], 1, "i32"), out]);
      run();
      assert.deepEqual(out.toArray(), [0, 1, 2, 3]);
      using _grown = Tensor.empty([a.data.buffer.byteLength / 4]);
      a.set(9, 0);
      run();
      assert.deepEqual(out.toArray(), [9, 1, 2, 3]);
      a.dispose();
      assert.throws(run, /divide: an argument, Tensor i32\[4\] \(disposed\), was disposed/);
    });

    it("time", async () => {
      const lib = await build(mod, { target });
      const args = [Tensor.random([4, 4]), Tensor.random([4, 4]), 1, Tensor.zeros([4, 4])];
      const t = await lib.time("mm", args, { warmup: 1, repeats: 3, minMs: 0.5, maxMs: 500 });
      assert.ok(t instanceof Timing);
      assert.deepEqual([t.name, t.target, t.flops], ["mm", target, 2 * 64 + 16]);
      assert.ok(t.runs.length >= 1 && t.runs.length <= 3 && t.callsPerRun >= 1);
      assert.ok(t.min <= t.p25 && t.p25 <= t.median && t.median <= t.p75 && t.p75 <= t.max);
      assert.match(String(t), /^mm \(\w+\): median .*s, .* GFLOP\/s; middle half .* measurement\(s\)/);
      assert.equal(JSON.parse(JSON.stringify(t)).name, "mm");
      const given = await lib.time("mm", args, { repeats: 1, minMs: 0, flops: 5 });
      assert.equal(given.flops, 5);
      const ints = await lib.time(
        "divide",
        [Tensor.arange(4), Tensor.full([4], 1, "i32"), Tensor.zeros([4], "i32")],
        { repeats: 1, minMs: 0 },
      );
      assert.deepEqual([ints.flops, ints.gflops], [undefined, undefined]);
      await assert.rejects(lib.time("mm", args, { repeats: 0 }), /time: repeats 0/);
    });
  });
}

describe("build", () => {
  it("refuses unknown targets and programs that are not well-formed", async () => {
    await assert.rejects(
      build(mod, { target: "tpu" as never }),
      /unknown target "tpu"; there are wasm, interpreter/,
    );
    await assert.rejects(build({} as never), /build takes a module or a function/);
    const A = buffer("A", [2]);
    const stray = primFunc([A], store(A, [variable("x")], f32(0)));
    await assert.rejects(build(stray), VerifyError);
  });

  it("shows the generated code", async () => {
    const lib = await build(mod);
    assert.match(lib.source("wat"), /^\(module/);
    assert.throws(() => lib.source("c"), /unknown format "c"; there is "wat"/);
    const slow = await build(mod, { target: "interpreter" });
    assert.throws(() => slow.source(), /the interpreter generates no code/);
  });

  it("with and without relaxed SIMD", async () => {
    const relaxed = enableRelaxedSimd();
    assert.equal(features().relaxedSimd, relaxed);
    for (const relaxedSimd of relaxed ? [false, true] : [false]) {
      const lib = await build(mod, { relaxedSimd });
      const c = Tensor.zeros([1, 1]);
      await lib.mm(Tensor.full([1, 2], 3), Tensor.full([2, 1], 4), 1, c);
      assert.equal(c.item(), 24);
    }
  });

  it("measures variants in turn", async () => {
    const args = [Tensor.full([1, 2], 3), Tensor.full([2, 1], 4), 1, Tensor.zeros([1, 1])];
    const variants = { compiled: await build(mod), interpreted: await build(mod, { target: "interpreter" }) };
    const timings = await compare(variants, "mm", args, { repeats: 3, minMs: 0.01 });
    assert.deepEqual(
      timings.map((t) => [t.name, t.target, t.runs.length, t.flops]),
      [
        ["compiled", "wasm", 3, 5],
        ["interpreted", "interpreter", 3, 5],
      ],
    );
    await assert.rejects(compare(variants, "mm", args, { repeats: 0 }), /time: repeats 0/);
  });
});
