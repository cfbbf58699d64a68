/**
 * Threads: one against two, what it takes to fork and join, and whole models on two. Runs in processes of its own, because
 * onnxruntime-web takes the number of its threads when it is first used. Run as a script it prints the results as JSON; its
 * arguments are those of `measured`, as JSON.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { availableThreads, build, T, Tensor } from "../../lib/index.ts";
import { enableRelaxedSimd } from "../../lib/runtime/features.node.ts";
import { type Contender, compare } from "./compare.ts";
import { scheduledMatmul } from "./matmul.ts";
import { modelMatches } from "./models.ts";
import { oneNodeModel, ortRun, ortSession } from "./ort.ts";
import type { MatchResult } from "./results.ts";
import { versus } from "./versus.ts";

export const ONE_THREAD = "tilewright, 1 thread";
const THREADS = 2;

/** The result called `what`, from a process of its own: "matmul", "fork", or a model. `only`: names of the peers that take part. */
export function threadResult(what: string, only?: readonly string[]): MatchResult {
  const script = fileURLToPath(import.meta.url);
  const r = spawnSync(process.execPath, ["--import", "tsx", script, JSON.stringify([what, only])], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 24,
  });
  if (r.status !== 0) throw new Error(`the process that measures ${what} on threads failed`);
  return JSON.parse(r.stdout);
}

/** The product of two 1024 × 1024 matrices, the same schedule on one thread and on two. */
async function matmul(): Promise<MatchResult> {
  const shape = [1024, 1024];
  const args = [Tensor.random(shape, { seed: 1 }), Tensor.random(shape, { seed: 2 }), Tensor.zeros(shape)];
  const tiles = { mr: 4, nr: 8, mc: 128, kc: 256, parallel: true };
  const contenders: Contender[] = [];
  for (const threads of [1, THREADS]) {
    const lib = await build(scheduledMatmul(tiles).mod, { threads });
    await lib.matmul(...args);
    const name = threads === 1 ? ONE_THREAD : `tilewright, ${threads} threads`;
    contenders.push({ name, run: lib.prepare("matmul", args) });
  }
  const session = await ortSession(oneNodeModel("MatMul", [shape, shape], shape), THREADS);
  const inputs = args
    .slice(0, 2)
    .map((t) => ({ data: Float32Array.from(t.data as Float32Array), dims: shape }));
  contenders.push({
    name: `onnxruntime-web, ${THREADS} threads`,
    run: async () => void (await ortRun(session, inputs)),
  });
  const rows = await compare(contenders, { flops: 2 * 1024 ** 3, rounds: 21 });
  return { name: "matmul 1024 × 1024 × 1024", rows, cannot: [] };
}

/** A loop of two iterations that do next to nothing, serially and on two threads: the difference is fork and join. */
async function fork(): Promise<MatchResult> {
  const f = T.primFunc({ A: T.buffer([32], "i32") }, ({ A }) => {
    for (const i of T.parallel(2)) A[i * 16] = i;
  });
  const a = Tensor.zeros([32], "i32");
  const contenders: Contender[] = [];
  for (const threads of [1, THREADS]) {
    const lib = await build(f, { threads });
    await lib.main(a);
    const run = lib.prepare("main", [a]);
    if (threads === 1) {
      contenders.push({ name: ONE_THREAD, run });
      continue;
    }
    contenders.push({ name: "workers awake", run });
    contenders.push({
      name: "workers asleep, and 0.3 ms for them to fall asleep",
      run: () => {
        const until = performance.now() + 0.3;
        while (performance.now() < until);
        return run();
      },
    });
  }
  return { name: "fork and join", rows: await compare(contenders, { rounds: 21, minMs: 5 }), cannot: [] };
}

function measured(what: string, only?: readonly string[]): Promise<MatchResult> {
  if (what === "matmul") return matmul();
  if (what === "fork") return fork();
  const match = modelMatches().find((m) => m.name === what);
  if (!match) throw new Error(`there is no model "${what}"`);
  return versus(match, { threads: THREADS, only });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  enableRelaxedSimd();
  const { count, reason } = availableThreads();
  if (count < THREADS) process.stderr.write(`threads: ${count} (${reason})\n`);
  const [what, only] = JSON.parse(process.argv[2]) as [string, string[] | null];
  const result = await measured(what, only ?? undefined);
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}
