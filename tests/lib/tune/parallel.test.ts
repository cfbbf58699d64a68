/** Loops that the default schedule spreads over threads: which they are, and that results stay. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { interpret } from "../../../lib/codegen/index.ts";
import {
  assertWellFormed,
  bufferParams,
  childStmts,
  constInt,
  irModule,
  loopsIn,
  type PrimFunc,
  primFuncs,
  type Stmt,
} from "../../../lib/ir/index.ts";
import { assertAllclose, build, setThreads, Tensor } from "../../../lib/runtime/index.ts";
import { T } from "../../../lib/script/index.ts";
import { defaultSchedule } from "../../../lib/tune/default/index.ts";
import { spreadLoops } from "../../../lib/tune/default/parallel.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import {
  batchedProduct,
  convolution,
  depthwise,
  layerNorm,
  linear,
  pooling,
  softmax,
  transposed,
} from "./programs.ts";

function argumentsFor(f: PrimFunc): Tensor[] {
  return bufferParams(f).map((p, n) => {
    const shape = p.shape.map((s) => constInt(s) as number);
    return Tensor.random(shape, { dtype: p.dtype, seed: n + 1 });
  });
}

const spread = (f: PrimFunc, threads = 3, worth = 0): PrimFunc =>
  primFuncs(spreadLoops(irModule({ main: f }), threads, worth)).main;
const parallelLoops = (f: PrimFunc): string[] =>
  loopsIn(f.body)
    .filter((l) => l.loopKind === "parallel")
    .map((l) => l.v.name);

/** Spread, whatever it is worth, and run on three threads. */
async function check(f: PrimFunc, tolerance = { rtol: 1e-4, atol: 1e-5 }): Promise<PrimFunc> {
  const g = assertWellFormed(spread(defaultSchedule(f)), "the program spread over threads");
  const [want, compiled] = [argumentsFor(f), argumentsFor(f)];
  interpret(f, want);
  const lib = await build(g);
  await lib.main(...compiled);
  const last = want.length - 1;
  assertAllclose(compiled[last], want[last], tolerance);
  for (const t of [...want, ...compiled]) t.dispose();
  return g;
}

/** Fewer in the inner loop. */
const runs = (n: number): number => Math.min(n, Number(process.env.TILEWRIGHT_RUNS ?? n));

describe("tune: loops spread over threads", function () {
  this.timeout(120_000);
  before(() => setThreads(3, { oversubscribe: true }));
  after(() => setThreads());

  const programs: Record<string, PrimFunc> = {
    "a matrix product": linear(48, 32, 64),
    "products of a batch": batchedProduct(6, 12, 16, 24),
    "a convolution": convolution(8, 16, 12, { kernel: 3, pad: 1 }),
    softmax: softmax(12, 40),
    "layer norm": layerNorm(12, 48),
    pooling: pooling(8, 12, { kernel: 3, stride: 2 }),
    "a depthwise convolution": depthwise(8, 12, { kernel: 3, pad: 1 }),
    "a transposed convolution": transposed(4, 8, 6, 2),
  };
  for (const [name, f] of Object.entries(programs)) {
    it(`${name} has loops for them`, async () => {
      assert.notDeepEqual(parallelLoops(await check(f)), []);
    });
  }

  it("columns of a convolution are shared, also where tiles of them begin in the middle of a row", async () => {
    // 400 columns are 25 tiles of 16; a row has 20 of them.
    const g = await check(convolution(16, 24, 20, { kernel: 1, pad: 0 }));
    const outside = (s: Stmt, around: number): number[] => {
      if (s.kind === "for" && s.loopKind === "parallel") return [around];
      const n = s.kind === "for" ? around * (constInt(s.extent) ?? 1) : around;
      return childStmts(s).flatMap((x) => outside(x, n));
    };
    // Threads begin once: not in every round of a loop around those that they share.
    const starts = outside(g.body, 1);
    assert.ok(starts.length > 0 && starts.every((n) => n === 1), `${starts} starts`);
  });

  it("random programs keep their results", async () => {
    await fc.assert(
      fc.asyncProperty(recipe, async (r) => {
        await check(
          programOf(r),
          r.dtype === "f16" ? { rtol: 2e-2, atol: 2e-2 } : { rtol: 1e-4, atol: 1e-4 },
        );
      }),
      { numRuns: runs(120), seed: 20261122 },
    );
  });

  it("what one iteration hands to the next stays serial", () => {
    const carried = T.primFunc({ A: T.buffer([4096]), B: T.buffer([4096]) }, ({ A, B }) => {
      const s = T.alloc([1]);
      s[0] = 0;
      for (const i of T.serial(4096)) {
        s[0] = s[0] + A[i];
        B[i] = s[0];
      }
    });
    const shifted = T.primFunc({ A: T.buffer([4096]) }, ({ A }) => {
      for (const i of T.serial(4095)) A[i + 1] = A[i] * 2;
    });
    const overlapping = T.primFunc({ A: T.buffer([4096]), B: T.buffer([4100]) }, ({ A, B }) => {
      for (const i of T.serial(1024)) {
        for (const j of T.serial(8)) B[i * 4 + j] = A[i] + T.cast(j, "f32");
      }
    });
    const apart = T.primFunc({ A: T.buffer([4096]), B: T.buffer([4096]) }, ({ A, B }) => {
      for (const i of T.serial(1024)) {
        for (const j of T.serial(4)) B[i * 4 + j] = A[i * 4 + j] * 2;
      }
    });
    for (const f of [carried, shifted]) assert.deepEqual(parallelLoops(spread(f)), []);
    assert.deepEqual(parallelLoops(spread(overlapping)), ["j"]);
    assert.deepEqual(parallelLoops(spread(apart)), ["i"]);
  });

  it("loops that are too short, or have too little to do, stay serial; so does what somebody has scheduled", () => {
    const f = linear(48, 32, 64);
    const g = defaultSchedule(f);
    assert.equal(spread(g, 1), g);
    assert.equal(spread(g, 3, 1e12), g);
    const marked = { ...g, attrs: { ...g.attrs, scheduled: true } };
    assert.equal(spread(marked), marked);
  });
});
