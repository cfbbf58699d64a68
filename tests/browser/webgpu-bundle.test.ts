// Bundles for WebGPU in a page, on the browser's own WebGPU: the same bundle gives the same answers in Node and there.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compileCommand } from "../../kernel/compile.ts";
import { bundle } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { type IRModule, type NDArray, numbersOf } from "../../lib/ir/index.ts";
import { exportModels, savedCases } from "../conformance/model-cases.ts";
import { convNet, mlp, withFolder } from "../lib/deploy/support.ts";
import { oracle } from "../lib/runtime/vm-support.ts";
import { Pages } from "../support/browser.ts";
import { type FolderServer, serveFolder } from "../support/folder-server.ts";
import { randomData } from "../support/random-graph.ts";
import { requireSystem } from "../support/system.ts";

interface Plain {
  readonly data: readonly number[];
  readonly shape: readonly number[];
}

/** Runs f32 inputs twice in a page, the second time from buffers of the device where `again` names the input. */
const script = (inputs: Readonly<Record<string, Plain>>): string => `(async (given) => {
  const { load } = await import("/model.js");
  const model = await load();
  const inputs = Object.fromEntries(Object.entries(given).map(([n, { data, shape }]) =>
    [n, { data: Float32Array.from(data), shape }]));
  const first = await model.run(inputs);
  const onDevice = Object.fromEntries(Object.entries(inputs).map(([n, { data, shape }]) => {
    const buffer = model.device.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
    model.device.queue.writeBuffer(buffer, 0, data);
    return [n, { buffer, shape }];
  }));
  const second = await model.run(onDevice, { outputs: "gpu" });
  const out = {};
  for (const [n, { data, shape }] of Object.entries(first))
    out[n] = { data: [...data], shape, same: String((await second[n].read()).data) === String(data) };
  const wrong = await model.run({}).catch((e) => String(e));
  model.dispose();
  return { out, wrong };
})(${JSON.stringify(inputs)})`;

function close(got: Plain, want: ArrayLike<number>, relative = 1e-3): void {
  const scale = Array.from(want).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  assert.ok(scale > 0 && got.data.length === want.length, "there is something to compare");
  got.data.forEach((x, i) => {
    assert.ok(Math.abs(x - want[i]) <= relative * scale, `${i}: ${x}, must be ${want[i]}`);
  });
}

describe("browser: a bundle for WebGPU", function () {
  this.timeout(600_000);
  const pages = new Pages({ webgpu: true });

  /** The outputs of the bundle in a folder, run in a page. */
  async function inPage(
    folder: string,
    inputs: Readonly<Record<string, Plain>>,
  ): Promise<Readonly<Record<string, Plain>>> {
    const server: FolderServer = await serveFolder(folder);
    try {
      const { page, problems } = await pages.page({ warnings: true });
      await page.goto(server.url);
      const { out, wrong } = (await page.evaluate(script(inputs))) as {
        out: Record<string, Plain & { same: boolean }>;
        wrong: string;
      };
      assert.match(wrong, /TypeError: the inputs do not fit.*It got nothing/);
      assert.deepEqual(problems, []);
      for (const [n, { same }] of Object.entries(out)) assert.ok(same, `${n} by buffers of the device`);
      return out;
    } finally {
      server.close();
    }
  }

  const networks: Readonly<Record<string, readonly [() => IRModule, readonly number[]]>> = {
    "the network 784-200-10": [() => mlp([784, 200, 10]), [1, 784]],
    "a network of convolutions": [convNet, [1, 3, 16, 16]],
  };
  for (const [name, [make, shape]] of Object.entries(networks)) {
    it(`${name}: what the interpreter computes`, () =>
      withFolder(async (folder) => {
        const module = make();
        const at = path.join(folder, "b");
        writeBundle(await bundle([{ module }], { target: "webgpu" }), at);
        const x = randomData([...shape], 3);
        const { y } = await inPage(at, { x: { data: numbersOf(x), shape } });
        close(y, numbersOf(oracle(module, [x]) as NDArray));
      }));
  }

  it("a convolutional network that PyTorch exported: PyTorch's answers", async function () {
    requireSystem(this, "python3-torch");
    const models = exportModels(["cnn"]);
    try {
      await withFolder(async (folder) => {
        const at = path.join(folder, "b");
        const [c] = savedCases(models, "cnn");
        const shapes = Object.entries(c.inputs).map(([n, t]) => `${n}=${t.shape.join("x")}`);
        const { log } = console;
        console.log = () => {};
        try {
          await compileCommand(path.join(models, "cnn.onnx"), {
            ...{ output: at, target: "webgpu", value: [] },
            shape: shapes,
          });
        } finally {
          console.log = log;
        }
        const inputs = Object.fromEntries(
          Object.entries(c.inputs).map(([n, t]) => [n, { data: Array.from(t.data, Number), shape: t.shape }]),
        );
        const out = await inPage(at, inputs);
        for (const [n, t] of Object.entries(c.outputs)) close(out[n], t.data as Float32Array);
        assert.deepEqual(JSON.parse(readFileSync(path.join(at, "manifest.json"), "utf8")).gpu.onTheCpu, []);
      });
    } finally {
      rmSync(models, { recursive: true, force: true });
    }
  });

  it("a page without WebGPU is told so, and one whose kernels are damaged, with the line", () =>
    withFolder(async (folder) => {
      const at = path.join(folder, "b");
      writeBundle(await bundle([{ module: mlp([4, 3]) }], { target: "webgpu" }), at);
      const file = path.join(at, "kernels.wgsl");
      writeFileSync(file, readFileSync(file, "utf8").replace("fn main", "fn main main"));
      const server = await serveFolder(at);
      try {
        const { page } = await pages.page();
        await page.goto(server.url);
        const got = (await page.evaluate(`(async () => {
          const { load } = await import("/model.js");
          const none = await load({ gpu: { requestAdapter: async () => null } }).catch((e) => String(e));
          return [none, await load().catch((e) => String(e))];
        })()`)) as string[];
        assert.match(got[0], /WebGPU finds no adapter/);
        assert.match(got[1], /kernels\.wgsl, line \d+, `.*fn main main/);
      } finally {
        server.close();
      }
    }));
});
