/**
 * This machine against the peers, side by side in one run. Results are checked to agree before they are timed. Usage:
 *
 *   npm run bench -- [--only WORD] [--peers web,node,jax,tfjs] [--json FILE] [--plot FILE.svg]
 *                    [--tuned] [--trials N] [--seed N] [--records FOLDER] [--clock wall|processor]
 *
 * `--only` takes the sections and cases whose name has the word. `--tuned` adds what search brings: N candidates (8 unless
 * said otherwise) for each program of each model, as far as the folder does not hold their records. `--clock processor` measures
 * what keeps to one thread by the time that the process computes instead of the time of day: for machines that others use too. `npm run bench -- --docs A.json B.json` writes
 * docs/BENCHMARKS.md from what earlier runs left.
 */
import { writeFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { features, measureRoofline, setThreads } from "../../lib/index.ts";
import { enableRelaxedSimd } from "../../lib/runtime/features.node.ts";
import { chapter3, matmul } from "./by-hand.ts";
import { processorTime } from "./compare.ts";
import { writeDocs } from "./docs.ts";
import { callOverhead, firstRun } from "./first-run.ts";
import { modelMatches } from "./models.ts";
import { BASELINE } from "./names.ts";
import { OPERATORS, operatorMatch } from "./operators.ts";
import { ratioPlot } from "./ratio-plot.ts";
import { resultTable } from "./report.ts";
import type { BenchRun, MatchResult, Section } from "./results.ts";
import { startup } from "./startup.ts";
import { ONE_THREAD, threadResult } from "./threads.ts";
import { BEST_KNOWN, tunedMatmul } from "./tune.ts";
import { RECORDS, tunedMatches } from "./tuned.ts";
import { type Match, versus } from "./versus.ts";

interface Plan {
  readonly name: string;
  readonly baseline: string;
  /** Names of the cases, and what runs each. */
  readonly cases: () => readonly (readonly [string, () => Promise<MatchResult>])[];
}

const { values: options, positionals } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string" },
    peers: { type: "string" },
    plot: { type: "string" },
    docs: { type: "boolean" },
    tuned: { type: "boolean" },
    trials: { type: "string", default: "8" },
    seed: { type: "string", default: "0" },
    records: { type: "string", default: RECORDS },
    clock: { type: "string", default: "wall" },
  },
  allowPositionals: true,
});

const wholeNumber = (flag: "trials" | "seed", least: number): number => {
  const n = Number(options[flag]);
  if (!Number.isInteger(n) || n < least)
    throw new Error(`--${flag} ${options[flag]}: a whole number from ${least} on is wanted`);
  return n;
};
const [numTrials, seed] = [wholeNumber("trials", 1), wholeNumber("seed", 0)];

const PEER_NAMES: Readonly<Record<string, string>> = {
  web: "onnxruntime-web",
  node: "onnxruntime-node",
  jax: "jax-js",
  tfjs: "tfjs-wasm",
};
const only = (options.peers === "none" ? [] : options.peers?.split(","))?.map((word) => {
  const name = PEER_NAMES[word];
  if (!name)
    throw new Error(`--peers: no peer "${word}"; there are ${Object.keys(PEER_NAMES).join(", ")}, none`);
  return name;
});
if (options.clock !== "wall" && options.clock !== "processor")
  throw new Error(`--clock ${options.clock}: there are wall and processor`);
const now = options.clock === "processor" ? processorTime : undefined;
const play = (m: Match) => [m.name, () => versus(m, { only, now })] as const;

const PLANS: readonly Plan[] = [
  {
    name: "chapter 3, one thread",
    baseline: "as written",
    cases: () => [["mm_relu", chapter3]],
  },
  {
    name: "matmul by hand, one thread",
    baseline: BASELINE,
    cases: () => [["matmul 1024", matmul]],
  },
  {
    name: "operators, one thread, untuned",
    baseline: BASELINE,
    cases: () => OPERATORS.map((c) => play(operatorMatch(c))),
  },
  {
    name: "models, one thread, untuned",
    baseline: BASELINE,
    cases: () => modelMatches().map(play),
  },
  ...(options.tuned
    ? [
        {
          name: `models, one thread, tuned (${numTrials} candidates for each program)`,
          baseline: BASELINE,
          cases: () => {
            const run = tunedMatches({ trials: numTrials, seed, folder: options.records, now });
            return modelMatches().map((m) => [m.name, () => run(m)] as const);
          },
        },
        {
          name: "search: matmul",
          baseline: BEST_KNOWN,
          cases: () => [["matmul 1024", () => tunedMatmul({ numTrials: 64, seed })] as const],
        },
      ]
    : []),
  ...(["matmul", "fork"] as const).map((which) => ({
    name: which === "fork" ? "threads: fork and join" : "threads: matmul by hand",
    baseline: ONE_THREAD,
    cases: () => [[which, async () => threadResult(which)] as const],
  })),
  {
    name: "models, two threads, untuned",
    baseline: BASELINE,
    cases: () => modelMatches().map((m) => [m.name, async () => threadResult(m.name, only)] as const),
  },
  {
    name: "start: from the start of a process to the first output, 784-200-10",
    baseline: BASELINE,
    cases: () => [["784-200-10", startup]],
  },
  {
    name: "first run: from the bytes of a model to its first output",
    baseline: BASELINE,
    cases: () =>
      modelMatches()
        .filter((m) => m.name.startsWith("resnet18"))
        .map((m) => [m.name, async () => firstRun(m)] as const),
  },
  {
    name: "call: two kernels that do next to nothing",
    baseline: BASELINE,
    cases: () => [["8-8-8", callOverhead]],
  },
];

if (options.docs) {
  writeDocs(positionals);
  process.exit(0);
}

enableRelaxedSimd();
// One thread for everybody: memory that no other thread sees is copied to and from in a third of the time (Node 24).
// The sections about threads run in processes of their own.
setThreads(1);
const { peaks, bandwidths, callNs } = await measureRoofline({ repeats: 25 });
const machine = {
  node: process.version,
  v8: process.versions.v8,
  cpu: os.cpus()[0]?.model ?? "unknown",
  cores: os.cpus().length,
  features: features(),
  date: new Date().toISOString().slice(0, 10),
  clock: options.clock,
  roofline: { peaks, bandwidths, callNs },
};
console.log(`Node ${machine.node}, ${machine.cpu}, ${machine.cores} cores`);
console.log(
  [
    ...peaks.map((p) => `${p.name}: ${p.gflops.toFixed(1)} GFLOP/s (tile ${p.tile.mr} × ${p.tile.nr})`),
    ...bandwidths.map((b) => `${b.level}: ${b.gbps.toFixed(1)} GB/s`),
    `call: ${callNs.toFixed(0)} ns`,
  ].join("; "),
);

const sections: Section[] = [];
for (const { name, baseline, cases } of PLANS) {
  const wanted = options.only && !name.includes(options.only) ? options.only : "";
  const results: MatchResult[] = [];
  for (const [label, run] of cases()) {
    if (!label.includes(wanted)) continue;
    process.stderr.write(`${name}: ${label}\n`);
    results.push(await run());
  }
  if (results.length === 0) continue;
  sections.push({ name, baseline, results });
  console.log(`\n${resultTable(sections[sections.length - 1])}`);
}
const done: BenchRun = { machine, sections };
if (options.json) writeFileSync(options.json, `${JSON.stringify(done, null, 1)}\n`);
if (options.plot) writeFileSync(options.plot, await ratioPlot(done).toSVG());
// onnxruntime-web keeps handles open.
process.exit(0);
