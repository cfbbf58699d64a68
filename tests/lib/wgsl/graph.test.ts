/** Graph-level functions on the GPU: default schedules, placement, copies, clocks. Compared with the CPU. */
import assert from "node:assert/strict";
import { compileWgsl } from "../../../lib/codegen/wgsl/index.ts";
import { BlockBuilder, lowerGraph, R } from "../../../lib/graph/index.ts";
import type { GraphExpr, GraphVar, IRModule } from "../../../lib/ir/index.ts";
import { irModule, primFuncs } from "../../../lib/ir/index.ts";
import { build, GpuTensor, type GraphResult, registerFunc, Tensor } from "../../../lib/runtime/index.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { GPU_MACHINES, gpuSchedule, scheduleForGpu } from "../../../lib/tune/default-gpu/index.ts";
import { CONTROL_FLOW } from "../../support/control-flow.ts";
import { requireGpu } from "../../support/system.ts";
import { assertClose, oracle, toData, toTensor } from "../runtime/vm-support.ts";

type Emit = (e: GraphExpr) => GraphVar;

function main(
  shapes: readonly (readonly number[])[],
  f: (emit: Emit, xs: GraphVar[]) => GraphExpr,
): IRModule {
  const bb = new BlockBuilder();
  const xs = shapes.map((s, i) => R.var(`x${i}`, R.tensor([...s])));
  bb.function("main", undefined, () => {
    const out = bb.dataflow(() => bb.emitOutput(f((e) => bb.emit(e), xs)));
    bb.emitFuncOutput(out, xs);
  });
  return bb.get();
}

/** What the schedule must look like, beside giving the right numbers. */
interface Case {
  readonly module: IRModule;
  readonly inputs: readonly (readonly number[])[];
  /** The text of the kernels has memory of the workgroup: always, or only for real GPUs, and never for drivers in software. */
  readonly shared?: "always" | "hardware";
  readonly kernels?: number;
}
const make = (
  inputs: readonly (readonly number[])[],
  f: (emit: Emit, xs: GraphVar[]) => GraphExpr,
  traits: Pick<Case, "shared" | "kernels"> = {},
): Case => ({ module: main(inputs, f), inputs, ...traits });

const conv = (strides: number, p: number) => ({ strides: [strides, strides], padding: [p, p, p, p] });

const CASES: Readonly<Record<string, Case>> = {
  "a matrix product": make(
    [
      [64, 128],
      [128, 96],
    ],
    (_, [a, b]) => R.matmul(a, b),
    { shared: "hardware", kernels: 1 },
  ),
  "a matrix product with bias and ReLU": make(
    [[40, 24], [24, 56], [56]],
    (e, [a, b, c]) => R.nn.relu(e(R.add(e(R.matmul(a, b)), c))),
    { shared: "hardware", kernels: 1 },
  ),
  "a product of batches": make(
    [
      [3, 16, 20],
      [3, 20, 32],
    ],
    (_, [a, b]) => R.matmul(a, b),
    { shared: "hardware" },
  ),
  "a product with sides that are prime numbers": make(
    [
      [17, 23],
      [23, 13],
    ],
    (_, [a, b]) => R.matmul(a, b),
  ),
  "a row times a matrix": make(
    [
      [1, 64],
      [64, 100],
    ],
    (_, [a, b]) => R.matmul(a, b),
  ),
  "a convolution": make(
    [
      [1, 16, 14, 14],
      [32, 16, 3, 3],
      [32, 1, 1],
    ],
    (e, [x, w, b]) => R.nn.relu(e(R.add(e(R.nn.conv2d(x, w, conv(1, 1))), b))),
    { shared: "hardware", kernels: 1 },
  ),
  "a convolution with a stride": make(
    [
      [1, 3, 32, 32],
      [64, 3, 7, 7],
    ],
    (_, [x, w]) => R.nn.conv2d(x, w, conv(2, 3)),
    { shared: "hardware", kernels: 1 },
  ),
  "a depthwise convolution": make(
    [
      [1, 12, 9, 9],
      [12, 1, 3, 3],
    ],
    (_, [x, w]) => R.nn.conv2d(x, w, { ...conv(1, 1), groups: 12 }),
  ),
  "a softmax": make([[20, 48]], (_, [x]) => R.nn.softmax(x, { axis: -1 }), { shared: "always", kernels: 1 }),
  "a softmax over long rows": make([[3, 200]], (_, [x]) => R.nn.softmax(x, { axis: -1 }), {
    shared: "always",
    kernels: 1,
  }),
  "a layer norm": make([[6, 32], [32], [32]], (_, [x, g, b]) => R.nn.layerNorm(x, g, b, { axes: [-1] }), {
    shared: "always",
  }),
  "a mean over long rows": make([[4, 300]], (_, [x]) => R.mean(x, { axis: [1] }), {
    shared: "always",
    kernels: 1,
  }),
  "sums down the columns": make([[50, 70]], (_, [x]) => R.sum(x, { axis: [0] }), { kernels: 1 }),
  "attention's weights": make(
    [
      [2, 12, 16],
      [2, 12, 16],
    ],
    (e, [q, k]) =>
      R.nn.softmax(e(R.multiply(e(R.matmul(q, e(R.permuteDims(k, { axes: [0, 2, 1] })))), R.const(0.25))), {
        axis: -1,
      }),
  ),
  "a network": make(
    [[1, 3, 16, 16], [16, 3, 3, 3], [16, 1, 1], [16, 16, 3, 3], [16, 16], [16]],
    (e, [x, w1, b1, w2, w3, b3]) => {
      const a = e(R.nn.relu(e(R.add(e(R.nn.conv2d(x, w1, conv(2, 1))), b1))));
      const b = e(R.add(a, e(R.nn.relu(e(R.nn.conv2d(a, w2, conv(1, 1)))))));
      return R.add(e(R.matmul(e(R.mean(b, { axis: [2, 3] })), w3)), b3);
    },
  ),
  "sums of elements, in vectors": make(
    [
      [8, 16],
      [8, 16],
    ],
    (_, [x, y]) => R.add(x, y),
    { kernels: 1 },
  ),
  "a max-pool": make([[1, 6, 13, 13]], (_, [x]) =>
    R.nn.maxPool2d(x, { poolSize: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] }),
  ),
};

const tensors = (shapes: readonly (readonly number[])[]): Tensor[] =>
  shapes.map((s, i) => Tensor.random([...s], { seed: i + 1, min: -1, max: 1 }));

function assertNear(got: Tensor, want: Tensor, relative: number): void {
  assert.deepEqual([...got.shape], [...want.shape]);
  const [a, b] = [got.data as Float32Array, want.data as Float32Array];
  const scale = b.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  assert.ok(scale > 0, "there is something to compare");
  for (let i = 0; i < b.length; i++) {
    if (!(Math.abs(a[i] - b[i]) <= relative * scale))
      assert.fail(`element ${i}: ${a[i]}, must be ${b[i]} (of ${scale})`);
  }
}

describe("webgpu, graph-level functions", function () {
  this.timeout(120_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  for (const machine of Object.values(GPU_MACHINES))
    for (const [name, c] of Object.entries(CASES)) {
      it(`${name}, as for ${machine.name}`, async () => {
        const pipeline = { schedule: scheduleForGpu(() => machine) };
        const [gpu, cpu] = [await build(c.module, { target: "webgpu", pipeline }), await build(c.module)];
        const args = tensors(c.inputs);
        assertNear(await gpu.main(...args), await cpu.main(...args), 1e-5);
        const programs = Object.values(primFuncs(lowerGraph(c.module).module));
        const made = programs.map((f) => compileWgsl(irModule({ main: gpuSchedule(f, machine) })));
        assert.deepEqual(
          made.flatMap((m) => m.functions.main.notes),
          [],
        );
        const shared = made.some((m) => m.source().includes("var<workgroup>"));
        if (c.shared) assert.equal(shared, machine.together || c.shared === "always");
        const kernels = made.reduce((n, m) => n + m.functions.main.kernels.length, 0);
        // Without memory of a workgroup what a convolution gathers is laid out before.
        const more = machine.together || !name.includes("convolution") ? 0 : 1;
        if (c.kernels) assert.equal(kernels, c.kernels + more);
        gpu.dispose();
        cpu.dispose();
      });
    }

  it("a network is one submit and one read-back", async () => {
    const { module: mod, inputs } = CASES["a network"];
    const args = tensors(inputs);
    const [gpu, cpu] = [await build(mod, { target: "webgpu" }), await build(mod)];
    const want = await cpu.main(...args);
    assertNear(await gpu.main(...args), want, 1e-5);
    const { traffic } = await gpuDevice();
    const before = { ...traffic };
    assertNear(await gpu.main(...args), want, 1e-5);
    assert.equal(traffic.submits - before.submits, 1);
    assert.equal(traffic.readBacks - before.readBacks, 1);
    assert.equal(traffic.buffersMade, before.buffersMade);

    const there = await Promise.all(args.map((t) => t.to("webgpu")));
    const uploads = traffic.uploads;
    const y = await gpu.main<GpuTensor>(...there);
    assert.ok(y instanceof GpuTensor);
    assert.equal(traffic.uploads, uploads);
    assertNear(await y.to("cpu"), want, 1e-5);

    const profile = await gpu.profile("main", args, { runs: 1 });
    assert.equal(profile.clock, (await gpuDevice()).clock);
    assert.equal(profile.steps.filter((s) => s.func === "copy to the GPU").length, args.length);
    assert.equal(profile.steps.filter((s) => s.func === "copy from the GPU").length, 1);
    assert.ok(profile.steps.every((s) => !s.func.includes("on the CPU")));
    gpu.dispose();
    cpu.dispose();
  });

  it("runs what has no form there on the CPU, and the profile shows the copies", async () => {
    registerFunc(
      "test.negate",
      ([x, y]) => {
        const [from, to] = [x.data as Float32Array, y.data as Float32Array];
        for (let i = 0; i < to.length; i++) to[i] = -from[i];
      },
      { override: true },
    );
    const mod = main([[4, 8]], (e, [x]) => {
      const doubled = e(R.add(x, x));
      const negated = e(R.callPacked("test.negate", [doubled], R.tensor([4, 8])));
      return R.nn.relu(e(R.add(negated, x)));
    });
    const gpu = await build(mod, { target: "webgpu" });
    const x = Tensor.random([4, 8], { min: -1, max: 1 });
    const y = await gpu.main(x);
    assert.deepEqual(
      [...y],
      [...x].map((v) => Math.max(0, Math.fround(Math.fround(-2 * Number(v)) + Number(v)))),
    );
    const { steps } = await gpu.profile("main", [x], { runs: 1 });
    const kinds = steps.map((s) => s.func).filter((f) => /copy|CPU/.test(f));
    assert.deepEqual(kinds, [
      "copy to the GPU",
      "copy from the GPU",
      "test.negate (on the CPU: a library function)",
      "copy to the GPU",
      "copy from the GPU",
    ]);
    gpu.dispose();
  });

  for (const [name, make] of Object.entries(CONTROL_FLOW)) {
    it(`${name}: bodies run on the GPU`, async () => {
      const { module, inputs } = make();
      const gpu = await build(module, { target: "webgpu" });
      for (const given of inputs) {
        const args = Object.values(given);
        const want = oracle(module, args);
        const tensors = args.map(toTensor);
        const there = await Promise.all(tensors.map((t) => t.to("webgpu")));
        // Twice, as the second run finds what the first left behind.
        for (const use of [tensors, tensors]) assertClose(toData(await gpu.main<GraphResult>(...use)), want);
        const kept = await gpu.main<GpuTensor | readonly GpuTensor[]>(...there);
        const back = await Promise.all([kept].flat().map((t) => t.to("cpu")));
        assertClose(back.map(toData), Array.isArray(want) ? want : [want]);
        for (const t of [...tensors, ...there, ...back]) t.dispose();
      }
      const { steps } = await gpu.profile("main", Object.values(inputs[0]).map(toTensor), { runs: 1 });
      assert.ok(steps.some((s) => !/copy|CPU/.test(s.func)));
      gpu.dispose();
    });
  }

  it("many queued runs hold no more memory than a few", async () => {
    const { module, inputs } = CASES["a matrix product"];
    const gpu = await build(module, { target: "webgpu" });
    const args = tensors(inputs);
    for (let i = 0; i < 4; i++) (await gpu.main(...args)).dispose();
    const { traffic } = await gpuDevice();
    const before = { ...traffic };
    const all = await Promise.all(Array.from({ length: 100 }, () => gpu.main(...args)));
    for (const y of all) assert.equal(y.at(0, 0), all[0].at(0, 0));
    assert.ok(traffic.buffersMade - before.buffersMade <= 4);
    gpu.dispose();
  });

  it("goes on with another device when one is lost", async () => {
    const { module, inputs } = CASES["a softmax"];
    const gpu = await build(module, { target: "webgpu" });
    const args = tensors(inputs);
    const first = await gpu.main(...args);
    const lost = await gpuDevice();
    lost.destroy();
    await lost.device.lost;
    assert.deepEqual([...(await gpu.main(...args))], [...first]);
    gpu.dispose();
  });
});
