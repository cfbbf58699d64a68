import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { modulePass } from "../../../lib/graph/passes/index.ts";
import { PassRecorder } from "../../../lib/graph/recorder.ts";
import { type IRModule, type NDArray, variable } from "../../../lib/ir/index.ts";
import { build, cpuMemory, Tensor, VirtualMachine } from "../../../lib/runtime/index.ts";
import { T } from "../../../lib/script/index.ts";
import { choices, randomData, randomGraph } from "../../support/random-graph.ts";
import { assertClose, free, keepsMemory, oracle, settled, toData, toTensor } from "./vm-support.ts";

/** relu(x · w + b), and the sum of its rows. */
function layer(rows: number | string = 3): IRModule {
  const n = typeof rows === "string" ? variable(rows) : rows;
  const x = R.var("x", R.tensor([n, 4]));
  const w = R.var("w", R.tensor([4, 2]));
  const b = R.const([0.5, -0.5]);
  const bb = new BlockBuilder();
  bb.function("main", [x, w], () => {
    const [y, s] = bb.dataflow(() => {
      const y = bb.emit(R.nn.relu(R.add(R.matmul(x, w), b)));
      return [bb.emitOutput(y), bb.emitOutput(R.sum(y, { axis: [-1], keepdims: false }))];
    });
    bb.emitFuncOutput(R.tuple(y, s));
  });
  return bb.get();
}

const inputs = (rows: number): NDArray[] => [randomData([rows, 4], 1), randomData([4, 2], 2)];

describe("runtime: graph-level functions", () => {
  it("give new tensors, an array for a tuple", async () => {
    const mod = layer();
    const lib = await build(mod);
    const given = inputs(3);
    const out = await lib.main<readonly Tensor[]>(...given.map(toTensor));
    assert.equal(out.length, 2);
    assert.ok(out.every((t) => t instanceof Tensor));
    assertClose(toData(out), oracle(mod, given));
  });

  it("by the interpreter too", async () => {
    const mod = layer();
    const lib = await build(mod, { target: "interpreter" });
    assert.equal(lib.target, "interpreter");
    const given = inputs(3);
    assertClose(toData(await lib.main<readonly Tensor[]>(...given.map(toTensor))), oracle(mod, given));
  });

  it("through the names of TVM's virtual machine", async () => {
    const mod = layer();
    const vm = new VirtualMachine(await build(mod));
    const given = inputs(3);
    const args = given.map(toTensor);
    for (const out of [
      await vm.main<readonly Tensor[]>(...args),
      await vm.call<readonly Tensor[]>("main", ...args),
    ])
      assertClose(toData(out), oracle(mod, given));
    await assert.rejects(vm.call("other"), /no function "other"; there are main/);
    assert.ok((await vm.profile("main", ...args)).steps.length > 0);
  });

  it("beside tensor programs, which write into their arguments as before", async () => {
    const scale = T.primFunc({ x: T.buffer([3]), y: T.buffer([3]) }, ({ x, y }) => {
      for (const i of T.serial(3)) {
        T.block("y", () => {
          const vi = T.axis.spatial(3, i);
          y[vi] = x[vi] * 2;
        });
      }
    });
    const bb = new BlockBuilder();
    bb.addFunc(scale, "scale");
    const x = R.var("x", R.tensor([3]));
    bb.function("main", [x], () =>
      bb.emitFuncOutput(bb.emit(R.callTir("scale", [bb.emit(R.add(x, x))], R.tensor([3])))),
    );
    const lib = await build(bb.get());
    const [a, b] = [Tensor.from([1, 2, 3]), Tensor.zeros([3])];
    await lib.scale(a, b);
    assert.deepEqual([...b], [2, 4, 6]);
    assert.deepEqual([...(await lib.main(a))], [4, 8, 12]);
    assert.match(lib.source("wat"), /scale/);
  });

  it("an argument as the result is a copy of it", async () => {
    const x = R.var("x", R.tensor([2]));
    const bb = new BlockBuilder();
    bb.function("main", [x], () => bb.emitFuncOutput(R.tuple(x, x)));
    const lib = await build(bb.get());
    const a = Tensor.from([1, 2]);
    const [p, q] = await lib.main<readonly Tensor[]>(a);
    a.set(9, 0);
    p.set(8, 1);
    assert.deepEqual([...p, ...q], [1, 8, 1, 2]);
  });

  it("results stay as they are when more is computed", async () => {
    const mod = layer();
    const lib = await build(mod);
    const w = randomData([4, 2], 2);
    const kept = [];
    for (let seed = 1; seed <= 20; seed++) {
      const x = randomData([3, 4], seed);
      kept.push({ x, out: await lib.main<readonly Tensor[]>(toTensor(x), toTensor(w)) });
    }
    for (const { x, out } of kept) assertClose(toData(out), oracle(mod, [x, w]));
    lib.dispose();
    for (const { x, out } of kept) assertClose(toData(out), oracle(mod, [x, w]));
  });

  it("two calls that nobody waited for in between", async () => {
    const mod = layer("n");
    const lib = await build(mod);
    const w = randomData([4, 2], 2);
    const xs = [3, 5, 3, 1, 5].map((rows, i) => randomData([rows, 4], i + 1));
    const outs = await Promise.all(xs.map((x) => lib.main<readonly Tensor[]>(toTensor(x), toTensor(w))));
    outs.forEach((out, i) => {
      assertClose(toData(out), oracle(mod, [xs[i], w]));
    });
  });

  it("many calls do not take more memory", async () => {
    const lib = await build(layer());
    const args = inputs(3).map(toTensor);
    await keepsMemory(async () => free(await lib.main<readonly Tensor[]>(...args)), 200);
    const run = lib.prepare("main", args);
    await keepsMemory(async () => run(), 200);
    await keepsMemory(async () => void (await lib.profile("main", args, { runs: 2 })));
    assert.ok((await lib.time("main", args, { repeats: 2, minMs: 0.1 })).median > 0);
  });

  it("dispose gives back what a library holds, and what was freed is used again", async () => {
    const args = inputs(3).map(toTensor);
    const mod = layer();
    const used = await settled();
    for (let i = 0; i < 3; i++) {
      const lib = await build(mod);
      free(await lib.main<readonly Tensor[]>(...args));
      lib.dispose();
      assert.ok(cpuMemory().usedBytes <= used);
      await assert.rejects(lib.main(...args), /disposed/);
    }
  });

  it("a library that is dropped gives its memory back when it is collected", async () => {
    const args = inputs(3).map(toTensor);
    const mod = layer("n");
    const before = await settled();
    await (async () => {
      const lib = await build(mod);
      free(await lib.main<readonly Tensor[]>(...args));
      assert.ok(cpuMemory().usedBytes > before);
    })();
    assert.ok((await settled()) <= before);
  });

  it("passes of one's own, and a recorder that sees every pass", async () => {
    const seen: string[] = [];
    const count = modulePass("count", (mod) => {
      seen.push(Object.keys(mod.funcs).join());
      return mod;
    });
    const recorder = new PassRecorder();
    const mod = layer();
    const lib = await build(mod, { pipeline: { after: { legalizeOps: [count] }, recorder } });
    assert.equal(seen.length, 1);
    assert.ok(recorder.list().length > 10);
    const given = inputs(3);
    assertClose(toData(await lib.main<readonly Tensor[]>(...given.map(toTensor))), oracle(mod, given));
  });

  it("arguments that do not fit are named, with what was expected", async () => {
    const lib = await build(layer("n"));
    const [x, w] = inputs(3).map(toTensor);
    await assert.rejects(lib.main(x), {
      name: "ArgumentError",
      message: "main takes 2 argument(s) (x: f32[n, 4], w: f32[4, 2]), got 1",
    });
    await assert.rejects(
      lib.main(x, x),
      /^ArgumentError: main: argument 1 \(w\) must be f32\[4, 2\], got f32\[3, 4\]$/,
    );
    await assert.rejects(
      lib.main(Tensor.zeros([3, 4], "i32"), w),
      /\(x\) must be f32\[n, 4\], got i32\[3, 4\]/,
    );
    await assert.rejects(
      lib.main([[1]] as never, w),
      /\(x\) must be a Tensor, f32\[n, 4\], got an array.*Tensor\.from/,
    );
    await assert.rejects(lib.main(1, w), /\(x\) must be a Tensor, f32\[n, 4\], got 1/);
    const gone = Tensor.zeros([3, 4]);
    gone.dispose();
    await assert.rejects(lib.main(gone, w), /\(x\) must be f32\[n, 4\], got a tensor that was disposed/);
    // The same words where all sizes are numbers.
    const fixed = await build(layer(3));
    await assert.rejects(fixed.main(w, w), /argument 0 \(x\) must be f32\[3, 4\], got f32\[4, 2\]/);
    await assert.rejects(fixed.main(gone, w), /disposed/);
  });

  it("random programs give what the interpreter gives", async () => {
    const runs = Math.min(60, Number(process.env.TILEWRIGHT_RUNS ?? 25));
    await fc.assert(
      fc.asyncProperty(choices(), fc.boolean(), fc.boolean(), async (numbers, symbolic, ifs) => {
        const { mod, args } = randomGraph(numbers, { symbolic, ifs });
        const lib = await build(mod);
        const tensors = args.map(toTensor);
        const first = await lib.main<Tensor>(...tensors);
        const second = await lib.main<Tensor>(...tensors);
        const want = oracle(mod, args);
        assertClose(toData(first), want);
        assertClose(toData(second), want);
        for (const t of [first, second, ...tensors]) free(t);
        lib.dispose();
      }),
      { numRuns: runs },
    );
  }).timeout(120_000);
});
