// The library in a page, on the browser's own WebGPU: a tensor program and a network agree with WebAssembly's answers.
import assert from "node:assert/strict";
import { Pages } from "../support/browser.ts";
import { serveSources } from "../support/source-server.ts";

const run = `(async () => {
  const { build } = await import("/lib/runtime/build.ts");
  const { Tensor } = await import("/lib/runtime/tensor.ts");
  const { GpuTensor } = await import("/lib/runtime/webgpu/tensor.ts");
  const { devices } = await import("/lib/runtime/webgpu/devices.ts");
  const { te } = await import("/lib/te/index.ts");
  const { ops } = await import("/lib/ir/index.ts");
  const { BlockBuilder, R } = await import("/lib/graph/index.ts");
  const A = te.placeholder([100], "A");
  const twice = te.createPrimFunc([A, te.compute([100], (i) => ops.mul(A.at(i), 2), "B")]);
  const add = await build(twice, { target: "webgpu" });
  const [a, b] = [await Tensor.full([100], 21).to("webgpu"), await GpuTensor.empty([100])];
  await add.main(a, b);
  const doubled = [...(await b.to("cpu"))].map(Number);

  const bb = new BlockBuilder();
  const shapes = [[1, 3, 8, 8], [8, 3, 3, 3], [8, 10]];
  const xs = shapes.map((s, i) => R.var("x" + i, R.tensor(s)));
  bb.function("main", undefined, () => {
    const out = bb.dataflow(() => {
      const padding = { strides: [1, 1], padding: [1, 1, 1, 1] };
      const c = bb.emit(R.nn.relu(bb.emit(R.nn.conv2d(xs[0], xs[1], padding))));
      const m = bb.emit(R.matmul(bb.emit(R.mean(c, { axis: [2, 3] })), xs[2]));
      return bb.emitOutput(R.nn.softmax(m, { axis: -1 }));
    });
    bb.emitFuncOutput(out, xs);
  });
  const args = shapes.map((s, i) => Tensor.random(s, { seed: i, min: -1, max: 1 }));
  const answers = [];
  for (const target of ["webgpu", "wasm"]) {
    const lib = await build(bb.get(), { target });
    answers.push([...(await lib.main(...args))].map(Number));
  }
  return { doubled, answers, adapters: (await devices()).adapters.length };
})()`;

describe("browser: WebGPU", function () {
  this.timeout(180_000);
  const pages = new Pages({ webgpu: true });

  it("runs a tensor program and a network in a page", async () => {
    const server = await serveSources();
    try {
      const { page } = await pages.page();
      await page.goto(server.url);
      const got = (await page.evaluate(run)) as { doubled: number[]; answers: number[][]; adapters: number };
      assert.ok(got.adapters > 0);
      assert.deepEqual(got.doubled, new Array(100).fill(42));
      const [gpu, cpu] = got.answers;
      assert.equal(gpu.length, 10);
      gpu.forEach((x, i) => {
        assert.ok(Math.abs(x - cpu[i]) <= 1e-5, `${i}: ${x}, ${cpu[i]}`);
      });
    } finally {
      server.close();
    }
  });
});
