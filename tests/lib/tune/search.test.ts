// The search itself, with a measurer that makes no measurements: what it chooses, counts, records and gives up.
import assert from "node:assert/strict";
import { structuralHash } from "../../../lib/ir/index.ts";
import { estimate, quantile } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import {
  BoostedTrees,
  compileTir,
  FEATURES,
  featuresOf,
  type MeasureRequest,
  type Measurer,
  MemoryDatabase,
  type Outcome,
  type Progress,
  postOrderSpace,
  randomSearch,
  type TuneOptions,
  type TuningTarget,
  tuneTir,
} from "../../../lib/tune/index.ts";
import { linear, softmax } from "./programs.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const target: TuningTarget = { kind: "wasm", relaxedSimd: false, threads: 1, engine: "test" };

/** Milliseconds by the bytes that a program moves: the same each time. */
const byEstimate = ({ candidate }: MeasureRequest): Outcome => ({
  status: "measured",
  runs: [estimate(candidate).moved / 1e6, estimate(candidate).moved / 1e6 + 0.001],
});

function fake(
  measure: (r: MeasureRequest, n: number) => Outcome = byEstimate,
): Measurer & { asked: MeasureRequest[] } {
  const asked: MeasureRequest[] = [];
  return {
    target,
    asked,
    measure: async (r) => measure(r, asked.push(r) - 1),
    dispose: async () => {},
  };
}

const product = linear(12, 40, 24);
const effort = { population: 16, generations: 2 };
const options: TuneOptions = { numTrials: 20, trialsPerRound: 10, seed, effort, confirm: 0 };

describe(`tune: search (seed ${seed})`, function () {
  this.timeout(120_000);

  it("the same seed gives the same records, also in a search that is interrupted and goes on", async () => {
    const run = async (s: number, o: TuneOptions = {}) => {
      const db = await tuneTir(product, { ...options, measurer: fake(), ...o, seed: s });
      return db.records().map(({ date: _, ...r }) => r);
    };
    const first = await run(seed);
    assert.equal(first.length, 20);
    assert.deepEqual(
      first.map((r) => r.origin),
      ["default", ...Array(19).fill(undefined)],
    );
    assert.deepEqual(await run(seed), first);
    assert.notDeepEqual(await run(seed + 1), first);
    assert.equal(new Set(first.map((r) => JSON.stringify(r.trace))).size, 20, "no candidate twice");
  });

  it("a search that goes on measures nothing again, and counts what is there", async () => {
    const database = new MemoryDatabase();
    const stop = new AbortController();
    const measurer = fake();
    await tuneTir(product, {
      ...options,
      database,
      measurer,
      signal: stop.signal,
      onProgress: (p) => p.history.length === 5 && stop.abort(),
    });
    assert.equal(database.records().length, 5);
    await tuneTir(product, { ...options, database, measurer, numTrials: 9 });
    assert.equal(database.records().length, 9);
    const hashes = measurer.asked.map((r) => structuralHash(r.candidate));
    assert.equal(new Set(hashes).size, 9);
    await tuneTir(product, { ...options, database, measurer, numTrials: 9 });
    assert.equal(measurer.asked.length, 9);
  });

  it("progress and history: every trial with its decisions, what was expected and what came", async () => {
    const seen: Progress[] = [];
    const database = await tuneTir(product, {
      ...options,
      measurer: fake(),
      onProgress: (p) => seen.push(p),
    });
    const last = seen[seen.length - 1];
    assert.deepEqual([last.trials, last.total, last.measured, last.done], [20, 20, 20, true]);
    assert.equal(last.history.length, 20);
    assert.equal(last.history[0].origin, "default");
    assert.ok(last.history.some((t) => t.predicted !== undefined && t.origin === "mutated"));
    const bests = last.history.map((t) => t.best as number);
    assert.deepEqual(
      bests,
      [...bests].sort((a, b) => b - a),
      "the best never gets worse",
    );
    const least = Math.min(...database.records().flatMap((r) => r.runs));
    assert.equal(last.best, least);
    assert.ok(seen.every((p, i) => i === 0 || p.trials >= seen[i - 1].trials));
    const fastest = last.history.find((t) => t.measured === least);
    assert.deepEqual(
      compileTir(database, product).trace.decisions.map((d) => d.decision),
      fastest?.decisions.map((d) => d.decision),
    );
  });

  it("what is chosen with the cost model is faster than what is drawn at random", async () => {
    let trials: Progress["history"] = [];
    await tuneTir(linear(32, 64, 48), {
      numTrials: 32,
      trialsPerRound: 8,
      confirm: 0,
      effort: { population: 24, generations: 3 },
      seed,
      space: postOrderSpace(),
      measurer: fake(),
      onProgress: (p) => {
        trials = p.history;
      },
    });
    const middle = (origin: string): number =>
      quantile(
        trials.filter((t) => t.origin === origin).map((t) => t.measured as number),
        0.5,
      );
    assert.ok(trials.filter((t) => t.origin === "mutated").length >= 8);
    assert.ok(middle("mutated") < middle("random"), `${middle("mutated")} against ${middle("random")}`);
  });

  it("candidates that fail are counted and recorded, not fatal; with none measured it is an error", async () => {
    const kinds = ["failed", "timedOut", "wrong", "tooLarge"] as const;
    const some = fake((r, n) =>
      n % 5 < 4 ? { status: kinds[n % 5], runs: [], message: `no ${n}` } : byEstimate(r),
    );
    let last: Progress | undefined;
    const database = await tuneTir(product, {
      ...options,
      measurer: some,
      onProgress: (p) => {
        last = p;
      },
    });
    assert.deepEqual(
      { ...last?.failed, illegal: 0 },
      { illegal: 0, overLimits: 0, tooLarge: 4, failed: 4, timedOut: 4, wrong: 4 },
    );
    assert.equal(last?.measured, 4);
    assert.equal(
      database.records().filter((r) => r.status === "wrong" && r.message?.startsWith("no ")).length,
      4,
    );
    const never = fake(() => ({ status: "failed", runs: [], message: "the disk is on fire" }));
    await assert.rejects(tuneTir(product, { ...options, measurer: never }), {
      name: "TuneError",
      message: "nothing of main could be measured (20 failed); the first: the disk is on fire",
    });
  });

  it("a space that gives nothing, or not enough, ends the search", async () => {
    const refused = tuneTir(product, {
      ...options,
      measurer: fake(),
      space: (sch) => {
        sch.vectorize(sch.getLoops(sch.getBlock("product"))[2]);
      },
    });
    await assert.rejects(refused, /nothing of main could be measured \(\d+ illegal\); the first: vectorize/);
    const two = await tuneTir(product, {
      ...options,
      measurer: fake(),
      space: (sch) => {
        const [i] = sch.getLoops(sch.getBlock("product"));
        sch.split(i, [null, sch.sampleCategorical([2, 3], [0.5, 0.5])]);
      },
    });
    assert.equal(two.records().length, 2);
    const broken = tuneTir(product, {
      ...options,
      measurer: fake(),
      space: () => {
        throw new RangeError("my mistake");
      },
    });
    await assert.rejects(broken, { name: "RangeError", message: "my mistake" });
  });

  it("the best is measured again, until it is one that was: chance favours the smallest of many", async () => {
    const seen = new Set<string>();
    const measurer = fake((r) => {
      const key = structuralHash(r.candidate);
      const isFirst = !seen.has(key);
      seen.add(key);
      // While every second candidate was first measured, the yardstick took a hundred times as long.
      const [ms] = byEstimate(r).runs;
      const n = isFirst ? 1 : 3;
      const yardstick = Array(n).fill(isFirst && key < "8" ? 100 : 1);
      return { status: "measured", runs: Array(n).fill(ms), yardstick };
    });
    const database = await tuneTir(product, { ...options, numTrials: 12, confirm: 12, measurer });
    const first = measurer.asked.slice(0, 12);
    const again = measurer.asked.slice(12).map((r) => structuralHash(r.candidate));
    assert.ok(again.length >= 2 && database.records().length === 12 + again.length);
    const best = structuralHash(compileTir(database, product).func("main"));
    assert.ok(again.includes(best), "the best was measured again");
    const least = Math.min(...first.map((r) => byEstimate(r).runs[0]));
    const found = first.find((r) => structuralHash(r.candidate) === best) as MeasureRequest;
    assert.equal(byEstimate(found).runs[0], least, "and is the best");
  });

  it("of candidates that are close to each other all are measured again, in turns", async () => {
    const measurer = fake(() => ({ status: "measured", runs: [1], yardstick: [1] }));
    await tuneTir(product, { ...options, numTrials: 6, confirm: 3, measurer });
    const again = measurer.asked.slice(6).map((r) => structuralHash(r.candidate));
    assert.equal(again.length, 12);
    assert.equal(new Set(again.slice(0, 4)).size, 4);
    assert.deepEqual(again.slice(4, 8), again.slice(0, 4));
    assert.deepEqual(again.slice(8), again.slice(0, 4));
  });

  it("random search draws from a schedule function", async () => {
    const { schedule, trials } = await randomSearch(
      product,
      (sch) => {
        const [i, j, k] = sch.getLoops(sch.getBlock("product"));
        const [i0, i1] = sch.split(i, sch.samplePerfectTile(i, 2));
        const [j0, j1] = sch.split(j, sch.samplePerfectTile(j, 2));
        sch.reorder(i0, j0, k, i1, j1);
      },
      { numTrials: 6, seed, measurer: fake() },
    );
    assert.equal(trials.length, 6);
    assert.equal(schedule.trace.decisions.length, 2);
    assert.ok(trials.every((t) => t.origin === "random" && t.decisions.length === 2));
  });

  it("replayTrace keeps the trace and draws its decisions anew", async () => {
    const db = await tuneTir(product, {
      ...options,
      numTrials: 8,
      strategy: "replayTrace",
      space: postOrderSpace(),
      measurer: fake(),
    });
    const calls = new Set(db.records().map((r) => r.trace.instructions.map((i) => i.primitive).join()));
    assert.equal(calls.size, 1);
    assert.equal(new Set(db.records().map((r) => JSON.stringify(r.trace))).size, 8);
  });
});

describe(`tune: features and boosted trees (seed ${seed})`, () => {
  it("one row of finite numbers for each store", () => {
    const space = postOrderSpace();
    for (const f of [product, softmax(5, 24)]) {
      for (const s of [1, 2, 3]) {
        const rows = featuresOf(space.sample(f, s, target).func("main"));
        assert.ok(rows.length >= 2);
        for (const row of rows) {
          assert.equal(row.length, FEATURES.length);
          assert.ok(row.every(Number.isFinite), JSON.stringify(row));
        }
      }
    }
  });

  it("features tell tiles in registers and traffic", () => {
    const tiled = new Schedule(product);
    const C = tiled.getBlock("product");
    const [i, j, k] = tiled.getLoops(C);
    const [i0, i1] = tiled.split(i, [null, 4]);
    const [j0, j1] = tiled.split(j, [null, 8]);
    tiled.reorder(i0, j0, k, i1, j1);
    tiled.unroll(i1);
    tiled.vectorize(j1);
    const at = (rows: number[][], name: string): number => rows[1][FEATURES.indexOf(name)];
    const rows = featuresOf(tiled.func("main"));
    assert.equal(at(rows, "sums"), 8, "4 rows of two vectors");
    assert.equal(at(rows, "sumsInMemory"), 0);
    assert.equal(at(featuresOf(product), "sums"), 1);
    assert.ok(at(rows, "vector") > at(featuresOf(product), "vector"));
  });

  it("trees fit a function of some features, and order what they have not seen", () => {
    const random = new Random(seed);
    const make = () => Array.from({ length: 6 }, () => random.real());
    const label = (p: number[][]): number =>
      p.reduce((n, [a, b, c]) => n + (a > 0.5 ? 0.4 : 0) + 0.3 * b * c, 0);
    const programs = Array.from({ length: 150 }, (_, i) => Array.from({ length: 1 + (i % 2) }, make));
    const trees = BoostedTrees.fit(programs, programs.map(label), { seed });
    const fresh = Array.from({ length: 100 }, (_, i) => Array.from({ length: 1 + (i % 2) }, make));
    const error = fresh.reduce((n, p) => n + Math.abs(trees.predict(p) - label(p)), 0) / fresh.length;
    assert.ok(error < 0.07, `mean error ${error}`);
    const same = BoostedTrees.fit(programs, programs.map(label), { seed });
    assert.ok(fresh.every((p) => same.predict(p) === trees.predict(p)));
  });
});
