// Tuning whole models: the networks of the course with their trained weights answer the same, tuned or not.
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import type { PipelineOptions } from "../../../lib/graph/pipeline.ts";
import type { GraphExpr, IRModule } from "../../../lib/ir/index.ts";
import { assertAllclose, build, loadCnnWeights, loadMlpWeights, Tensor } from "../../../lib/runtime/index.ts";
import { localMeasurer } from "../../../lib/runtime/measure/index.ts";
import { extractTasks, MemoryDatabase, type Progress, tuneModel } from "../../../lib/tune/index.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;

/** x · wᵀ + b */
function dense(bb: BlockBuilder, x: GraphExpr, w: Tensor, b: Tensor): GraphExpr {
  return bb.emit(
    R.add(bb.emit(R.matmul(x, bb.emit(R.permuteDims(R.const(w), { axes: [1, 0] })))), R.const(b)),
  );
}

async function mlp(batch: number): Promise<IRModule> {
  const { w0, b0, w1, b1 } = await loadMlpWeights();
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([batch, 784]));
  bb.function("main", [x], () => {
    const hidden = bb.emit(R.nn.relu(dense(bb, x, w0, b0)));
    bb.emitFuncOutput(dense(bb, hidden, w1, b1));
  });
  return bb.get();
}

async function cnn(batch: number): Promise<IRModule> {
  const { w0, b0, w1, b1, w2, b2 } = await loadCnnWeights();
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([batch, 1, 28, 28]));
  bb.function("main", [x], () => {
    const conv = bb.emit(R.nn.conv2d(x, R.const(w0)));
    const bias = bb.emit(R.reshape(R.const(b0), [1, 32, 1, 1]));
    const active = bb.emit(R.nn.relu(bb.emit(R.add(conv, bias))));
    const pooled = bb.emit(R.nn.maxPool2d(active, { poolSize: [2, 2], strides: [2, 2] }));
    const flat = bb.emit(R.reshape(pooled, [batch, 5408]));
    const hidden = bb.emit(R.nn.relu(dense(bb, flat, w1, b1)));
    bb.emitFuncOutput(dense(bb, hidden, w2, b2));
  });
  return bb.get();
}

describe(`tune: models (seed ${seed})`, function () {
  this.timeout(240_000);
  const cases: [string, () => Promise<IRModule>, number[], number][] = [
    ["the network 784-200-10, batch 1", () => mlp(1), [1, 784], 12],
    ["the network 784-200-10, batch 16", () => mlp(16), [16, 784], 12],
    ["the convolutional network of the course, batch 4", () => cnn(4), [4, 1, 28, 28], 16],
  ];
  for (const [name, make, shape, numTrials] of cases) {
    it(`${name}: the same answers, and every function has been tried`, async () => {
      const mod = await make();
      const tasks = extractTasks(mod);
      let last: Progress | undefined;
      const database = await tuneModel(mod, {
        numTrials,
        trialsPerRound: 3,
        confirm: 0,
        seed,
        measurer: await localMeasurer({ threads: 1 }),
        limits: { measureMs: 30 },
        onProgress: (p) => {
          last = p;
        },
      });
      assert.equal(database.records().length, numTrials);
      assert.deepEqual(
        last?.tasks.map((t) => t.name),
        tasks.map((t) => t.name),
      );
      assert.ok(
        last?.tasks.every((t) => t.trials > 0 && t.best !== undefined),
        JSON.stringify(last?.tasks),
      );
      assert.equal(last?.failed.wrong, 0);
      const [plain, tuned] = [await build(mod, { threads: 1 }), await build(mod, { threads: 1, database })];
      const x = Tensor.random(shape, { seed: 7 });
      const [want, got] = [await plain.main(x), await tuned.main(x)];
      assertAllclose(got, want, { rtol: 1e-4, atol: 1e-4 });
      const scheduled = Object.values(tuned.lowered("main").funcs).filter(
        (f) => f.attrs.scheduled === "tuned",
      );
      assert.ok(scheduled.length >= tasks.length, "programs of the database are used");
      for (const lib of [plain, tuned]) lib.dispose();
      for (const t of [x, want, got]) t.dispose();
    });
  }

  it("programs are searched for as the model will be built: with Winograd's filtering unless it is off", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([1, 32, 4, 4]));
    const w = R.const(Tensor.random([32, 32, 3, 3], { seed: 3 }));
    bb.function("main", [x], () => bb.emitFuncOutput(bb.emit(R.nn.conv2d(x, w))));
    const mod = bb.get();
    const search = async (pipeline: PipelineOptions | undefined) =>
      tuneModel(mod, {
        numTrials: 1,
        confirm: 0,
        ...(pipeline ? { pipeline } : {}),
        measurer: await localMeasurer({ threads: 1 }),
        limits: { measureMs: 20 },
      });
    const [built, without] = [await search(undefined), await search({ winograd: false })];
    assert.match(built.records()[0].workload.script, /winograd/);
    assert.doesNotMatch(without.records()[0].workload.script, /winograd/);
    const lib = await build(mod, { threads: 1, database: built });
    const tuned = Object.values(lib.lowered("main").funcs).filter((f) => f.attrs.scheduled === "tuned");
    assert.equal(tuned.length, 1);
    lib.dispose();
  });

  it("a program that occurs several times is one task that weighs as often", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([8, 8]));
    const w = R.const(Tensor.random([8, 8], { seed: 1 }));
    bb.function("main", [x], () => {
      let y: GraphExpr = x;
      for (let i = 0; i < 3; i++) y = bb.emit(R.nn.softmax(bb.emit(R.matmul(y, w)), { axis: 1 }));
      bb.emitFuncOutput(y);
    });
    const tasks = extractTasks(bb.get());
    assert.deepEqual(
      tasks.map((t) => t.weight),
      tasks.map(() => 3),
    );
    const again = await tuneModel(bb.get(), {
      numTrials: 2,
      confirm: 0,
      database: new MemoryDatabase(),
      measurer: await localMeasurer({ threads: 1 }),
      limits: { measureMs: 20 },
    });
    assert.equal(again.records().length, 2);
  });
});
