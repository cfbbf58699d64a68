/**
 * Matrix units. No adapter here has them: what they mean is interpreted, the programs in their place run on the adapter at
 * hand, and shaders with them go through Dawn's compiler, on its null backend, which has the extension and runs nothing.
 */
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { compileWgsl, type WgslOptions } from "../../../lib/codegen/wgsl/index.ts";
import {
  assertWellFormed,
  bufferParams,
  cast,
  constInt,
  irModule,
  type PrimFunc,
} from "../../../lib/ir/index.ts";
import { assertAllclose, Tensor } from "../../../lib/runtime/index.ts";
import { gpuTarget } from "../../../lib/runtime/tuning-target.ts";
import { reportOf } from "../../../lib/runtime/webgpu/adapter.ts";
import { GpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import {
  type MatrixShape,
  matrixIntrinsics,
  matrixShapeText,
} from "../../../lib/schedule/subgroup-matrix.ts";
import { te } from "../../../lib/te/index.ts";
import { spaceFor } from "../../../lib/tune/by-target.ts";
import { gpuMachine, gpuScheduleOf } from "../../../lib/tune/default-gpu/index.ts";
import { rejected } from "../../../lib/tune/postprocs.ts";
import { skipBecause } from "../../../scripts/skip.ts";
import { convolutionOf, MATRIX_SHAPES, productOf } from "../../support/products.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees, wholeNumbers } from "./harness.ts";

const SHAPES: readonly MatrixShape[] = [
  { componentType: "f32", resultComponentType: "f32", M: 8, N: 8, K: 8 },
  { componentType: "f16", resultComponentType: "f16", M: 16, N: 16, K: 16 },
  { componentType: "f16", resultComponentType: "f32", M: 16, N: 8, K: 16 },
];
function product(m: number, n: number, k: number, s: MatrixShape): PrimFunc {
  const A = te.placeholder([m, k], "A", s.componentType);
  const B = te.placeholder([k, n], "B", s.componentType);
  const r = te.reduceAxis(k, "r");
  const wide = (x: Parameters<typeof cast>[0]) =>
    s.componentType === s.resultComponentType ? x : cast(x, s.resultComponentType);
  const C = te.compute([m, n], (i, j) => te.sum(te.mul(wide(A.at(i, r)), wide(B.at(r, j))), [r]), "C");
  return te.createPrimFunc([A, B, C]);
}

/** Tiles of `rows` x `columns` matrices for each workgroup. */
function onMatrixUnits(
  f: PrimFunc,
  s: MatrixShape,
  rows: number,
  columns: number,
  axis = "blockIdx.x",
): PrimFunc {
  const names = matrixIntrinsics(s);
  const sch = new Schedule(f);
  const C = sch.getBlock("C");
  const a = sch.cacheRead(C, 0, "subgroup.left");
  const b = sch.cacheRead(C, 1, "subgroup.right");
  const c = sch.cacheWrite(C, 0, "subgroup.result");
  const [i, j, k] = sch.getLoops(C);
  const [i0, i1, i2] = sch.split(i, [null, rows, s.M]);
  const [j0, j1, j2] = sch.split(j, [null, columns, s.N]);
  const [k0, k1] = sch.split(k, [null, s.K]);
  sch.reorder(i0, j0, k0, i1, j1, i2, j2, k1);
  sch.bind(i0, "blockIdx.y");
  sch.bind(j0, axis);
  sch.computeAt(a, k0);
  sch.computeAt(b, k0);
  sch.reverseComputeAt(c, j0);
  const init = sch.decomposeReduction(C, k0);
  const tiled = (block: typeof C, name: string, h: number, w: number): void => {
    const [y, x] = sch.getLoops(block).slice(-2);
    const [y0, y1] = sch.split(y, [null, h]);
    const [x0, x1] = sch.split(x, [null, w]);
    sch.reorder(y0, x0, y1, x1);
    sch.unroll(y0);
    sch.unroll(x0);
    sch.tensorize(y1, name);
  };
  tiled(a, names.loadLeft, s.M, s.K);
  tiled(b, names.loadRight, s.K, s.N);
  tiled(c, names.store, s.M, s.N);
  const filled = sch.getLoops(init).slice(2);
  for (const l of filled.slice(0, -2)) sch.unroll(l);
  sch.tensorize(filled[filled.length - 2], names.fill);
  sch.unroll(i1);
  sch.unroll(j1);
  sch.tensorize(i2, names.multiply);
  return assertWellFormed(sch.func());
}

describe("wgsl, matrix units", function () {
  this.timeout(120_000);
  let none: GpuDevice | undefined;
  // Devices do not outlive the instance they come from.
  let instance: GPU | undefined;
  let options: WgslOptions = {};
  before(async function () {
    await requireGpu(this);
    const { create } = (await import("webgpu")) as unknown as { create(flags: readonly string[]): GPU };
    instance = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
    const adapter = await instance.requestAdapter();
    const wanted = ["chromium-experimental-subgroup-matrix", "shader-f16", "subgroups"];
    if (!adapter || !wanted.every((w) => adapter.features.has(w)))
      return skipBecause(this, "needs Dawn's null backend with subgroup matrices");
    const device = await adapter.requestDevice({ requiredFeatures: wanted as GPUFeatureName[] });
    none = new GpuDevice(device, reportOf(adapter));
    options = {
      features: new Set(wanted),
      matrix: { subgroupSize: adapter.info.subgroupMaxSize ?? 32, shapes: SHAPES },
    };
  });
  after(async () => {
    none?.destroy();
    instance = undefined;
    await releaseGpu();
  });

  for (const s of SHAPES) {
    const f = product(4 * s.M, 2 * s.N, 3 * s.K, s);
    it(`${matrixShapeText(s)}: the operations mean what the product means`, () => {
      const inputs = (): Tensor[] =>
        bufferParams(f).map((p, n) =>
          Tensor.random(
            p.shape.map((e) => constInt(e) as number),
            { seed: n + 1, dtype: p.dtype },
          ),
        );
      const [expected, got] = [inputs(), inputs()];
      interpret(f, expected);
      interpret(onMatrixUnits(f, s, 2, 1), got);
      const tolerance = s.resultComponentType === "f16" ? 1e-2 : 1e-5;
      assertAllclose(got[2], expected[2], { rtol: tolerance, atol: tolerance });
    });

    it(`${matrixShapeText(s)}: Dawn compiles the shader, with one operation for each matrix`, async () => {
      const { main } = compileWgsl(irModule({ main: onMatrixUnits(f, s, 2, 2) }), options).functions;
      assert.deepEqual(main.notes, []);
      const [{ code, workgroup, features }] = main.kernels;
      for (const k of main.kernels) await none?.pipeline(k);
      const times = (text: string): number => code.split(text).length - 1;
      assert.deepEqual(
        ["subgroupMatrixLoad<", "subgroupMatrixMultiplyAccumulate(", "subgroupMatrixStore<"].map(times),
        [4, 4, 4],
        code,
      );
      assert.ok(code.includes(`subgroup_matrix_result<${s.resultComponentType}, ${s.N}, ${s.M}>`), code);
      assert.equal(workgroup[0], options.matrix?.subgroupSize);
      assert.ok(features.includes("chromium-experimental-subgroup-matrix"));
    });
  }

  const size = (): number => options.matrix?.subgroupSize ?? 32;

  /** Kernels of the program that Dawn has compiled. */
  async function compiled(f: PrimFunc, shapes: readonly MatrixShape[]): Promise<string[]> {
    const matrix = { subgroupSize: size(), shapes };
    const { main } = compileWgsl(irModule({ main: f }), { ...options, matrix }).functions;
    assert.deepEqual(main.notes, []);
    for (const k of main.kernels) await none?.pipeline(k);
    return main.kernels.map((k) => k.code);
  }

  for (const s of MATRIX_SHAPES) {
    it(`${matrixShapeText(s)}: Dawn compiles schedules without search, whichever way round operands are, with zeros behind them or not`, async () => {
      const { M, N, K } = s;
      const units = { subgroupSize: size(), shapes: [s] };
      for (const [turned, odd] of [
        ["", 0],
        ["xy", 0],
        ["x", 1],
        ["y", 1],
      ] as const) {
        const sizes = { m: 4 * M - odd, n: 4 * N - odd, k: 2 * K, batch: 2, turned, relu: odd === 1 };
        const f = gpuScheduleOf(productOf(s, sizes), gpuMachine({ software: false, matrix: units })).func(
          "main",
        );
        const [code, ...more] = await compiled(f, [s]);
        assert.equal(more.length, 0, "one kernel does it all");
        assert.ok(code.includes("subgroupMatrixMultiplyAccumulate("), code);
        assert.equal(code.includes("col_major"), turned !== "", code);
        assert.ok(code.includes("var<workgroup>"), code);
      }
      const picture = convolutionOf(s, { channels: 2 * K, filters: 2 * M, size: 10, kernel: 3 });
      const [code] = await compiled(
        gpuScheduleOf(picture, gpuMachine({ software: false, matrix: units })).func("main"),
        [s],
      );
      assert.ok(code.includes("subgroupMatrixMultiplyAccumulate("), code);
    });
  }

  it("points of the search go through Dawn, too: operands straight from device memory among them", async () => {
    const [s] = MATRIX_SHAPES;
    const target = { ...gpuTarget(), matrix: { subgroupSize: size(), shapes: [s] } };
    const f = productOf(s, { m: 64, n: 64, k: 64, batch: 0, turned: "y", relu: false });
    const random = new Random(7);
    const ways = new Set<boolean>();
    for (let i = 0; i < 24; i++) {
      const func = spaceFor(target).sample(f, random.fork(), target).func("main");
      if (rejected(func, target)) continue;
      for (const code of await compiled(func, [s]))
        if (code.includes("subgroupMatrixLoad<")) ways.add(/subgroupMatrixLoad<[^(]*\(&[AB],/.test(code));
    }
    assert.deepEqual([...ways].sort(), [false, true]);
  });

  it("a device without the feature, or the shape, runs the program in the place of the operation", async () => {
    const [s] = SHAPES;
    const f = product(16, 16, 16, s);
    const func = onMatrixUnits(f, s, 1, 2);
    await assertAgrees(f, func, () => wholeNumbers(f));
    const other = { ...options, matrix: { subgroupSize: 32, shapes: SHAPES.slice(1) } };
    for (const as of [other, { ...options, features: new Set<string>() }, {}])
      assert.ok(
        !compileWgsl(irModule({ main: func }), as)
          .source()
          .includes("subgroup_matrix_left"),
      );
  });

  it("nothing around an operation may be bound to threads", () => {
    const [s] = SHAPES;
    const func = onMatrixUnits(product(16, 16, 16, s), s, 1, 1, "threadIdx.x");
    assert.throws(
      () =>
        compileWgsl(irModule({ main: func }), { ...options, matrix: { subgroupSize: 2, shapes: SHAPES } }),
      /all threads of a subgroup carry it out together, but .* is bound to threadIdx\.x/,
    );
  });
});
