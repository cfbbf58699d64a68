/**
 * Tunes the 1024 matrix product from the default space and compares what was found (also without the schedule that is
 * there without search) with the best known tiles, all in turns: node --import tsx tests/bench/tune.ts [seed] [trials]
 */
import {
  build,
  compileTir,
  type Executable,
  MemoryDatabase,
  measureTogether,
  Tensor,
  type Trial,
  tuneTir,
} from "../../lib/index.ts";
import { enableRelaxedSimd } from "../../lib/runtime/features.node.ts";
import { matmul1024, scheduledMatmul } from "./matmul.ts";

const FLOPS = 2 * 1024 ** 3;
const rate = (ms: number | undefined): string => (ms === undefined ? "-" : (FLOPS / ms / 1e6).toFixed(1));

enableRelaxedSimd();
const [seed, numTrials] = [Number(process.argv[2] ?? 0), Number(process.argv[3] ?? 64)];
let told = -1;
const database = await tuneTir(matmul1024, {
  seed,
  numTrials,
  onProgress: ({ history }) => {
    const t: Trial | undefined = history.at(-1);
    if (!t || t.index === told) return;
    told = t.index;
    const what = t.status === "measured" ? `${rate(t.measured)} GFLOP/s` : `${t.status}: ${t.message}`;
    console.log(`${t.index} ${t.origin}: ${what}, expected ${rate(t.predicted)}, best ${rate(t.best)}`);
  },
});

const first = JSON.stringify(database.records()[0].trace);
const found = new MemoryDatabase(database.records().filter((r) => JSON.stringify(r.trace) !== first));
const variants: [string, Executable][] = [];
for (const tile of [
  { mr: 4, nr: 8, mc: 256, kc: 256 },
  { mr: 4, nr: 8, mc: 128, kc: 128 },
  { mr: 2, nr: 16, mc: 256, kc: 256 },
  { mr: 2, nr: 16, mc: 128, kc: 128 },
]) {
  variants.push([JSON.stringify(tile), await build(scheduledMatmul(tile).mod, { threads: 1 })]);
}
variants.push(["tuned", await build(compileTir(database, matmul1024).mod, { threads: 1 })]);
variants.push(["tuned, found by search", await build(compileTir(found, matmul1024).mod, { threads: 1 })]);
const args = [Tensor.random([1024, 1024]), Tensor.random([1024, 1024]), Tensor.empty([1024, 1024])];
const timings = await measureTogether(
  variants.map(([name, lib]) => ({ name, target: "wasm", run: lib.prepare("matmul", args), flops: FLOPS })),
  { warmup: 3, repeats: 30, minMs: 1, maxMs: 30_000 },
);
for (const t of timings)
  console.log(`${t.name}: at best ${rate(t.min)}, in the middle ${rate(t.median)} GFLOP/s`);
const known = timings.slice(0, -2);
const best = (of: (t: (typeof timings)[number]) => number): number => Math.min(...known.map(of));
for (const t of timings.slice(-2)) {
  console.log(
    `${t.name}: ${(best((k) => k.min) / t.min).toFixed(2)} of the best known at best, ` +
      `${(best((k) => k.median) / t.median).toFixed(2)} in the middle`,
  );
}
