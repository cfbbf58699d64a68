/** Parallel loops on threads: what users see. Programs run with three threads, whatever the machine has. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import vm from "node:vm";
import { ExternFunc, interpret } from "../../../lib/codegen/index.ts";
import {
  buffer,
  cast,
  constant,
  irModule,
  load,
  loop,
  ops,
  primFunc,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import {
  allclose,
  availableThreads,
  build,
  cpuMemory,
  type Executable,
  releaseThreads,
  setThreads,
  Tensor,
  threadScaling,
} from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { skipBecause } from "../../../scripts/skip.ts";

const product = T.primFunc(
  { A: T.buffer([96, 80]), B: T.buffer([80, 64]), C: T.buffer([96, 64]) },
  ({ A, B, C }) => {
    for (const [i, j, k] of T.grid(96, 64, 80)) {
      T.block("C", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          C[vi][vj] = 0;
        });
        C[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
  },
);

/** Rows in blocks over threads, each with a panel of its own. */
function tiled(): Schedule {
  const sch = new Schedule(product);
  const C = sch.getBlock("C");
  const panel = sch.cacheRead(C, 1, "global");
  const [i, j, k] = sch.getLoops(C);
  const [i0, i1] = sch.split(i, [null, 4]);
  const [j0, j1] = sch.split(j, [null, 8]);
  sch.reorder(i0, j0, k, i1, j1);
  sch.parallel(i0);
  sch.computeAt(panel, j0);
  sch.unroll(i1);
  sch.vectorize(j1);
  sch.decomposeReduction(C, k);
  return sch;
}

const elements = (t: Tensor): number[] => Array.from(t.data as Float32Array | Int32Array);

describe("runtime: parallel loops on threads", function () {
  this.timeout(60_000);
  before(function () {
    if (!cpuMemory().isShared) skipBecause(this, "the memory is not shared: the machine has one core");
    setThreads(3, { oversubscribe: true });
  });
  after(() => setThreads());

  it("compute what one thread computes, in every call", async () => {
    const sch = tiled();
    const a = Tensor.random([96, 80], { seed: 1 });
    const b = Tensor.random([80, 64], { seed: 2 });
    const [c, d] = [Tensor.zeros([96, 64]), Tensor.zeros([96, 64])];
    const one = await build(sch.mod, { threads: 1 });
    const three = await build(sch.mod);
    assert.deepEqual(one.threads, { count: 1, reason: "one thread was asked for" });
    assert.equal(three.threads.count, 3);
    await one.main(a, b, c);
    const want = elements(c);
    const run = three.prepare("main", [a, b, d]);
    for (let n = 0; n < 300; n++) {
      d.data.fill(Number.NaN as never);
      run();
      assert.deepEqual(elements(d), want, `call ${n}`);
    }
  });

  it("threadScaling measures 1, 2, … threads in turns", async () => {
    const [a, b] = [Tensor.full([96, 80], 2), Tensor.full([80, 64], 3)];
    const c = Tensor.zeros([96, 64]);
    const few = { repeats: 2, warmup: 1, minMs: 0.01 };
    const timings = await threadScaling(tiled().mod, "main", [a, b, c], few);
    assert.deepEqual(
      timings.map((t) => [t.name, t.target, t.runs.length]),
      ["1 thread", "2 threads", "3 threads"].map((name) => [name, "wasm", 2]),
    );
    assert.ok(elements(c).every((x) => x === 480));
    const one = await threadScaling(tiled().mod, "main", [a, b, c], { ...few, counts: [1] });
    assert.equal(one.length, 1);
    const wrong = (...counts: number[]) => threadScaling(tiled().mod, "main", [a, b, c], { counts });
    await assert.rejects(wrong(1, 4), /^RangeError: threadScaling: 4 threads; there are 3/);
    await assert.rejects(wrong(0), /whole number of at least 1, got 0/);
    await assert.rejects(wrong(), /at least one number of threads/);
  });

  it("see memory that has grown, and memory that was asked for since", async () => {
    const lib = await build(tiled().mod);
    const [a, b] = [Tensor.full([96, 80], 2), Tensor.full([80, 64], 3)];
    await lib.main(a, b, Tensor.zeros([96, 64]));
    using big = Tensor.zeros([cpuMemory().memory.buffer.byteLength / 4]);
    assert.equal(big.at(-1), 0);
    const late = Tensor.zeros([96, 64]);
    await lib.main(a, b, late);
    assert.ok(elements(late).every((x) => x === 480));
  });

  it("of sizes that are names, loops over i64, inside of other loops, with what the host computes", async () => {
    const sizes = T.primFunc(
      { A: T.buffer(["n", "m"], "f64"), B: T.buffer(["n", "m"], "f64") },
      ({ A, B, n, m }) => {
        for (const t of T.serial(3)) {
          for (const i of T.parallel(n)) {
            for (const j of T.serial(m)) B[i][j] = T.sin(A[i][j]) + T.cast(t, "f64");
          }
        }
      },
    );
    const [A, B] = [buffer("A", [37], "i64"), buffer("B", [37], "f32")];
    const [i, s] = [variable("i", "i64"), variable("s", "f32")];
    const value = ops.mul(cast(ops.mul(load(A, [i]), i), "f32"), s);
    const wide = primFunc(
      [A, s, B],
      loop(i, constant(30, "i64"), store(B, [i], value), { min: constant(7, "i64"), loopKind: "parallel" }),
    );
    const mod = irModule({ sizes, wide });
    const lib = await build(mod);
    assert.equal(lib.threads.count, 3);
    const x = Tensor.random([41, 5], { dtype: "f64", seed: 3 });
    const [y, z] = [Tensor.zeros([41, 5], "f64"), Tensor.zeros([41, 5], "f64")];
    await lib.sizes(x, y);
    interpret(sizes, [x, z]);
    assert.ok(allclose(y, z, { rtol: 1e-12, atol: 0 }));
    const l = Tensor.arange(0, 37, 1, "i64");
    const [u, v] = [Tensor.zeros([37]), Tensor.zeros([37])];
    await lib.wide(l, 0.5, u);
    interpret(wide, [l, 0.5, v]);
    assert.deepEqual(elements(u), elements(v));
  });

  it("call imported kernels, given as text or as bytes that declare their memory unshared", async () => {
    const twice = T.primFunc({ X: T.buffer([4]) }, ({ X }) => {
      for (const i of T.serial(4)) X[i] = X[i] * 2;
    });
    const wat = `(module (import "env" "memory" (memory 0)) (func (export "f") (param $x i32)
      (v128.store (local.get $x) (f32x4.add (v128.load (local.get $x)) (v128.load (local.get $x))))))`;
    ExternFunc.register("threads_twice", twice, { wat });
    const bytes = ExternFunc.kernel("threads_twice")?.bytes(false) as Uint8Array;
    ExternFunc.register("threads_twice_bytes", twice, { wasm: bytes });
    const mod = T.module({
      text: T.primFunc({ A: T.buffer([64, 4]) }, ({ A }) => {
        for (const i of T.parallel(64)) {
          T.callExtern("threads_twice", T.accessPtr(A[T.slice(i, 1)][T.slice(0, 4)], "rw"));
        }
      }),
      bytes: T.primFunc({ A: T.buffer([64, 4]) }, ({ A }) => {
        for (const i of T.parallel(64)) {
          T.callExtern("threads_twice_bytes", T.accessPtr(A[T.slice(i, 1)][T.slice(0, 4)], "rw"));
        }
      }),
    });
    const lib = await build(mod);
    assert.equal(lib.threads.count, 3);
    const a = Tensor.arange(0, 256, 1, "f32").reshape([64, 4]);
    await lib.text(a);
    await lib.bytes(a);
    assert.deepEqual(
      elements(a),
      Array.from({ length: 256 }, (_, n) => 4 * n),
    );
  });

  it("that carry a sum, written by hand, run serially and say so", async () => {
    const f = T.primFunc({ A: T.buffer([1000], "i32"), s: T.buffer([1], "i32") }, ({ A, s }) => {
      s[0] = 0;
      for (const i of T.parallel(1000)) s[0] = s[0] + A[i];
    });
    const lib = await build(f);
    assert.deepEqual(lib.threads, {
      count: 1,
      reason: "loop i is not run in parallel: every iteration stores the same elements of s",
    });
    const s = Tensor.zeros([1], "i32");
    await lib.main(Tensor.arange(1000), s);
    assert.equal(s.item(), 499500);
  });

  describe("that fail", () => {
    const divide = T.primFunc({ A: T.buffer([64], "i32"), B: T.buffer([64], "i32") }, ({ A, B }) => {
      for (const i of T.parallel(64)) B[i] = T.truncdiv(1000, A[i]);
    });

    it("say what they say serially, wherever it happens, and the next call is right", async () => {
      const lib = await build(divide);
      const [a, b] = [Tensor.full([64], 1, "i32"), Tensor.zeros([64], "i32")];
      for (let at = 0; at < 64; at++) {
        a.set(0, at);
        await assert.rejects(() => lib.main(a, b), /main: integer division by zero/);
        a.set(1, at);
        await lib.main(a, b);
        assert.ok(elements(b).every((x) => x === 1000));
      }
    });
  });

  /** Long enough to be broken off: about a second, in one call. */
  const long = T.primFunc({ A: T.buffer([64], "f32"), n: T.scalar("i32") }, ({ A, n }) => {
    for (const i of T.parallel(64)) {
      for (const _t of T.serial(n)) A[i] = A[i] * 0.5 + 1;
    }
  });

  it("that are broken off leave no worker behind that writes", async () => {
    const lib = await build(long);
    const a = Tensor.zeros([64]);
    const run = lib.prepare("main", [a, 2_000_000]);
    await lib.main(a, 1);
    (globalThis as { broken?: unknown }).broken = run;
    for (let round = 0; round < 5; round++) {
      assert.throws(
        () => vm.runInThisContext("globalThis.broken()", { timeout: 5 + 3 * round }),
        /timed out/,
      );
      a.data.fill(7 as never);
      const until = performance.now() + 30;
      while (performance.now() < until)
        assert.equal(
          a.data.findIndex((x) => x !== 7),
          -1,
        );
      await lib.main(a, 1);
      assert.ok(elements(a).every((x) => x === 4.5));
    }
    delete (globalThis as { broken?: unknown }).broken;
  });

  it("start their workers again after they were released", async () => {
    const lib = await build(long);
    const a = Tensor.zeros([64]);
    for (let n = 0; n < 3; n++) {
      releaseThreads();
      a.data.fill(0 as never);
      await lib.main(a, 1);
      assert.ok(elements(a).every((x) => x === 1));
    }
  });

  it("of many programs, most of them forgotten", async () => {
    const libs: Executable[] = [];
    for (let n = 0; n < 40; n++) {
      const f = T.primFunc(
        { A: T.buffer([32], "i32") },
        ({ A, n }) => {
          for (const i of T.parallel(32)) A[i] = i * n;
        },
        { consts: { n } },
      );
      libs.push(await build(f));
    }
    const a = Tensor.zeros([32], "i32");
    for (const round of [0, 1]) {
      for (const [n, lib] of libs.entries()) {
        await lib.main(a);
        assert.equal(a.at(31), 31 * n, `round ${round}`);
      }
    }
  });
});

describe("runtime: how many threads there are", () => {
  after(() => setThreads());

  it("is never more than there are cores, unless that is asked for", () => {
    setThreads();
    const all = availableThreads().count;
    setThreads(1000);
    assert.ok(availableThreads().count <= Math.max(all, availableThreads().count));
    assert.match(availableThreads().reason ?? "", /cores|core$/);
    setThreads(1);
    assert.deepEqual(availableThreads(), { count: 1, reason: "setThreads(1)" });
    for (const bad of [0, 1.5, -1, Number.NaN]) {
      assert.throws(() => setThreads(bad), /setThreads: the number is a whole number of at least 1/);
    }
  });

  it("is what a build asks for at most", async () => {
    setThreads();
    const f = T.primFunc({ A: T.buffer([32], "i32") }, ({ A }) => {
      for (const i of T.parallel(32)) A[i] = i;
    });
    await assert.rejects(() => build(f, { threads: 0 }), /the number of threads is a whole number/);
    const plain = T.primFunc({ A: T.buffer([32], "i32") }, ({ A }) => {
      for (const i of T.serial(32)) A[i] = i;
    });
    const none = await build(plain);
    assert.equal(none.threads.count, 1);
    assert.ok(none.threads.reason);
    setThreads(1);
    const serial = await build(f);
    assert.deepEqual(serial.threads, { count: 1, reason: "setThreads(1)" });
    const a = Tensor.zeros([32], "i32");
    await serial.main(a);
    assert.equal(a.at(31), 31);
  });

  it("comes from TILEWRIGHT_THREADS; the process ends by itself", async function () {
    this.timeout(300_000);
    const lib = new URL("../../../lib/index.ts", import.meta.url).href;
    const code = `
      const { availableThreads, build, cpuMemory, T, Tensor, parseModule } = await import(${JSON.stringify(lib)});
      const mod = parseModule(${JSON.stringify(
        `T.module({ main: T.primFunc({ A: T.buffer([64]) }, ({ A }) => { for (const i of T.parallel(64)) A[i] = T.cast(i, "f32"); }) })`,
      )});
      const a = Tensor.zeros([64]);
      const built = await build(mod);
      await built.main(a);
      console.log(JSON.stringify([availableThreads(), built.threads, cpuMemory().isShared, Number(a.at(63))]));`;
    const run = async (threads: string) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--import=tsx", "--input-type=module", "-e", code],
        { env: { ...process.env, TILEWRIGHT_THREADS: threads }, timeout: 240_000 },
      );
      return JSON.parse(stdout);
    };
    const one = { count: 1, reason: "TILEWRIGHT_THREADS is 1" };
    assert.deepEqual(await run("1"), [one, one, false, 63]);
    const [there, , shared, last] = await run("2");
    assert.equal(shared, there.count > 1);
    assert.equal(last, 63);
    await assert.rejects(() => run("many"), /TILEWRIGHT_THREADS is a whole number of at least 1/);
  });
});
