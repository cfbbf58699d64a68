// Points of the default space compute what the program computes: whatever a rule draws, it may not change a result.
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { bufferParams, constInt, type PrimFunc, withAttrs } from "../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { applyTrace, Schedule, Trace } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import {
  MUTATORS,
  mutateTrace,
  postOrderSpace,
  scheduleFunction,
  type TuningTarget,
  unionSpace,
} from "../../../lib/tune/index.ts";
import { rejected } from "../../../lib/tune/postprocs.ts";
import { workloadModule } from "../../../lib/tune/space/space.ts";
import { batchedProduct, convolution, linear, pooling, softmax } from "./programs.ts";

const target: TuningTarget = { kind: "wasm", relaxedSimd: false, threads: 1, engine: "test" };
const space = postOrderSpace();
const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const points = Math.max(3, Math.round(Number(process.env.TILEWRIGHT_RUNS ?? 100) / 10));

const programs: Record<string, PrimFunc> = {
  "linear, 12 rows": linear(12, 40, 24),
  "linear, one row": linear(1, 64, 30),
  "linear, uneven": linear(7, 33, 19),
  "linear, weights": withAttrs(linear(9, 32, 16), { layoutFreeBuffers: [1] }),
  "linear, weights transposed": linear(10, 16, 20, true),
  "batched product": batchedProduct(2, 9, 8, 12),
  convolution: convolution(3, 8, 8, { kernel: 3, pad: 1 }),
  "convolution with stride": convolution(4, 5, 9, { kernel: 3, stride: 2 }),
  pooling: pooling(2, 9, { kernel: 3, stride: 2 }),
  softmax: softmax(5, 24),
};

function operands(f: PrimFunc): Tensor[] {
  return bufferParams(f).map((p, i) =>
    Tensor.random(
      p.shape.map((s) => constInt(s) as number),
      { seed: i + 1, dtype: p.dtype },
    ),
  );
}

describe(`tune: the default space (seed ${seed}, ${points} points each)`, function () {
  this.timeout(120_000);
  for (const [name, f] of Object.entries(programs)) {
    it(`${name}: every point gives the result of the interpreter, and its trace the same program`, async () => {
      const random = new Random(seed);
      const [expected, args] = [operands(f), operands(f)];
      interpret(f, expected);
      const out = args.length - 1;
      let changed = 0;
      for (let i = 0; i < points; i++) {
        let sch = space.sample(f, random.fork(), target);
        // Every other point is a mutated one, as far as that is legal.
        const mutated = i % 2 === 1 && mutateTrace(sch.trace, random);
        if (mutated) {
          try {
            sch = applyTrace(mutated, new Schedule(workloadModule(f)));
            changed++;
          } catch {}
        }
        assert.equal(rejected(sch.func("main"), target, []), undefined);
        const again = applyTrace(
          Trace.from(JSON.parse(JSON.stringify(sch.trace))),
          new Schedule(workloadModule(f)),
        );
        assert.equal(again.script(), sch.script());
        const lib = await build(sch.mod, { threads: 1 });
        args[out].data.fill(-77 as never);
        await lib.functions.main(...args);
        assertAllclose(args[out], expected[out], { rtol: 1e-4, atol: 1e-5 });
        lib.dispose();
      }
      for (const t of [...args, ...expected]) t.dispose();
      if (points >= 10 && name !== "pooling") assert.ok(changed > 0, "no mutated point was legal");
    });
  }

  it("the same seed gives the same point, another seed another one", () => {
    const f = programs["linear, 12 rows"];
    const script = (s: number): string => space.sample(f, s, target).script();
    assert.equal(script(7), script(7));
    assert.ok(new Set([1, 2, 3, 4, 5, 6].map(script)).size >= 4);
  });

  it("a schedule function and a union of spaces", () => {
    const f = programs["linear, 12 rows"];
    const own = scheduleFunction((sch) => {
      const [i] = sch.getLoops(sch.getBlock("product"));
      sch.split(i, sch.samplePerfectTile(i, 2));
    });
    const sch = own.sample(f, 3, target);
    assert.deepEqual(own.sample(f, 3, target).trace.decisions, sch.trace.decisions);
    const both = unionSpace(own, space);
    const kinds = new Set(
      [1, 2, 3, 4, 5, 6, 7, 8].map((s) => both.sample(f, s, target).script().includes("vectorized")),
    );
    assert.equal(kinds.size, 2, "points come from both spaces");
  });

  it("every sampling primitive has a mutator whose results keep the product, and stay among the choices", () => {
    const random = new Random(seed);
    for (let i = 0; i < 200; i++) {
      const factors = MUTATORS.samplePerfectTile.mutate(
        [6, 4, 8],
        { maxInnermostFactor: 16 },
        random,
      ) as number[];
      assert.equal(factors[0] * factors[1] * factors[2], 192);
      assert.ok(factors[2] <= 16);
      assert.notDeepEqual(factors, [6, 4, 8]);
      const parts = MUTATORS.samplePartitionedTile.mutate([6, 4, 8], { partitionPos: 1 }, random);
      if (parts !== undefined) assert.equal((parts as number[])[0], 6);
      const choice = MUTATORS.sampleCategorical.mutate(1, { probs: [0.5, 0.5, 0] }, random);
      assert.ok(choice === 0 || choice === 2);
    }
    assert.equal(MUTATORS.samplePerfectTile.mutate([1, 1], {}, random), undefined);
  });
});
