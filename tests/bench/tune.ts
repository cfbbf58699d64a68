/**
 * Tunes the 1024 matrix product from the default space and compares what was found (also without the schedule that is
 * there without search) with the best known schedules, all in turns. A section of `npm run bench -- --tuned`; alone:
 *
 *   node --import tsx tests/bench/tune.ts [seed] [trials]
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { build, compileTir, MemoryDatabase, type Schedule, Tensor, tuneTir } from "../../lib/index.ts";
import { primFuncs } from "../../lib/ir/index.ts";
import { enableRelaxedSimd } from "../../lib/runtime/features.node.ts";
import { engineName } from "../../lib/runtime/tuning-target.ts";
import { scheduleOf } from "../../lib/tune/index.ts";
import { type Contender, compare, type Measured, processorTime } from "./compare.ts";
import { matmul1024, scheduledMatmul } from "./matmul.ts";
import type { MatchResult } from "./results.ts";

const FLOPS = 2 * 1024 ** 3;
/** Register tiles and blocks of the caches that came out best, by hand or by search, on one engine or the other. */
const KNOWN = [
  { mr: 4, nr: 8, mc: 256, kc: 256 },
  { mr: 4, nr: 8, mc: 128, kc: 128 },
  { mr: 2, nr: 16, mc: 256, kc: 256 },
  { mr: 2, nr: 16, mc: 128, kc: 128 },
];
/** What ratios are taken against: the quickest of the known schedules. */
export const BEST_KNOWN = "best known schedule";
const TUNED = "tuned";
const FOUND = "tuned, without the schedule of analysis";

/**
 * The search and what it brought: the best known schedule (the quickest of some by hand and of the one by analysis), what
 * search gives, and the best that it found by itself.
 */
export async function tunedMatmul(o: {
  readonly numTrials: number;
  readonly seed: number;
  readonly onTrial?: (line: string) => void;
}): Promise<MatchResult> {
  let told = -1;
  const database = await tuneTir(matmul1024, {
    seed: o.seed,
    numTrials: o.numTrials,
    onProgress: ({ history }) => {
      const t = history.at(-1);
      if (!t || t.index === told) return;
      told = t.index;
      const what = t.status === "measured" ? `${rate(t.measured)} GFLOP/s` : `${t.status}: ${t.message}`;
      o.onTrial?.(`${t.index} ${t.origin}: ${what}, expected ${rate(t.predicted)}, best ${rate(t.best)}`);
    },
  });
  const first = JSON.stringify(database.records()[0].trace);
  const found = new MemoryDatabase(database.records().filter((r) => JSON.stringify(r.trace) !== first));
  const [product] = Object.values(primFuncs(matmul1024));
  const args = [Tensor.random([1024, 1024]), Tensor.random([1024, 1024]), Tensor.empty([1024, 1024])];
  const contender = async (name: string, sch: Schedule): Promise<Contender> => {
    const lib = await build(sch.mod, { threads: 1 });
    return { name, run: lib.prepare(Object.keys(sch.mod.funcs)[0], args) };
  };
  const known = [
    ...KNOWN.map((t) => [`tile ${t.mr} × ${t.nr}, blocks ${t.mc} × ${t.kc}`, scheduledMatmul(t)] as const),
    ["by analysis", scheduleOf(product, engineName())] as const,
  ];
  const rows = await compare(
    [
      ...(await Promise.all(known.map(([name, sch]) => contender(name, sch)))),
      await contender(TUNED, compileTir(database, matmul1024)),
      await contender(FOUND, compileTir(found, matmul1024)),
    ],
    { rounds: 31, flops: FLOPS, now: processorTime },
  );
  for (const t of args) t.dispose();
  const best = rows.slice(0, known.length).reduce((a, b) => (b.median < a.median ? b : a));
  return {
    name: `matmul 1024 × 1024 × 1024, ${o.numTrials} candidates`,
    rows: [{ ...best, name: BEST_KNOWN }, ...rows],
    cannot: [],
  };
}

const rate = (ms: number | undefined): string => (ms === undefined ? "-" : (FLOPS / ms / 1e6).toFixed(1));

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  enableRelaxedSimd();
  const [seed, numTrials] = [Number(process.argv[2] ?? 0), Number(process.argv[3] ?? 64)];
  const { rows } = await tunedMatmul({ seed, numTrials, onTrial: (line) => console.log(line) });
  const row = (name: string): Measured => rows.find((r) => r.name === name) as Measured;
  const least = Math.min(...rows.slice(1, -2).map((r) => r.min));
  for (const r of rows)
    console.log(`${r.name}: at best ${rate(r.min)}, in the middle ${rate(r.median)} GFLOP/s`);
  for (const r of [row(TUNED), row(FOUND)]) {
    const [middle, best] = [row(BEST_KNOWN).median / r.median, least / r.min];
    console.log(
      `${r.name}: ${best.toFixed(2)} of the best known at best, ${middle.toFixed(2)} in the middle`,
    );
  }
}
