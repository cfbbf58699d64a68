/**
 * Reductions over threads: by subgroup operations where the device has them, through the memory of the workgroup
 * elsewhere. SwiftShader has subgroups (of 4 threads); code for a device without them, or without numbers of subgroups, runs
 * on it too.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compileWgsl, type WgslOptions } from "../../../lib/codegen/wgsl/index.ts";
import { type DType, type Expr, irModule, ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";
import type { ReduceAxis } from "../../../lib/te/reduce.ts";
import { GPU_MACHINES, gpuSchedule } from "../../../lib/tune/default-gpu/index.ts";
import { skipBecause } from "../../../scripts/skip.ts";
import { requireGpu } from "../../support/system.ts";
import { layerNorm, softmax } from "../tune/programs.ts";
import { assertAgrees, wholeNumbers } from "./harness.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const runs = Math.min(400, Math.ceil(Number(process.env.TILEWRIGHT_RUNS ?? 400) / 10));

/** What code is made for, and whether it then has subgroup operations. */
const MODES: readonly (readonly [string, WgslOptions, boolean])[] = [
  ["without subgroups", { features: new Set(), language: new Set() }, false],
  ["with subgroups", { features: new Set(["subgroups"]), language: new Set() }, true],
  ["with numbered subgroups", { features: new Set(["subgroups"]), language: new Set(["subgroup_id"]) }, true],
];

const REDUCERS = {
  sum: (x: Expr, k: ReduceAxis) => te.sum(x, k),
  max: (x: Expr, k: ReduceAxis) => te.max(x, k),
  min: (x: Expr, k: ReduceAxis) => te.min(x, k),
  /** Of -1, 0 and 1: products of whole numbers leave 32 bits soon. */
  prod: (x: Expr, k: ReduceAxis) => te.prod(ops.sub(ops.min(ops.max(x, -1), 1), 0), k),
} as const;
type Kind = keyof typeof REDUCERS;

function rows(kind: Kind, m: number, n: number, dtype: DType = "f32"): PrimFunc {
  const A = te.placeholder([m, n], "A", dtype);
  const k = te.reduceAxis(n, "k");
  return te.createPrimFunc([A, te.compute([m], (i) => REDUCERS[kind](A.at(i, k.v), k), "B")]);
}

interface Case {
  readonly kind: Kind;
  readonly dtype: "f32" | "i32";
  readonly m: number;
  readonly n: number;
  readonly threads: number;
  readonly side: number;
  readonly shape: "row" | "plane" | "rows beside" | "in a loop" | "short rows too";
}

const cases: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom(...(Object.keys(REDUCERS) as Kind[])),
  dtype: fc.constantFrom("f32", "i32"),
  m: fc.integer({ min: 1, max: 6 }),
  n: fc.integer({ min: 2, max: 150 }),
  threads: fc.integer({ min: 1, max: 64 }),
  side: fc.integer({ min: 1, max: 4 }),
  shape: fc.constantFrom("row", "plane", "rows beside", "in a loop", "short rows too"),
});

/** The schedule, and whether the threads of a workgroup have one result at a time. */
function scheduled(c: Case): { original: PrimFunc; func: PrimFunc; together: boolean } {
  const original = rows(c.kind, c.m, c.n, c.dtype);
  const sch = new Schedule(original);
  const [i, k] = sch.getLoops(sch.getBlock("B"));
  if (c.shape === "plane") {
    const [, y, x] = sch.split(k, [null, c.side, c.threads]);
    sch.bind(i, "blockIdx.x");
    sch.bind(y, "threadIdx.y");
    sch.bind(x, "threadIdx.x");
    return { original, func: sch.func(), together: c.side * c.threads > 1 };
  }
  const [, x] = sch.split(k, [null, c.threads]);
  sch.bind(x, "threadIdx.x");
  if (c.shape === "row") sch.bind(i, "blockIdx.x");
  if (c.shape === "in a loop" || c.shape === "rows beside") {
    const [group, inner] = sch.split(i, [null, c.side]);
    sch.bind(group, "blockIdx.x");
    if (c.shape === "rows beside") sch.bind(inner, "threadIdx.y");
  }
  if (c.shape === "short rows too") {
    // More threads than the reduction has.
    const fetched = sch.cacheRead(sch.getBlock("B"), 0, "shared");
    sch.bind(i, "blockIdx.x");
    sch.computeAt(fetched, i);
    const [along] = sch.getLoops(fetched).slice(1);
    const [, all] = sch.split(along, [null, c.threads + c.side]);
    sch.bind(all, "threadIdx.x");
  }
  return { original, func: sch.func(), together: c.threads > 1 && c.shape !== "rows beside" };
}

const code = (f: PrimFunc, as: WgslOptions): string => compileWgsl(irModule({ main: f }), as).source();

describe(`wgsl, reductions over threads (seed ${seed})`, function () {
  this.timeout(120_000);
  before(async function () {
    await requireGpu(this);
    const { features, language } = await gpuDevice();
    if (!features.has("subgroups") || !language.has("subgroup_id"))
      skipBecause(this, "needs an adapter with subgroups, and WGSL with subgroup_id");
  });
  after(releaseGpu);

  for (const [name, as, has] of MODES) {
    it(`${runs} random reductions ${name} give what the interpreter gives`, async () => {
      let used = 0;
      await fc.assert(
        fc.asyncProperty(cases, async (c) => {
          const { original, func, together } = scheduled(c);
          const f = await assertAgrees(original, func, () => wholeNumbers(original), undefined, as);
          assert.deepEqual(f.notes, []);
          const text = f.kernels.map((k) => k.code).join("\n");
          if (text.includes("subgroup")) used++;
          if (!has) assert.ok(!text.includes("subgroup"), text);
          else if (together) assert.match(text, /^enable subgroups;$/m);
        }),
        { numRuns: runs, seed },
      );
      assert.ok(has ? used > runs / 3 : used === 0, `${used} of ${runs}`);
    });

    it(`argmax ${name}: the first of equal values, when the program says so`, async () => {
      const f = T.primFunc(
        { A: T.buffer([3, 90]), P: T.buffer([3], "i32"), V: T.buffer([3]) },
        ({ A, P, V }) => {
          for (const [i, k] of T.grid(3, 90)) {
            T.block("best", () => {
              const [vi, vk] = T.axis.remap("SR", [i, k]);
              T.init(() => {
                P[vi] = 0x7fffffff;
                V[vi] = T.minValue("f32");
              });
              const x = A[vi][vk];
              const better = x > V[vi] || (x === V[vi] && vk < P[vi]);
              const position = better ? vk : P[vi];
              const value = better ? x : V[vi];
              P[vi] = position;
              V[vi] = value;
            });
          }
        },
      );
      const sch = new Schedule(f);
      const [i, k] = sch.getLoops(sch.getBlock("best"));
      const [, x] = sch.split(k, [null, 32]);
      sch.bind(i, "blockIdx.x");
      sch.bind(x, "threadIdx.x");
      const inputs = (): Tensor[] => {
        const data = Float32Array.from({ length: 270 }, (_, n) => (n * 37) % 61);
        return [Tensor.from(data, [3, 90]), Tensor.zeros([3], "i32"), Tensor.zeros([3])];
      };
      const { notes } = await assertAgrees(f, sch.func(), inputs, undefined, as);
      assert.deepEqual(notes, []);
    });

    it(`max and min ${name} keep NaN and infinities`, async () => {
      for (const kind of ["max", "min"] as const) {
        const f = rows(kind, 4, 48);
        const sch = new Schedule(f);
        const [i, k] = sch.getLoops(sch.getBlock("B"));
        sch.bind(i, "blockIdx.x");
        sch.bind(k, "threadIdx.x");
        const values = Float32Array.from({ length: 4 * 48 }, (_, n) => (n % 7) - 3);
        values[30] = Number.NaN;
        values[48 + 47] = Number.NEGATIVE_INFINITY;
        values[96] = Number.POSITIVE_INFINITY;
        const inputs = (): Tensor[] => [Tensor.from(values.slice(), [4, 48]), Tensor.zeros([4])];
        await assertAgrees(f, sch.func(), inputs, { rtol: 0, atol: 0, equalNan: true }, as);
      }
    });

    for (const [what, f] of [
      ["softmax", softmax(5, 100)],
      ["layer norm", layerNorm(4, 70)],
      ["a sum with bias and ReLU", biased(3, 77)],
    ] as const) {
      it(`${what} of the default schedule ${name}: one kernel, threads share the rows`, async () => {
        const func = gpuSchedule(f, GPU_MACHINES.hardware);
        const inputs = (): Tensor[] =>
          f.params.map((p, n) => {
            if (p.kind !== "buffer") throw new TypeError("buffers alone");
            const shape = p.shape.map((e) => (e.kind === "const" ? Number(e.value) : 1));
            return Tensor.random(shape, { seed: n + 1 });
          });
        const { kernels, notes } = await assertAgrees(f, func, inputs, { rtol: 1e-5, atol: 1e-5 }, as);
        assert.deepEqual(notes, []);
        assert.equal(kernels.length, 1);
        assert.deepEqual(kernels[0].features, has ? ["subgroups"] : []);
      });
    }
  }

  it("a device has code for what it has", async () => {
    const { features, language, limits } = await gpuDevice();
    const f = gpuSchedule(softmax(4, 64), GPU_MACHINES.hardware);
    assert.match(code(f, { features, language, limits }), /subgroupAdd/);
    assert.ok(!code(f, { limits }).includes("subgroup"));
  });

  it("what its threads cannot share runs in one of them, and says so", async () => {
    // The init stands apart: nothing says any more what a sum begins with.
    const f = rows("sum", 4, 64);
    const sch = new Schedule(f);
    const B = sch.getBlock("B");
    const [i, k] = sch.getLoops(B);
    sch.bind(i, "blockIdx.x");
    sch.bind(k, "threadIdx.x");
    sch.decomposeReduction(B, k);
    const { notes } = await assertAgrees(f, sch.func(), () => wholeNumbers(f));
    assert.match(notes.join("\n"), /carries a reduction that its threads cannot share: one thread runs it/);
  });
});

/** A sum that begins with a bias, which ReLU follows. */
function biased(m: number, n: number): PrimFunc {
  const [A, b] = [te.placeholder([m, n], "A"), te.placeholder([m], "b")];
  const k = te.reduceAxis(n, "k");
  const S = te.compute([m], (i) => te.sum(A.at(i, k.v), k), "S");
  return te.createPrimFunc([A, b, te.compute([m], (i) => ops.max(ops.add(S.at(i), b.at(i)), 0), "C")]);
}
