// The space for several threads: points share loops among them without changing results; for one thread it is as it was.
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import {
  bufferParams,
  constInt,
  type For,
  irModule,
  loopsIn,
  type PrimFunc,
  primFuncs,
  withAttrs,
} from "../../../lib/ir/index.ts";
import { assertAllclose, build, setThreads, Tensor } from "../../../lib/runtime/index.ts";
import { applyTrace, Schedule } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import { spreadLoops } from "../../../lib/tune/default/parallel.ts";
import {
  FEATURES,
  featuresOf,
  MemoryDatabase,
  mutateTrace,
  postOrderSpace,
  type TuningTarget,
  workloadOf,
} from "../../../lib/tune/index.ts";
import { workloadModule } from "../../../lib/tune/space/space.ts";
import { batchedProduct, convolution, linear, pooling, softmax } from "./programs.ts";

const targetOf = (threads: number): TuningTarget & { kind: "wasm" } => ({
  ...{ kind: "wasm", relaxedSimd: false, engine: "test" },
  threads,
});
const space = postOrderSpace();
const seed = Number(process.env.TILEWRIGHT_SEED) || 20261123;
const points = Math.max(3, Math.round(Number(process.env.TILEWRIGHT_RUNS ?? 60) / 10));

const programs: Record<string, PrimFunc> = {
  "linear, 24 rows": linear(24, 40, 32),
  "linear, weights": withAttrs(linear(18, 32, 16), { layoutFreeBuffers: [1] }),
  "batched product": batchedProduct(3, 9, 8, 12),
  convolution: convolution(3, 8, 8, { kernel: 3, pad: 1 }),
  pooling: pooling(2, 9, { kernel: 3, stride: 2 }),
  softmax: softmax(6, 24),
};

const parallelLoops = (f: PrimFunc): For[] => loopsIn(f.body).filter((l) => l.loopKind === "parallel");

const operands = (f: PrimFunc): Tensor[] =>
  bufferParams(f).map((p, i) =>
    Tensor.random(
      p.shape.map((s) => constInt(s) as number),
      { seed: i + 1, dtype: p.dtype },
    ),
  );

describe(`tune: the space for threads (seed ${seed}, ${points} points each)`, function () {
  this.timeout(240_000);
  before(() => setThreads(3));
  after(() => setThreads(undefined));

  for (const [name, f] of Object.entries(programs)) {
    it(`${name}: points on three threads give the result of the interpreter, also mutated`, async () => {
      const random = new Random(seed);
      const [expected, args] = [operands(f), operands(f)];
      interpret(f, expected);
      const out = args.length - 1;
      let shared = 0;
      for (let i = 0; i < points; i++) {
        let sch = space.sample(f, random.fork(), targetOf(3));
        const mutated = i % 2 === 1 && mutateTrace(sch.trace, random);
        if (mutated) {
          try {
            sch = applyTrace(mutated, new Schedule(workloadModule(f)));
          } catch {}
        }
        const again = applyTrace(sch.trace, new Schedule(workloadModule(f)));
        assert.equal(again.script(), sch.script());
        const loops = parallelLoops(sch.func("main"));
        shared += loops.filter((l) => (constInt(l.extent) ?? 0) > 1).length;
        const lib = await build(sch.mod);
        for (let turn = 0; turn < 3; turn++) {
          args[out].data.fill(-77 as never);
          await lib.functions.main(...args);
          assertAllclose(args[out], expected[out], { rtol: 1e-4, atol: 1e-5 });
        }
        lib.dispose();
      }
      assert.ok(shared > 0, "no point shares a loop");
      for (const t of [...args, ...expected]) t.dispose();
    });
  }

  it("with one thread nothing is drawn for threads", () => {
    for (const f of Object.values(programs)) {
      for (let s = 1; s <= 3; s++) {
        const one = space.sample(f, s, targetOf(1));
        assert.deepEqual(parallelLoops(one.func("main")), []);
        assert.ok(!one.trace.instructions.some((i) => i.primitive === "parallel"));
      }
    }
  });

  it("search changes how many jobs there are, down to one, which is this thread's", async () => {
    const f = linear(64, 16, 64);
    const random = new Random(seed);
    const sch = space.sample(f, 1, targetOf(2));
    const counts = new Set<string>();
    for (let i = 0; i < 120; i++) {
      const mutated = mutateTrace(sch.trace, random);
      if (!mutated) continue;
      try {
        const g = applyTrace(mutated, new Schedule(workloadModule(f))).func("main");
        counts.add(
          parallelLoops(g)
            .map((l) => constInt(l.extent))
            .join(),
        );
      } catch {}
    }
    assert.ok(counts.size >= 3, [...counts].join(" | "));
  });

  it("what search has marked is left alone by analysis, nest by nest; features tell jobs and wake-ups", () => {
    const f = linear(64, 64, 64);
    const g = space.sample(f, 1, targetOf(2)).func("main");
    const marked = parallelLoops(g);
    assert.ok(marked.length > 0);
    const spread = primFuncs(spreadLoops(irModule({ main: g }), 2, 0)).main;
    for (const l of marked) {
      const nest = loopsIn(spread.body).find((x) => loopsIn(x).some((y) => y.v.id === l.v.id)) as For;
      assert.deepEqual(
        loopsIn(nest)
          .filter((x) => x.loopKind === "parallel")
          .map((x) => x.v.id),
        marked.filter((m) => loopsIn(nest).some((y) => y.v.id === m.v.id)).map((m) => m.v.id),
      );
    }
    const at = FEATURES.indexOf("forks");
    const jobs = FEATURES.indexOf("parallel");
    assert.ok(featuresOf(g).some((row) => row[at] > 0 && row[jobs] >= Math.log2(3)));
    const alone = space.sample(f, 1, targetOf(1)).func("main");
    assert.ok(featuresOf(alone).every((row) => row[at] === 0));
  });

  it("records keep the threads they are for, and lose their marks on a machine with another number", () => {
    const f = linear(64, 32, 64);
    const record = (threads: number, runs: number) => ({
      version: 1 as const,
      workload: workloadOf(f),
      trace: space.sample(f, 1, targetOf(threads)).trace.toJSON(),
      status: "measured" as const,
      runs: [runs],
      target: targetOf(threads),
      date: "2026-11-23T03:00:00.000Z",
    });
    const both = new MemoryDatabase([record(1, 5), record(2, 9)]);
    const marks = (db: MemoryDatabase, threads: number): number =>
      parallelLoops(db.queryFunc(f, targetOf(threads)) as PrimFunc).length;
    // The faster record is not the one for these threads.
    assert.equal(both.queryRecord(f, targetOf(2))?.target, both.records()[1].target);
    assert.equal(both.queryRecord(f, targetOf(1))?.target, both.records()[0].target);
    assert.ok(marks(both, 2) > 0);
    assert.equal(marks(both, 1), 0);
    const two = new MemoryDatabase([record(2, 9)]);
    assert.equal(marks(two, 1), 0);
    assert.equal(marks(two, 4), 0);
    const spread = primFuncs(
      spreadLoops(irModule({ main: two.queryFunc(f, targetOf(4)) as PrimFunc }), 4, 0),
    ).main;
    assert.ok(parallelLoops(spread).length > 0, "analysis shares the loops among four");
  });
});
