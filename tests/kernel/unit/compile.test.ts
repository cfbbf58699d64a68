// `tilewright compile`: from a model file to a bundle that runs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type CompileFlags, compileCommand } from "../../../kernel/compile.ts";
import { runInNode, withFolder } from "../../lib/deploy/support.ts";
import { model, tensor } from "../../support/onnx-model.ts";

/** y = relu(x · w + b), with the first size of x left open. */
const layer = model({
  inputs: { x: ["f32", ["batch", 2]] },
  outputs: ["y"],
  weights: { w: tensor("f32", [2, 2], [1, -1, 2, -2]), b: tensor("f32", [2], [0.5, 0.25]) },
  nodes: [
    { op: "MatMul", in: ["x", "w"], out: ["m"] },
    { op: "Add", in: ["m", "b"], out: ["a"] },
    { op: "Relu", in: ["a"], out: ["y"] },
  ],
});

/** y = x in the shape that the input s says. */
const reshaped = model({
  inputs: { x: ["f32", [6]], s: ["i64", [2]] },
  outputs: ["y"],
  nodes: [{ op: "Reshape", in: ["x", "s"], out: ["y"] }],
});

async function compile(
  bytes: Uint8Array,
  folder: string,
  flags: Partial<CompileFlags> = {},
): Promise<{ bundle: string; printed: string }> {
  const [file, bundle] = [path.join(folder, "model.onnx"), path.join(folder, "out")];
  writeFileSync(file, bytes);
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => printed.push(text);
  try {
    assert.equal(await compileCommand(file, { output: bundle, shape: [], value: [], ...flags }), 0);
  } finally {
    console.log = log;
  }
  return { bundle, printed: printed.join("\n") };
}

const x = (...rows: number[][]) => ({ data: rows.flat(), shape: [rows.length, 2], array: "Float32Array" });

describe("kernel: tilewright compile", function () {
  this.timeout(60_000);

  it("an entry point for each size, by the names in the model; sizes are reported by part", () =>
    withFolder(async (folder) => {
      const { bundle, printed } = await compile(layer, folder, { shape: ["batch=1,2"] });
      assert.deepEqual((await runInNode(bundle, { x: x([1, 1]) })).y, { data: [3.5, 0], shape: [1, 2] });
      assert.deepEqual((await runInNode(bundle, { x: x([1, 1], [-1, 0]) })).y, {
        data: [3.5, 0, 0, 1.25],
        shape: [2, 2],
      });
      for (const part of ["model.js", "kernels.wasm", "weights.bin", "model.d.ts", "manifest.json", "gzip"])
        assert.ok(printed.includes(part), part);
      const types = readFileSync(path.join(bundle, "model.d.ts"), "utf8");
      assert.match(
        types,
        /readonly "x": Tensor<Float32Array, \[1, 2\]>;[\s\S]*readonly "x": Tensor<Float32Array, \[2, 2\]>;/,
      );
      const manifest = JSON.parse(readFileSync(path.join(bundle, "manifest.json"), "utf8"));
      assert.equal(manifest.model, "model.onnx");
      assert.deepEqual(manifest.entries[1].inputs, [{ name: "x", dtype: "f32", shape: [2, 2] }]);
    }));

  it("--threads shares loops that have work for them", () =>
    withFolder(async (folder) => {
      const wide = model({
        inputs: { x: ["f32", [64, 256]] },
        outputs: ["y"],
        nodes: [{ op: "MatMul", in: ["x", "w"], out: ["y"] }],
        weights: { w: tensor("f32", [256, 256], new Array<number>(256 * 256).fill(0.5)) },
      });
      const { bundle } = await compile(wide, folder, { threads: 2 });
      const given = { data: new Array<number>(64 * 256).fill(1), shape: [64, 256], array: "Float32Array" };
      const { y } = await runInNode(bundle, { x: given });
      assert.ok(y.data.every((v) => v === 128));
      assert.match(readFileSync(path.join(bundle, "model.d.ts"), "utf8"), /at most 2\./);
      assert.ok(existsSync(path.join(bundle, "worker.js")));
    }));

  it("sizes that are left open are listed, with what to say", () =>
    withFolder(async (folder) => {
      await assert.rejects(compile(layer, folder), {
        name: "DeployError",
        message:
          "a bundle has fixed sizes, and the model leaves open: batch (of x). Give each: --shape batch=N",
      });
      await assert.rejects(compile(layer, folder, { shape: ["n=1"] }), /no such size; it leaves open: batch/);
      await assert.rejects(compile(layer, folder, { shape: ["batch"] }), /--shape takes name=N/);
      await assert.rejects(compile(layer, folder, { shape: ["batch=-1"] }), /--shape takes name=N/);
      await assert.rejects(
        compile(layer, folder, { target: "cuda" as "wasm", shape: ["batch=1"] }),
        /no target "cuda" for bundles; there are wasm and webgpu/,
      );
      await assert.rejects(compile(Uint8Array.of(1, 2, 3), folder), /damaged|no ONNX/);
    }));

  it("names that a shell would take apart are quoted", () =>
    withFolder(async (folder) => {
      const inputs = { x: ["f32", ["it's two", 2]] } as const;
      const odd = model({ inputs, outputs: ["y"], nodes: [{ op: "Relu", in: ["x"], out: ["y"] }] });
      await assert.rejects(compile(odd, folder), {
        message: /Give each: --shape 'it'\\''s two'=N$/,
      });
    }));

  it("records: says for how many programs they hold schedules, and which lines are none", () =>
    withFolder(async (folder) => {
      const records = path.join(folder, "records.jsonl");
      writeFileSync(records, "no record\n");
      const errors: string[] = [];
      const { error } = console;
      console.error = (text: string) => errors.push(text);
      try {
        const { printed } = await compile(layer, folder, { shape: ["batch=1"], records });
        assert.match(printed, /records\.jsonl: schedules for 0 of 1 tensor programs; were they found with/);
      } finally {
        console.error = error;
      }
      assert.match(errors.join(), /records\.jsonl: line 1: .*passed over/);
      const records2 = path.join(folder, "missing");
      await assert.rejects(
        compile(layer, folder, { shape: ["batch=1"], records: records2 }),
        /there is no file of records .*missing: make it with tilewright tune/,
      );
      await assert.rejects(
        compile(layer, folder, { shape: ["batch=1"], records: folder }),
        /--records .*: it is a folder, not a file/,
      );
    }));

  it("the whole shape of an input", () =>
    withFolder(async (folder) => {
      const { bundle } = await compile(layer, folder, { shape: ["x=3x2"] });
      assert.deepEqual((await runInNode(bundle, { x: x([1, 1], [0, 0], [1, 0]) })).y.shape, [3, 2]);
    }));

  it("an input whose value decides sizes is fixed, and the bundle does not take it", () =>
    withFolder(async (folder) => {
      await assert.rejects(compile(reshaped, folder), /a bundle needs it fixed: --value s=…/);
      await assert.rejects(compile(reshaped, folder, { value: ["s"] }), /--value takes input=ELEMENTS/);
      await assert.rejects(compile(reshaped, folder, { value: ["t=1"] }), /no input "t"; it has x, s/);
      const { bundle } = await compile(reshaped, folder, { value: ["s=2,3"] });
      const six = { data: [1, 2, 3, 4, 5, 6], shape: [6], array: "Float32Array" };
      assert.deepEqual((await runInNode(bundle, { x: six })).y, { data: six.data, shape: [2, 3] });
      const { error } = await runInNode(bundle, {
        x: six,
        s: { data: [3, 2], shape: [2], array: "BigInt64Array" },
      });
      assert.match(error ?? "", /the inputs do not fit\. The model takes x: Float32Array \[6\]/);
    }));

  it("for webgpu: kernels as WGSL, with what it asks of the GPU in the manifest", () =>
    withFolder(async (folder) => {
      const { bundle, printed } = await compile(layer, folder, { shape: ["batch=1,2"], target: "webgpu" });
      for (const part of ["kernels.wgsl", "code (js and wgsl)", "on the GPU"])
        assert.ok(printed.includes(part), part);
      const manifest = JSON.parse(readFileSync(path.join(bundle, "manifest.json"), "utf8"));
      assert.equal(manifest.target, "webgpu");
      assert.deepEqual([manifest.gpu.features, manifest.gpu.limits, manifest.gpu.onTheCpu], [[], {}, []]);
      assert.match(
        readFileSync(path.join(bundle, "model.d.ts"), "utf8"),
        /GpuTensor<Float32Array, \[2, 2\]>/,
      );
      const { stderr } = await promisify(execFile)(process.execPath, [
        ...["--input-type=module", "--eval"],
        `const { load } = await import(${JSON.stringify(pathToFileURL(path.join(bundle, "model.js")).href)});
         await load().catch((e) => console.error(e.message));`,
      ]);
      assert.match(stderr, /there is no WebGPU here/);
    }));

  it("from the command line; failures are one line", () =>
    withFolder(async (folder) => {
      const [file, out] = [path.join(folder, "model.onnx"), path.join(folder, "out")];
      writeFileSync(file, layer);
      const cwd = fileURLToPath(new URL("../../..", import.meta.url));
      const tilewright = (...args: string[]) =>
        promisify(execFile)(process.execPath, ["--import", "tsx", "kernel/cli.ts", "compile", ...args], {
          cwd,
        });
      const { stdout } = await tilewright(file, "-o", out, "--shape", "batch=1", "--f16");
      assert.ok(stdout.endsWith(`written to ${out}\n`), stdout);
      assert.deepEqual((await runInNode(out, { x: x([1, 1]) })).y.data, [3.5, 0]);
      const failed = await tilewright(file, "-o", out).catch((e) => e as { code: number; stderr: string });
      assert.match((failed as { stderr: string }).stderr, /^error: a bundle has fixed sizes, .*\n$/m);
      assert.equal((failed as { code: number }).code, 2);
    }));
});
