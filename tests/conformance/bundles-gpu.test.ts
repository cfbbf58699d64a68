/** Bundles for WebGPU on Dawn: the standard's own cases of single operators, and models of PyTorch with its own answers. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { bundle } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { fromOnnx } from "../../lib/frontend/onnx/index.ts";
import { gpuDevice, releaseGpu } from "../../lib/runtime/webgpu/device.ts";
import { withFolder } from "../lib/deploy/support.ts";
import { requireGpu, requireSystem } from "../support/system.ts";
import { exportModels, relativeError, type SavedTensor, savedCases } from "./model-cases.ts";
import { bundled } from "./onnx-bundled.ts";
import { type Case, casesOf, type Outcome, runCase } from "./onnx-cases.ts";
import { readTable } from "./onnx-gpu.ts";

const RELATIVE = 1e-3;
const NAMES = ["mlp", "cnn", "resnet18", "mobilenetv2", "encoder"] as const;

/** The first and the last case of each operator: all of them, on the same kernels, are in `onnx-gpu.test.ts`. */
function sample(): Case[] {
  const byOperator = new Map<string, Case[]>();
  for (const c of casesOf("node")) {
    const operator = c.name.split("_").slice(0, 2).join("_");
    byOperator.set(operator, [...(byOperator.get(operator) ?? []), c]);
  }
  return [...byOperator.values()].flatMap((all) => (all.length === 1 ? all : [all[0], all.at(-1) as Case]));
}

describe("conformance: bundles for WebGPU", function () {
  this.timeout(900_000);

  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  it("ONNX's cases of single operators: right, or refused where sizes depend on data", async function () {
    requireSystem(this, "libonnx-testdata");
    const outcomes: [string, Outcome][] = [];
    const { device } = await gpuDevice();
    await withFolder(async (folder) => {
      const run = bundled(folder, [], "webgpu", { device });
      for (const c of sample()) outcomes.push([c.name, await runCase(c, run)]);
    });
    assert.ok(outcomes.length >= 200, `${outcomes.length} cases`);
    const table = readTable();
    const open = ([name]: [string, Outcome]): boolean =>
      table[name]?.some((why) => why.includes("(specialize) that depends on data")) ?? false;
    const failed = outcomes.filter(([, o]) => o.counted && o.status !== "passed");
    assert.deepEqual(
      failed.filter((x) => !open(x)).map(([name, o]) => `${name}: ${o.reason}`),
      [],
    );
    for (const [name, { reason }] of failed)
      assert.match(reason ?? "", /has sizes that depend on data.*--target wasm/, name);
    assert.deepEqual(
      outcomes.filter(([, o]) => o.status === "wrong").map(([n]) => n),
      [],
    );
  });

  describe("models of PyTorch", () => {
    let models = "";
    before(function () {
      requireSystem(this, "python3-torch");
      models = exportModels(NAMES);
    });
    after(() => {
      if (models !== "") rmSync(models, { recursive: true, force: true });
    });

    for (const name of NAMES) {
      it(name, () =>
        withFolder(async (folder) => {
          const file = readFileSync(path.join(models, `${name}.onnx`));
          const cases = savedCases(models, name);
          const shapes = cases.map((c) =>
            Object.fromEntries(Object.entries(c.inputs).map(([k, t]) => [k, t.shape] as const)),
          );
          const distinct = [...new Map(shapes.map((s) => [JSON.stringify(s), s])).values()];
          const modules = distinct.map((s) => ({ module: fromOnnx(new Uint8Array(file), { shapes: s }) }));
          const made = await bundle(modules, { target: "webgpu" });
          assert.deepEqual(made.manifest.gpu?.onTheCpu, []);
          writeBundle(made, path.join(folder, "b"));
          const { load } = (await import(pathToFileURL(path.join(folder, "b", "model.js")).href)) as {
            load(options: object): Promise<{
              run(inputs: object): Promise<Record<string, SavedTensor>>;
              dispose(): void;
            }>;
          };
          const model = await load({ device: (await gpuDevice()).device });
          for (const { inputs, outputs } of cases) {
            const got = await model.run(inputs);
            for (const [k, want] of Object.entries(outputs)) {
              assert.deepEqual([...got[k].shape], [...want.shape]);
              const error = relativeError(got[k].data as Float32Array, want.data as Float32Array);
              assert.ok(error <= RELATIVE, `${k}: relative error ${error}`);
            }
          }
          model.dispose();
        }),
      );
    }
  });
});
