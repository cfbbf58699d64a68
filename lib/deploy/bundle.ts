/**
 * A model as a few files that need nothing else: code for exactly its operators and sizes, its weights, and a module
 * that loads and runs them.
 */

import { refuseDeploy } from "./error.ts";
import { plainPort } from "./ports.ts";
import type {
  Bundle,
  BundleEntry,
  BundleFile,
  BundleOptions,
  BundleTarget,
  Made,
  Manifest,
} from "./types.ts";
import { makeWasm } from "./wasm/make.ts";
import { makeWebgpu } from "./webgpu/make.ts";

type Make = (entries: readonly BundleEntry[], options: BundleOptions) => Made;

const TARGETS: Readonly<Record<BundleTarget, Make>> = { wasm: makeWasm, webgpu: makeWebgpu };

/**
 * The files of a bundle with an entry point for each module; all take and give tensors of the same names. Throws a
 * `DeployError` where a size of an input is symbolic, where nothing bounds a size that depends on data, and where an operator
 * cannot be compiled for such sizes; it names the value and the operator. For "webgpu" also where sizes depend on data.
 */
export async function bundle(entries: readonly BundleEntry[], options: BundleOptions = {}): Promise<Bundle> {
  const { name: model = "a model", target = "wasm" } = options;
  if (entries.length === 0) refuseDeploy("a bundle needs at least one entry point");
  if (!Object.hasOwn(TARGETS, target)) {
    const known = Object.keys(TARGETS).join(" and ");
    refuseDeploy(`there is no target ${JSON.stringify(target)} for bundles; there are ${known}`);
  }
  checkThreads(options.threads, target);
  const made = await TARGETS[target](entries, { ...options, name: model });
  const files: BundleFile[] = [];
  for (const [name, bytes] of made.parts) files.push(await fileOf(name, bytes));
  const manifest: Manifest = {
    ...({ format: "tilewright-bundle", version: 1, model, target } as const),
    entries: made.entries.map((e) => ({
      inputs: e.inputs.map(plainPort),
      outputs: e.outputs.map(plainPort),
    })),
    memoryBytes: made.memoryBytes,
    ...(made.gpu ? { gpu: made.gpu } : {}),
    functions: made.functions,
    weights: made.weights,
    files: files.map((f) => ({ name: f.name, bytes: f.bytes.length, gzip: f.gzip })),
  };
  const json = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  return { files: [...files, await fileOf("manifest.json", json)], manifest };
}

/** More than any machine's cores. */
const MOST_THREADS = 256;

function checkThreads(threads: number | undefined, target: BundleTarget): void {
  if (threads === undefined) return;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS))
    refuseDeploy(`threads is a whole number from 1 to ${MOST_THREADS}, got ${threads}`);
  if (threads > 1 && target !== "wasm")
    refuseDeploy(`threads are for bundles of wasm; one for ${target} runs its loops on the GPU`);
}

async function fileOf(name: string, bytes: Uint8Array): Promise<BundleFile> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const packed = source.pipeThrough(new CompressionStream("gzip"));
  const { byteLength } = await new Response(packed).arrayBuffer();
  return { name, bytes, gzip: byteLength };
}
