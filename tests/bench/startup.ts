/**
 * From the start of a process to the first output of a model: a deployment bundle against onnxruntime-web, in turn, on
 * the same ONNX file. Every process checks nothing and prints the sum of its output; the sums are compared here.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import proto from "onnx-proto";
import { bundle, sizeReport } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { fromOnnx } from "../../lib/frontend/onnx/index.ts";
import type { Measured } from "./compare.ts";
import type { MatchResult } from "./results.ts";

const { onnx } = proto;

/** A multi-layer perceptron: matrix products, sums with a bias, ReLU between them. Input x, output y. */
export function mlpModel(sizes: readonly number[]): Uint8Array {
  const { FLOAT } = onnx.TensorProto.DataType;
  const value = (name: string, dims: readonly number[]) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const initializer = (name: string, dims: number[], scale: number) => {
    const count = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, (_, i) => scale * Math.sin(i * 12.9898 + count));
    return { name, dims, dataType: FLOAT, rawData: new Uint8Array(data.buffer) };
  };
  const initializers = [];
  const nodes = [];
  let at = "x";
  for (let i = 1; i < sizes.length; i++) {
    const last = i === sizes.length - 1;
    initializers.push(initializer(`w${i}`, [sizes[i - 1], sizes[i]], 1 / Math.sqrt(sizes[i - 1])));
    initializers.push(initializer(`b${i}`, [sizes[i]], 0.1));
    nodes.push({ opType: "MatMul", input: [at, `w${i}`], output: [`m${i}`] });
    nodes.push({ opType: "Add", input: [`m${i}`, `b${i}`], output: [last ? "y" : `a${i}`] });
    if (!last) nodes.push({ opType: "Relu", input: [`a${i}`], output: [`h${i}`] });
    at = `h${i}`;
  }
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: "mlp",
      node: nodes,
      initializer: initializers,
      input: [value("x", [1, sizes[0]])],
      output: [value("y", [1, sizes[sizes.length - 1]])],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

const INPUT = "Float32Array.from({ length: 784 }, (_, i) => Math.cos(i))";
const SUM = "console.log(data.reduce((a, b) => a + b, 0));";

/** Milliseconds until each process has printed its output and ended. */
export async function startup(rounds = 11): Promise<MatchResult> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-startup-"));
  try {
    const model = mlpModel([784, 200, 10]);
    const made = await bundle([{ module: fromOnnx(model) }], { name: "784-200-10" });
    writeBundle(made, path.join(folder, "bundle"));
    writeFileSync(path.join(folder, "model.onnx"), model);
    const scripts: Record<string, string> = {
      tilewright: `import { load } from ${JSON.stringify(pathToFileURL(path.join(folder, "bundle", "model.js")).href)};
const model = await load();
const { y: { data } } = await model.run({ x: { data: ${INPUT}, shape: [1, 784] } });
${SUM}`,
      "onnxruntime-web": `import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const bytes = readFileSync(${JSON.stringify(path.join(folder, "model.onnx"))});
const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
const { y: { data } } = await session.run({ x: new ort.Tensor("float32", ${INPUT}, [1, 784]) });
${SUM}
process.exit(0);`,
      "node alone": "console.log(0);",
    };
    const times = new Map<string, number[]>(Object.keys(scripts).map((name) => [name, []]));
    const sums = new Map<string, number>();
    // The first round fills the file system's cache and is not counted.
    for (let r = 0; r <= rounds; r++) {
      for (const [name, script] of Object.entries(scripts)) {
        const began = performance.now();
        const sum = run(script);
        if (r > 0) times.get(name)?.push(performance.now() - began);
        sums.set(name, sum);
      }
    }
    const [ours, peer] = [sums.get("tilewright") ?? 0, sums.get("onnxruntime-web") ?? 0];
    if (!(Math.abs(ours - peer) <= 1e-4 * (1 + Math.abs(peer))))
      throw new Error(`results differ: ${ours}, ${peer}`);
    console.log(`\n${sizeReport(made)}`);
    return { name: "784-200-10", rows: [...times].map(([name, t]) => measured(name, t)), cannot: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(script: string): number {
  // Scripts resolve packages from this folder, where the peer is installed.
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout.trim().split("\n").at(-1));
}

export function measured(name: string, times: readonly number[]): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return {
    name,
    median: at(0.5),
    p25: at(0.25),
    p75: at(0.75),
    min: sorted[0],
    rounds: times.length,
    number: 1,
  };
}
