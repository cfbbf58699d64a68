/**
 * What a model costs beside its kernels: from the bytes of its file to its first output, in processes that have run nothing
 * before, and what one call costs when the kernels have next to nothing to do.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadOnnx, Tensor } from "../../lib/index.ts";
import { compare, type Measured } from "./compare.ts";
import { BASELINE, OURS } from "./names.ts";
import { PEERS } from "./peers.ts";
import type { MatchResult } from "./results.ts";
import { measured, mlpModel } from "./startup.ts";
import type { Match } from "./versus.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const library = pathToFileURL(path.join(HERE, "../../lib/index.ts")).href;

/**
 * Milliseconds from the bytes of a model to its first output, the packages being loaded: import, passes and code generation
 * for us, the creation of a session for the peer, and one run for both.
 */
export function firstRun(match: Match, rounds = 5): MatchResult {
  const file = path.join(os.tmpdir(), `tilewright-first-${process.pid}.onnx`);
  writeFileSync(file, match.model);
  const shapes = Object.entries(match.feeds).map(([name, { dims }]) => [name, dims] as const);
  const begin = `
import { readFileSync } from "node:fs";
const bytes = new Uint8Array(readFileSync(${JSON.stringify(file)}));
const given = ${JSON.stringify(shapes)}.map(([name, dims]) =>
  [name, dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(i))]);
const began = performance.now();`;
  const end = "console.log(performance.now() - began); process.exit(0);";
  const scripts: Readonly<Record<string, string>> = {
    [OURS]: `import { loadOnnx } from ${JSON.stringify(library)};${begin}
await loadOnnx(bytes).run(Object.fromEntries(given.map(([name, shape, data]) => [name, { data, shape }])));
${end}`,
    [BASELINE]: `import * as ort from "onnxruntime-web";
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";${begin}
const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
await session.run(Object.fromEntries(given.map(([name, dims, data]) => [name, new ort.Tensor("float32", data, dims)])));
${end}`,
  };
  const times = new Map<string, number[]>(Object.keys(scripts).map((name) => [name, []]));
  try {
    // The first round fills the file system's cache and is not counted.
    for (let r = 0; r <= rounds; r++) {
      for (const [name, script] of Object.entries(scripts)) {
        const ms = inProcess(script);
        if (r > 0) times.get(name)?.push(ms);
      }
    }
  } finally {
    rmSync(file, { force: true });
  }
  return { name: match.name, rows: [...times].map(([name, t]) => measured(name, t)), cannot: [] };
}

/** The number that a script prints last, in a process of its own that finds this package's peers. */
function inProcess(script: string): number {
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: HERE, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout.trim().split("\n").at(-1));
}

/**
 * One call of a network as deep as 784-200-10 whose layers have 8 elements: two matrix products that take some tens of
 * nanoseconds, so that nearly all of it is what a call costs beside its kernels.
 */
export async function callOverhead(): Promise<MatchResult> {
  const model = mlpModel([8, 8, 8]);
  const data = Float32Array.from({ length: 8 }, (_, i) => Math.cos(i));
  const session = loadOnnx(model);
  const tensor = Tensor.from(data, [1, 8]);
  const dispose = (outputs: Record<string, unknown>): void => {
    for (const y of Object.values(outputs)) if (y instanceof Tensor) y.dispose();
  };
  const peer = await PEERS[0].open(model, { x: { data, dims: [1, 8] } }, 1);
  const rows: Measured[] = await compare([
    { name: `${OURS}, a tensor`, run: async () => dispose(await session.run({ x: tensor })) },
    {
      name: `${OURS}, an array`,
      run: async () => dispose(await session.run({ x: { data, shape: [1, 8] } })),
    },
    { name: BASELINE, run: async () => void (await peer.run()) },
  ]);
  tensor.dispose();
  session.dispose();
  return { name: "8-8-8", rows, cannot: [] };
}
