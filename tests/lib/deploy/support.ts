/** Bundles of small programs, and running them where nothing else is. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Bundle } from "../../../lib/deploy/index.ts";
import { writeBundle } from "../../../lib/deploy/write.node.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { constantOf, type GraphExpr, type IRModule, tupleGet } from "../../../lib/ir/index.ts";
import { randomData } from "../../support/random-graph.ts";

/** A multi-layer perceptron with random weights, for `batch` rows. */
export function mlp(sizes: readonly number[], batch = 1): IRModule {
  const x = R.var("x", R.tensor([batch, sizes[0]]));
  const bb = new BlockBuilder();
  const weight = (shape: number[], seed: number) => constantOf(randomData(shape, seed));
  bb.function("main", [x], () => {
    const out = bb.dataflow(() => {
      let h = x;
      for (let i = 1; i < sizes.length; i++) {
        h = bb.emit(R.add(R.matmul(h, weight([sizes[i - 1], sizes[i]], i)), weight([sizes[i]], 50 + i)));
        if (i + 1 < sizes.length) h = bb.emit(R.nn.relu(h));
      }
      return bb.emitOutput(h);
    });
    bb.emitFuncOutput(out);
  });
  return bb.get();
}

/** A small network for images with random weights: convolutions, one with a stride, a residual, a mean, a product, a softmax. */
export function convNet(batch = 1): IRModule {
  const x = R.var("x", R.tensor([batch, 3, 16, 16]));
  const bb = new BlockBuilder();
  let seed = 1;
  const weight = (...shape: number[]) => R.multiply(constantOf(randomData(shape, seed++)), R.const(0.05));
  bb.function("main", [x], () => {
    const out = bb.dataflow(() => {
      const conv = (v: GraphExpr, ci: number, co: number, stride: number) => {
        const how = { strides: [stride, stride], padding: [1, 1, 1, 1] };
        const y = bb.emit(R.nn.conv2d(v, bb.emit(weight(co, ci, 3, 3)), how));
        return bb.emit(R.nn.relu(bb.emit(R.add(y, bb.emit(weight(co, 1, 1))))));
      };
      const a = conv(x, 3, 16, 2);
      const b = bb.emit(R.add(a, conv(a, 16, 16, 1)));
      const pooled = bb.emit(R.mean(b, { axis: [2, 3] }));
      return bb.emitOutput(R.nn.softmax(bb.emit(R.matmul(pooled, bb.emit(weight(16, 10)))), { axis: -1 }));
    });
    bb.emitFuncOutput(out);
  });
  return bb.get();
}

/** A folder that is gone after the test. */
export function withFolder<X>(use: (folder: string) => Promise<X>): Promise<X> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-bundle-"));
  return use(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

export interface Plain {
  readonly data: readonly number[];
  readonly shape: readonly number[];
}

/**
 * Runs a bundle in a process of its own, in an empty folder: the inputs as JSON, with the name of each one's typed array.
 * Resolves to the outputs; an error of the model comes as `{ error }`. `webgpu`: on a device of the package webgpu.
 */
export async function runInNode(
  bundle: string,
  inputs: Readonly<Record<string, Plain & { readonly array: string }>>,
  { webgpu = false } = {},
): Promise<Record<string, Plain> & { error?: string }> {
  const dawn = new URL("../../../node_modules/webgpu/index.js", import.meta.url).href;
  const gpu = `{ gpu: (await import(${JSON.stringify(dawn)})).create([]) }`;
  const script = `
    const { load } = await import(${JSON.stringify(pathToFileURL(path.join(bundle, "model.js")).href)});
    const model = await load(${webgpu ? gpu : ""});
    const given = JSON.parse(process.argv[1]);
    const inputs = Object.fromEntries(Object.entries(given).map(([n, { data, shape, array }]) =>
      [n, { data: globalThis[array].from(array.startsWith("Big") ? data.map(BigInt) : data), shape }]));
    try {
      const outputs = await model.run(inputs);
      console.log(JSON.stringify(Object.fromEntries(Object.entries(outputs).map(([n, { data, shape }]) =>
        [n, { data: Array.from(data, Number), shape }]))));
    } catch (e) { console.log(JSON.stringify({ error: String(e) })); }
    model.dispose?.();`;
  return withFolder(async (empty) => {
    const args = ["--input-type=module", "--eval", script, JSON.stringify(inputs)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: empty });
    // Drivers may speak first.
    return JSON.parse(stdout.slice(stdout.indexOf("{"))) as Record<string, Plain> & { error?: string };
  });
}

/** A tensor as bundles take and give it. */
export interface BundleTensor {
  readonly data: ArrayLike<number | bigint>;
  readonly shape: readonly number[];
}
export interface BundleModel {
  run(inputs: Readonly<Record<string, BundleTensor>>): Promise<Readonly<Record<string, BundleTensor>>>;
}

/** Loads a bundle in this process, from a folder that is given. */
export async function loadHere(made: Bundle, folder: string, options?: object): Promise<BundleModel> {
  writeBundle(made, folder);
  const { load } = (await import(pathToFileURL(path.join(folder, "model.js")).href)) as {
    load: (options?: object) => Promise<BundleModel>;
  };
  return load(options);
}

/** The columns of x[3, 4] whose mask is not 0, with 1 added, under one column of -1, and how many columns that makes. */
export function chosenColumns(): IRModule {
  const x = R.var("x", R.tensor([3, 4]));
  const mask = R.var("mask", R.tensor([4], "bool"));
  const bb = new BlockBuilder();
  bb.function("main", [x, mask], () => {
    const found = bb.emit(R.op("nonzero", [mask]));
    const [n] = bb.tensorToShape(bb.emit(tupleGet(found, 1)), ["n"]);
    const places = bb.emit(R.op("stridedSlice", [bb.emit(tupleGet(found, 0)), [0], [n]], { axes: [1] }));
    const columns = bb.emit(R.op("take", [x, bb.emit(R.op("squeeze", [places], { axis: 0 }))], { axis: 1 }));
    const rows = bb.emit(R.op("permuteDims", [bb.emit(R.add(columns, R.const(1)))], { axes: [1, 0] }));
    const all = bb.emit(R.concat([rows, R.const([[-1, -1, -1]])], { axis: 0 }));
    const count = bb.emit(R.op("sum", [bb.emit(R.op("full", [[n], R.const(1)]))]));
    bb.emitFuncOutput(R.tuple(all, count));
  });
  return bb.get();
}
