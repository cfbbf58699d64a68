/**
 * Products on matrix units: what the tensorized program computes, by the interpreter, against the one that was written,
 * for the shapes that devices have; which products go there without search, and what search draws. No device is needed:
 * targets are written by hand.
 */
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { assertWellFormed, bufferParams, constInt, type PrimFunc } from "../../../lib/ir/index.ts";
import { assertAllclose, Tensor } from "../../../lib/runtime/index.ts";
import { gpuTarget } from "../../../lib/runtime/tuning-target.ts";
import { applyTrace, Schedule, TensorIntrin, Trace } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import { type MatrixShape, matrixShapeText } from "../../../lib/schedule/subgroup-matrix.ts";
import { spaceFor } from "../../../lib/tune/by-target.ts";
import { gpuMachine, gpuScheduleOf } from "../../../lib/tune/default-gpu/index.ts";
import { matrixShapesFor } from "../../../lib/tune/default-gpu/matrix/choose.ts";
import { overLimit } from "../../../lib/tune/gpu-limits.ts";
import type { WebgpuTarget } from "../../../lib/tune/index.ts";
import { rejected } from "../../../lib/tune/postprocs.ts";
import { workloadModule } from "../../../lib/tune/space/space.ts";
import { convolutionOf, MATRIX_SHAPES, productOf } from "../../support/products.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261123;

const targetWith = (shapes: readonly MatrixShape[]): WebgpuTarget => ({
  ...gpuTarget(),
  matrix: { subgroupSize: 32, shapes },
});

const inputs = (f: PrimFunc): Tensor[] =>
  bufferParams(f).map((p, n) =>
    Tensor.random(
      p.shape.map((e) => constInt(e) as number),
      { seed: n + 1, dtype: p.dtype },
    ),
  );

function assertComputes(f: PrimFunc, scheduled: PrimFunc): void {
  const [expected, got] = [inputs(f), inputs(f)];
  interpret(f, expected);
  interpret(assertWellFormed(scheduled), got);
  const result = got[got.length - 1];
  const tolerance = result.dtype === "f16" ? 2e-2 : 1e-4;
  assertAllclose(result, expected[expected.length - 1], { rtol: tolerance, atol: tolerance });
}

const operations = (script: string): string[] => [...new Set(script.match(/subgroup_matrix_\w+/g) ?? [])];

describe(`tune, products on matrix units (seed ${seed})`, function () {
  this.timeout(120_000);

  for (const s of MATRIX_SHAPES) {
    const target = targetWith([s]);
    const byDefault = (f: PrimFunc): Schedule => gpuScheduleOf(f, gpuMachine(target));

    it(`${matrixShapeText(s)}: products of random sizes, either way round, with and without a consumer`, () => {
      const random = new Random(seed + s.M * s.N * s.K);
      for (const turned of ["", "x", "y", "xy"]) {
        const size = (n: number): number => n * (1 + random.int(3));
        // One in two is no whole number of matrices.
        const odd = random.real() < 0.5 ? 1 : 0;
        const f = productOf(s, {
          m: 2 * size(s.M) - odd,
          n: 2 * size(s.N) - 2 * odd,
          k: size(s.K),
          batch: random.int(2) * 2,
          turned,
          relu: random.real() < 0.5,
        });
        const sch = byDefault(f);
        assert.ok(
          operations(sch.script()).some((o) => o.includes("_multiply_")),
          sch.script(),
        );
        assertComputes(f, sch.func("main"));
      }
    });

    it(`${matrixShapeText(s)}: convolutions, by the elements that their windows see`, () => {
      for (const kernel of [1, 3]) {
        const f = convolutionOf(s, { channels: 2 * s.K, filters: 2 * s.M, size: 8, kernel });
        const sch = byDefault(f);
        assert.ok(
          operations(sch.script()).some((o) => o.includes("_multiply_")),
          sch.script(),
        );
        assertComputes(f, sch.func("main"));
      }
    });

    it(`${matrixShapeText(s)}: points of the space, and what their traces give again`, () => {
      const f = productOf(s, { m: 4 * s.M, n: 4 * s.N, k: 4 * s.K, batch: 0, turned: "y", relu: true });
      const random = new Random(seed);
      let used = 0;
      for (let i = 0; i < 4; i++) {
        const sch = spaceFor(target).sample(f, random.fork(), target);
        const found = rejected(sch.func("main"), target);
        assert.ok(!found || found.status === "overLimits", found?.why);
        const trace = Trace.from(JSON.parse(JSON.stringify(sch.trace)));
        assert.equal(applyTrace(trace, new Schedule(workloadModule(f))).script(), sch.script());
        if (operations(sch.script()).length === 0) continue;
        used++;
        assertComputes(f, sch.func("main"));
      }
      assert.ok(used > 0, "no point uses the matrix units");
    });
  }

  const [first] = MATRIX_SHAPES;
  const small = { m: 2 * first.M, n: 2 * first.N, k: 2 * first.K, batch: 0, turned: "", relu: false };

  it("a target without them gets no such program, neither by default nor from the search", () => {
    const f = productOf(first, small);
    const plain = gpuTarget();
    assert.deepEqual(operations(gpuScheduleOf(f, gpuMachine(plain)).script()), []);
    const random = new Random(seed);
    for (let i = 0; i < 8; i++)
      assert.deepEqual(operations(spaceFor(plain).sample(f, random.fork(), plain).script()), []);
  });

  it("says why a product does not go to matrix units", () => {
    const why = (f: PrimFunc, shapes: readonly MatrixShape[]): unknown => {
      const sch = new Schedule(f);
      return matrixShapesFor(sch.get(sch.getBlock("C")), { subgroupSize: 32, shapes });
    };
    const half: MatrixShape = { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 };
    assert.equal(
      why(productOf(first, small), [half]),
      "no shape takes f32 to f32; the adapter offers f16 to f32, 16 x 16 x 16",
    );
    assert.equal(
      why(productOf(half, { ...small, m: 3 }), [half]),
      "3 x 16 x 16 filled up to whole matrices is more than 2 times the work",
    );
    assert.deepEqual(why(productOf(first, small), [half, first]), [first]);
  });

  it("a name in a record stands for its intrinsic, whoever made the record", () => {
    const name = "subgroup_matrix_multiply_f16_f32_4x4x4";
    assert.equal(TensorIntrin.get(name), undefined);
    const sch = new Schedule(productOf(first, small));
    const C = sch.getBlock("C");
    assert.throws(() => sch.tensorize(sch.getLoops(C)[0], name), /does not match the description/);
    assert.ok(TensorIntrin.get(name));
  });

  it("threads that matrix units ask for count as the workgroup's", () => {
    const f = gpuScheduleOf(productOf(first, small), gpuMachine(targetWith([first]))).func("main");
    assert.equal(overLimit(f, gpuTarget().limits, 32), undefined);
    assert.match(
      String(overLimit(f, gpuTarget().limits, 512)),
      /512 threads on threadIdx.x; the adapter's maxComputeWorkgroupSizeX is 256/,
    );
  });
});
