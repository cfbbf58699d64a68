import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { graphVar, type IRModule, ndarray, tensorType, tupleType, variable } from "../../../lib/ir/index.ts";
import { build, cpuMemory, Tensor } from "../../../lib/runtime/index.ts";
import { GraphLibrary } from "../../../lib/runtime/vm/library.ts";
import { randomData } from "../../support/random-graph.ts";
import { assertClose, free, keepsMemory, oracle, settled, toData, toTensor } from "./vm-support.ts";

/** x · w for any number of rows, with w a constant. */
function rows(): IRModule {
  const x = R.var("x", R.tensor([variable("n"), 64]));
  const bb = new BlockBuilder();
  const w = randomData([64, 64], 5);
  bb.function("main", [x], () => bb.emitFuncOutput(bb.emit(R.matmul(x, R.const(w)))));
  return bb.get();
}

describe("runtime: functions with symbolic sizes", () => {
  it("are compiled for each size that is met, and for no more than are kept", async () => {
    const mod = rows();
    const lib = new GraphLibrary(mod, { cacheSize: 3 });
    assert.equal(lib.compiled, 0);
    for (const n of [1, 2, 1, 3, 4, 1, 5, 6, 7, 2]) {
      const x = randomData([n, 64], n);
      assertClose(toData(lib.call("main", [toTensor(x)])), oracle(mod, [x]));
      assert.ok(lib.compiled <= 3);
    }
    assert.equal(lib.compiled, 3);
    assert.throws(
      () => new GraphLibrary(mod, { cacheSize: 0 }),
      /cacheSize must be a whole number of at least 1/,
    );
  });

  it("what is dropped gives its memory back; constants are there once", async () => {
    const used = await settled();
    const lib = await build(rows(), { cacheSize: 2 });
    const call = async (n: number): Promise<void> => {
      const x = Tensor.zeros([n, 64]);
      free(await lib.main(x));
      x.dispose();
    };
    // The layout of the constant goes with the tile, and that with the engine and the rows: these have the same one everywhere.
    for (const n of [24, 48, 72]) await call(n);
    const three = cpuMemory().usedBytes - used;
    assert.ok(three < 2 * 64 * 64 * 4, `${three} bytes for a constant of ${64 * 64 * 4}`);
    let n = 1;
    await keepsMemory(() => call(4 + (n++ % 6)), 12);
    lib.dispose();
    assert.ok(cpuMemory().usedBytes <= used);
  });

  it("sizes that contradict each other are named", async () => {
    const n = variable("n");
    const [x, y] = [R.var("x", R.tensor([n, 2])), R.var("y", R.tensor([n, 2]))];
    const bb = new BlockBuilder();
    bb.function("main", [x, y], () => bb.emitFuncOutput(bb.emit(R.add(x, y))));
    const lib = await build(bb.get());
    await assert.rejects(
      lib.main(Tensor.zeros([3, 2]), Tensor.zeros([4, 2])),
      /^ArgumentError: main: y must be f32\[n, 2\] with n = 3, got f32\[4, 2\]$/,
    );
  });

  it("tuples as arguments", async () => {
    const t = tensorType([2]);
    const pair = graphVar("pair", tupleType([t, t]));
    const bb = new BlockBuilder();
    bb.function("main", [pair], () =>
      bb.emitFuncOutput(bb.emit(R.subtract(bb.emit(R.get(pair, 0)), bb.emit(R.get(pair, 1))))),
    );
    const lib = await build(bb.get());
    const [a, b] = [Tensor.from([5, 7]), Tensor.from([1, 2])];
    assert.deepEqual([...(await lib.main([a, b]))], [4, 5]);
    await assert.rejects(
      lib.main([a]),
      /argument 0 \(pair\) must be an array for \(f32\[2\], f32\[2\]\), got 1 value/,
    );
    await assert.rejects(lib.main([a, 3 as never]), /\(pair\)\[1\] must be a Tensor, f32\[2\], got 3/);
  });

  it("sizes that are read while the function runs: it goes on with what they are", async () => {
    const x = R.var("x", R.tensor([6]));
    const counts = R.var("counts", tensorType([2], "i64"));
    const bb = new BlockBuilder();
    bb.function("main", [x, counts], () => {
      const twice = bb.emit(R.add(x, x));
      const total = bb.emit(R.add(counts, counts));
      const [m, k] = bb.tensorToShape(total, ["m", "k"]);
      const wide = bb.emit(R.broadcastTo(bb.emit(R.reshape(twice, R.shape([1, 6]))), R.shape([m, 6])));
      const tall = bb.emit(R.broadcastTo(bb.emit(R.reshape(twice, R.shape([6, 1]))), R.shape([6, k])));
      bb.emitFuncOutput(R.tuple(bb.emit(R.matmul(wide, tall)), twice));
    });
    const mod = bb.get();
    const lib = await build(mod);
    const data = randomData([6], 1);
    for (const pair of [
      [1, 2],
      [3, 1],
      [1, 2],
    ]) {
      const bytes = new Uint8Array(BigInt64Array.from(pair, BigInt).buffer);
      const count = ndarray("i64", [2], bytes);
      const out = await lib.main<readonly Tensor[]>(toTensor(data), toTensor(count));
      assert.deepEqual(out[0].shape, [2 * pair[0], 2 * pair[1]]);
      assertClose(toData(out), oracle(mod, [data, count]));
    }
    const [a, b] = [toTensor(data), Tensor.from([1n, 1n])];
    await keepsMemory(async () => free(await lib.main<readonly Tensor[]>(a, b)));
    await assert.rejects(lib.main(a, Tensor.from([-1n, 1n])), /gives the size m = -2/);
    assert.deepEqual((await lib.main<readonly Tensor[]>(a, b))[0].shape, [2, 2]);
  });
});
