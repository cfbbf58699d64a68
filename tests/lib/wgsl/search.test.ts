/** Search for a GPU: points of its space, the limits that are told beforehand, measuring, and what is found. */
import assert from "node:assert/strict";
import { compileWgsl, WgslError } from "../../../lib/codegen/wgsl/index.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { bufferParams, constInt, irModule, type PrimFunc } from "../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { processMeasurer } from "../../../lib/runtime/measure/process.node.ts";
import { gpuTarget } from "../../../lib/runtime/tuning-target.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { applyTrace, Schedule, Trace } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import { parsePrimFunc } from "../../../lib/script/index.ts";
import { spaceFor } from "../../../lib/tune/by-target.ts";
import { overLimit } from "../../../lib/tune/gpu-limits.ts";
import {
  compileTir,
  extractTasks,
  type Measurer,
  MemoryDatabase,
  mutateTrace,
  type Progress,
  tuneModel,
  tuneTir,
  type WebgpuTarget,
} from "../../../lib/tune/index.ts";
import { rejected } from "../../../lib/tune/postprocs.ts";
import { workloadModule } from "../../../lib/tune/space/space.ts";
import { requireGpu } from "../../support/system.ts";
import { batchedProduct, convolution, linear, pooling, softmax } from "../tune/programs.ts";
import { assertAgrees } from "./harness.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
/** Fewer would not tell whether most points keep to the limits. */
const points = Math.min(64, Math.max(6, Math.ceil(Number(process.env.TILEWRIGHT_RUNS ?? 240) / 40)));

const programs: Record<string, PrimFunc> = {
  "linear, 32 rows": linear(32, 64, 48),
  "linear, uneven": linear(7, 33, 19),
  "linear, few results": linear(8, 256, 8, true),
  "batched product": batchedProduct(2, 16, 8, 12),
  convolution: convolution(3, 8, 8, { kernel: 3, pad: 1 }),
  pooling: pooling(2, 9, { kernel: 3, stride: 2 }),
  softmax: softmax(5, 64),
};

const operands = (f: PrimFunc): Tensor[] =>
  bufferParams(f).map((p, i) =>
    Tensor.random(
      p.shape.map((s) => constInt(s) as number),
      { seed: i + 1, dtype: p.dtype },
    ),
  );

describe(`webgpu, search (seed ${seed}, ${points} points each)`, function () {
  this.timeout(600_000);
  let target: WebgpuTarget;
  before(async function () {
    await requireGpu(this);
    target = gpuTarget(await gpuDevice());
  });
  after(() => releaseGpu());

  for (const [name, f] of Object.entries(programs)) {
    it(`${name}: every point gives the result of the interpreter, and its trace the same program`, async () => {
      const space = spaceFor(target);
      const random = new Random(seed);
      let within = 0;
      for (let i = 0; i < points; i++) {
        let sch = space.sample(f, random.fork(), target);
        // Every other point is a mutated one, as far as that is legal.
        const mutated = i % 2 === 1 && mutateTrace(sch.trace, random);
        if (mutated) {
          try {
            sch = applyTrace(mutated, new Schedule(workloadModule(f)));
          } catch {}
        }
        const trace = Trace.from(JSON.parse(JSON.stringify(sch.trace)));
        assert.equal(applyTrace(trace, new Schedule(workloadModule(f))).script(), sch.script());
        const bad = rejected(sch.func("main"), target);
        assert.notEqual(bad?.status, "illegal", bad?.why);
        if (bad) continue;
        within++;
        const code = await assertAgrees(f, sch.func("main"), () => operands(f), { rtol: 1e-4, atol: 1e-5 });
        assert.deepEqual(code.notes, [], sch.script());
      }
      assert.ok(within > points / 4, `only ${within} of ${points} keep to the limits`);
    });
  }

  it("what is over a limit is told as code generation tells it", async () => {
    const { features, limits } = await gpuDevice();
    const tight = { ...limits, maxComputeInvocationsPerWorkgroup: 64, maxComputeWorkgroupStorageSize: 1024 };
    const random = new Random(seed);
    const counts = { both: 0, neither: 0 };
    for (const f of [programs["linear, 32 rows"], programs.convolution, programs.softmax]) {
      for (let i = 0; i < 12; i++) {
        const func = spaceFor(target).sample(f, random.fork(), target).func("main");
        const told = overLimit(func, tight);
        let found: string | undefined;
        try {
          compileWgsl(irModule({ main: func }), { limits: tight, features });
        } catch (e) {
          if (!(e instanceof WgslError)) throw e;
          found = e.message;
        }
        const limit = /max\w+|WGSL allows \d+/;
        assert.equal(
          told?.match(limit)?.[0],
          found?.match(limit)?.[0],
          `${told}\n${found}\n${func.script()}`,
        );
        counts[told === undefined ? "neither" : "both"]++;
      }
    }
    assert.ok(counts.both > 3 && counts.neither > 3, JSON.stringify(counts));
  });

  describe("measuring in a process", () => {
    let measurer: Measurer;
    before(async () => {
      measurer = await processMeasurer({ kind: "webgpu" });
    });
    after(() => measurer.dispose());
    const plain = (stmt: string, n = 64): PrimFunc =>
      parsePrimFunc(`T.primFunc({ A: T.buffer([64, 64]), B: T.buffer([64, 64]) }, ({ A, B }) => {
        for (const [i, j] of T.grid(64, ${n})) T.block("B", () => {
          const vi = T.axis.spatial(64, i);
          const vj = T.axis.spatial(64, j % 64);
          ${stmt}
        });
      })`);
    const workload = plain("B[vi][vj] = A[vi][vj] + 1;");

    it("what is right is measured in turns with the yardstick, what is wrong is found", async () => {
      const o = await measurer.measure({ workload, candidate: workload, yardstick: workload });
      assert.equal(o.status, "measured", o.message);
      assert.ok(o.runs.length > 0 && o.runs.every((ms) => ms > 0));
      assert.equal(o.yardstick?.length, o.runs.length);
      assert.ok((o.codeBytes ?? 0) > 100);
      assert.equal(measurer.target.kind, "webgpu");
      const wrong = await measurer.measure({ workload, candidate: plain("B[vi][vj] = A[vi][vj] + 1.01;") });
      assert.equal(wrong.status, "wrong");
      assert.match(wrong.message ?? "", /^B: 4096 of 4096 element\(s\) differ/);
    });

    it("too many threads, and a shader that cannot be made, cost one candidate", async () => {
      const sch = new Schedule(workload);
      for (const [i, loop] of sch.getLoops(sch.getBlock("B")).entries())
        sch.bind(loop, ["threadIdx.x", "threadIdx.y"][i]);
      const over = await measurer.measure({ workload, candidate: sch.func("main") });
      assert.equal(over.status, "failed");
      assert.match(over.message ?? "", /4096 threads; the adapter's maxComputeInvocationsPerWorkgroup is/);
      assert.match(overLimit(sch.func("main"), target.limits) ?? "", /4096 threads; the adapter's/);
      const large = await measurer.measure({ workload, candidate: workload, limits: { codeBytes: 50 } });
      assert.equal(large.status, "tooLarge");
      assert.equal((await measurer.measure({ workload, candidate: workload })).status, "measured");
    });

    it("a shader that does not end is ended, and the next candidate is measured", async () => {
      const endless =
        parsePrimFunc(`T.primFunc({ A: T.buffer([64, 64]), B: T.buffer([64, 64]) }, ({ A, B }) => {
        for (const [j, k, i, l] of T.grid(64, 64, 1048576, 65536)) T.block("B", () => {
          const vj = T.axis.spatial(64, j);
          const vk = T.axis.spatial(64, k);
          const vi = T.axis.reduce(1048576, i);
          const vl = T.axis.reduce(65536, l);
          T.init(() => { B[vj][vk] = 0; });
          B[vj][vk] = T.max(B[vj][vk] * A[vk][vj], A[vj][(vi * vl) % 64]);
        });
      })`);
      const late = await measurer.measure({ workload, candidate: endless, limits: { runMs: 3000 } });
      assert.deepEqual([late.status, late.runs], ["timedOut", []], late.message);
      assert.equal((await measurer.measure({ workload, candidate: workload })).status, "measured");
    });
  });

  it("tuneTir: what is over the limits is counted and not built; build takes what was found", async () => {
    const f = linear(32, 32, 32);
    let last: Progress | undefined;
    const database = await tuneTir(f, {
      target: "webgpu",
      numTrials: 4,
      trialsPerRound: 2,
      confirm: 0,
      seed,
      limits: { measureMs: 30 },
      effort: { population: 12, generations: 1 },
      onProgress: (p) => {
        last = p;
      },
    });
    assert.equal(last?.trials, 4);
    assert.equal(last?.failed.failed, 0, last?.history.find((t) => t.status === "failed")?.message);
    const records = database.records();
    assert.ok(records.every((r) => r.target.kind === "webgpu" && r.target.adapter === target.adapter));
    const fastest = compileTir(database, f, target);
    const args = operands(f);
    const expected = operands(f);
    await (await build(f, { target: "interpreter" })).main(...expected);
    const lib = await build(f, { target: "webgpu", database });
    assert.deepEqual(lib.source(), (await build(fastest.mod, { target: "webgpu" })).source());
    await lib.main(...args);
    assertAllclose(args[3], expected[3], { rtol: 1e-4, atol: 1e-5 });
    // A schedule for a GPU is none for the processor, nor one for a smaller GPU.
    const wasm = { kind: "wasm", relaxedSimd: false, threads: 1, engine: "any" } as const;
    assert.equal(database.queryRecord(f, wasm), undefined);
    const small = { ...target, limits: { ...target.limits, maxComputeInvocationsPerWorkgroup: 1 } };
    assert.equal(database.querySchedule(f, small), undefined);
  });

  it("points over the limits are dropped before anything is built, and counted", async () => {
    const asked: PrimFunc[] = [];
    const small: WebgpuTarget = {
      ...target,
      limits: { ...target.limits, maxComputeInvocationsPerWorkgroup: 32 },
    };
    let last: Progress | undefined;
    await tuneTir(linear(64, 64, 64), {
      numTrials: 8,
      trialsPerRound: 8,
      confirm: 0,
      seed,
      measurer: {
        target: small,
        measure: async ({ candidate }) => {
          asked.push(candidate);
          return { status: "measured", runs: [1] };
        },
        dispose: async () => {},
      },
      onProgress: (p) => {
        last = p;
      },
    });
    assert.ok((last?.failed.overLimits ?? 0) > 0);
    assert.ok(asked.length > 0 && asked.every((f) => overLimit(f, small.limits) === undefined));
  });

  it("tuneModel: a model with tuned programs gives the same answers", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([4, 32]));
    const w = R.var("w", R.tensor([32, 24]));
    bb.function("main", undefined, () => {
      const out = bb.dataflow(() =>
        bb.emitOutput(R.nn.softmax(bb.emit(R.nn.relu(bb.emit(R.matmul(x, w)))), { axis: -1 })),
      );
      bb.emitFuncOutput(out, [x, w]);
    });
    const mod = bb.get();
    const database = new MemoryDatabase();
    await tuneModel(mod, {
      target: "webgpu",
      numTrials: 2 * extractTasks(mod).length,
      confirm: 0,
      seed,
      database,
      limits: { measureMs: 20 },
      effort: { population: 8, generations: 1 },
    });
    const args = [Tensor.random([4, 32], { seed: 1 }), Tensor.random([32, 24], { seed: 2 })];
    const plain = await build(mod, { target: "wasm" });
    const tuned = await build(mod, { target: "webgpu", database });
    assertAllclose(await tuned.main(...args), await plain.main(...args), { rtol: 1e-4, atol: 1e-5 });
    const scheduled = Object.values(tuned.lowered("main").funcs).filter((f) => f.attrs.scheduled === "tuned");
    assert.ok(scheduled.length > 0, "the database's schedules are in the program");
  });
});
