// Databases of records: which schedule is found for which program, and what a file of records survives.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { applyDatabase } from "../../../lib/graph/passes/index.ts";
import { irModule, type PrimFunc, structuralEqual, withAttrs } from "../../../lib/ir/index.ts";
import { allclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { FileDatabase } from "../../../lib/tune/database/file.node.ts";
import { undisturbed } from "../../../lib/tune/database/record.ts";
import {
  compileTir,
  costOf,
  MemoryDatabase,
  readRecords,
  recordLine,
  type TuningRecord,
  type TuningTarget,
  UnionDatabase,
  workloadOf,
} from "../../../lib/tune/index.ts";
import { linear } from "./programs.ts";

const target: TuningTarget = { kind: "wasm", relaxedSimd: true, threads: 1, engine: "node 24, V8 13" };

/** A record of a schedule that splits the rows by a factor. */
function record(f: PrimFunc, factor: number, more: Partial<TuningRecord> = {}): TuningRecord {
  const sch = new Schedule(f);
  const [block] = sch.getChildBlocks(sch.getBlock("root"));
  sch.split(sch.getLoops(block)[0], [null, factor]);
  const trace = sch.trace.toJSON();
  const date = "2026-11-22T12:00:00.000Z";
  return {
    version: 1,
    workload: workloadOf(f),
    trace,
    status: "measured",
    runs: [factor],
    target,
    date,
    ...more,
  };
}

const f = linear(12, 6, 8);
const splitBy = (sch: Schedule | undefined): unknown =>
  (sch?.trace.instructions.find((i) => i.primitive === "split")?.inputs[1] as unknown[] | undefined)?.[1];

describe("tune: databases", () => {
  it("the fastest record of a program is found, for the machine most like the one asked for", () => {
    const slowMachine = { ...target, engine: "node 20, V8 11", relaxedSimd: false };
    const db = new MemoryDatabase([
      record(f, 4),
      record(f, 3),
      record(f, 2, { target: slowMachine }),
      record(f, 6, { status: "failed", runs: [], message: "no" }),
    ]);
    assert.equal(splitBy(db.querySchedule(f, target)), 3);
    assert.equal(splitBy(db.querySchedule(f, slowMachine)), 2);
    assert.equal(splitBy(db.querySchedule(f)), 2, "of all machines");
    assert.equal(splitBy(db.querySchedule(f, { ...target, threads: 8 })), 3, "the nearest");
    assert.equal(db.querySchedule(linear(12, 6, 9)), undefined);
    const other = new MemoryDatabase([record(f, 1)]);
    assert.equal(splitBy(new UnionDatabase(db, other).querySchedule(f, target)), 1);
  });

  it("what was measured on a busy machine counts relative to the yardstick", () => {
    const yardstick = (...runs: number[]) => ({ hash: "y", runs });
    const db = new MemoryDatabase([
      record(f, 2, { runs: [10, 11, 12], yardstick: yardstick(20, 22, 24) }),
      record(f, 3, { runs: [5, 5, 5], yardstick: yardstick(6, 6, 6) }),
    ]);
    assert.equal(splitBy(db.querySchedule(f, target)), 2, "half the yardstick's time against five sixths");
    const [busy] = db.records();
    assert.equal(costOf(busy), 10);
    assert.equal(costOf(busy, new Map([["y", 6]])), 3);
  });

  it("what was found has to be clearly faster than the schedule without search", () => {
    const plain = record(f, 2, { runs: [10, 10], origin: "default" });
    const better = (ms: number) => new MemoryDatabase([plain, record(f, 3, { runs: [ms, ms] })]);
    assert.equal(splitBy(better(9.9).querySchedule(f)), 2);
    assert.equal(splitBy(better(9.5).querySchedule(f)), 3);
    // Of two that were found the faster one is taken.
    const found = [record(f, 2, { runs: [10, 10] }), record(f, 3, { runs: [9.9, 9.9] })];
    assert.equal(splitBy(new MemoryDatabase(found).querySchedule(f)), 3);
  });

  it("records of an engine with as many registers for a tile are nearer than those of another", () => {
    const engine = (name: string): Partial<TuningRecord> => ({ target: { ...target, engine: name } });
    const db = new MemoryDatabase([
      record(f, 2, { ...engine("node 24.1.0, V8 13.6"), runs: [9] }),
      record(f, 3, { ...engine("node 20.1.0, V8 11.3"), runs: [1] }),
    ]);
    const ask = (name: string): unknown => splitBy(db.querySchedule(f, { ...target, engine: name }));
    assert.deepEqual([ask("node 25.0.0, V8 14.1"), ask("node 22.0.0, V8 12.4")], [2, 3]);
  });

  it("a candidate that was measured again counts with all its runs", () => {
    // The machine was busy while the yardstick ran.
    const lucky = record(f, 2, { runs: [3], yardstick: { hash: "y", runs: [12] } });
    const steady = record(f, 3, { runs: [2, 2], yardstick: { hash: "y", runs: [4, 4] } });
    const again = { ...lucky, runs: [3, 3], yardstick: { hash: "y", runs: [4, 4] } };
    assert.equal(splitBy(new MemoryDatabase([lucky, steady]).querySchedule(f)), 2);
    assert.equal(splitBy(new MemoryDatabase([lucky, steady, again]).querySchedule(f)), 3);
  });

  it("runs that something came between do not count, if a quarter was left alone", () => {
    const y = (...runs: number[]) => ({ hash: "y", runs });
    const quiet = new Map([["y", 4]]);
    const disturbed = record(f, 2, {
      runs: [3, 30, 9, 3, 14, 60, 3.2, 8],
      yardstick: y(31, 4, 12, 4, 4.4, 20, 9, 70),
    });
    assert.equal(costOf(disturbed, quiet), 3);
    assert.equal(costOf(record(f, 2, { runs: [3, 3, 3], yardstick: y(4, 4, 4) }), quiet), 3);
    assert.equal(undisturbed([5]), 5);
    assert.equal(undisturbed([9, 1, 2, 9, 9, 9, 9, 9]), 1.5);
  });

  it("a program with other names gets the schedule, one that was noted as scheduled keeps its own", () => {
    const renamed = T.primFunc({ X: T.buffer([8]), Z: T.buffer([8]) }, ({ X, Z }) => {
      for (const q of T.serial(8)) {
        T.block("doubled", () => {
          const vq = T.axis.spatial(8, q);
          Z[vq] = X[vq] * 2;
        });
      }
    });
    const original = T.primFunc({ A: T.buffer([8]), B: T.buffer([8]) }, ({ A, B }) => {
      for (const i of T.serial(8)) {
        T.block("B", () => {
          const vi = T.axis.spatial(8, i);
          B[vi] = A[vi] * 2;
        });
      }
    });
    const db = new MemoryDatabase([record(original, 4)]);
    assert.equal(splitBy(db.querySchedule(renamed)), 4);
    const marked = withAttrs(renamed, { opPattern: "elementwise" });
    const found = db.queryFunc(marked);
    assert.deepEqual(found?.attrs, { opPattern: "elementwise", scheduled: "tuned" });
    const mod = irModule({ a: marked, b: withAttrs(renamed, { scheduled: true }), c: f });
    const out = applyDatabase(db).run(mod);
    assert.ok(structuralEqual(out.funcs.a, found as PrimFunc));
    assert.equal(out.funcs.b, mod.funcs.b);
    assert.equal(out.funcs.c, mod.funcs.c);
    const schedule = compileTir(db, irModule({ twice: renamed, other: f }), target, "twice");
    assert.deepEqual(Object.keys(schedule.mod.funcs), ["twice", "other"]);
    assert.equal(splitBy(schedule), 4);
  });

  it("a record whose trace no longer fits is passed over for the next best", () => {
    const broken = record(f, 2, { runs: [0.1] });
    const trace = {
      instructions: broken.trace.instructions.map((i) =>
        i.primitive === "split" ? { ...i, primitive: "splitInTwo" } : i,
      ),
    };
    const db = new MemoryDatabase([{ ...broken, trace }, record(f, 3)]);
    assert.equal(splitBy(db.querySchedule(f)), 3);
  });

  it("build takes the database", async () => {
    const lib = await build(f, { database: new MemoryDatabase([record(f, 3)]) });
    assert.match(lib.module.script(), /grid\(4, 3/);
    const shapes = [[12, 6], [6, 8], [8], [12, 8]];
    const args = shapes.map((s, i) => Tensor.random(s, { seed: i + 1 }));
    const want = Tensor.empty([12, 8]);
    await lib.main(...args);
    await (await build(f)).main(...args.slice(0, 3), want);
    assert.ok(allclose(args[3], want).ok);
    for (const t of [...args, want]) t.dispose();
  });
});

describe("tune: files of records", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(path.join(tmpdir(), "tilewright-records-"));
  after(() => rmSync(folder, { recursive: true }));
  const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n");

  it("what was added is there when the file is opened again", () => {
    const file = path.join(folder, "plain.jsonl");
    const db = new FileDatabase(file);
    for (const n of [2, 3, 4]) db.add(record(f, n));
    assert.deepEqual(new FileDatabase(file).records(), db.records());
    assert.equal(splitBy(new FileDatabase(file).querySchedule(f)), 2);
  });

  it("torn at any place, the file gives the lines before, and the next record begins a new one", () => {
    const file = path.join(folder, "torn.jsonl");
    const whole = [2, 3].map((n) => recordLine(record(f, n))).join("");
    const first = recordLine(record(f, 2)).length;
    for (const cut of [first + 1, first + 20, whole.length - 20, whole.length - 1]) {
      writeFileSync(file, whole);
      truncateSync(file, cut);
      const db = new FileDatabase(file);
      // All but the newline of the last line is a whole record.
      const kept = cut === whole.length - 1 ? 2 : 1;
      assert.equal(db.records().length, kept);
      assert.equal(db.skipped.length, 2 - kept);
      db.add(record(f, 6));
      const again = new FileDatabase(file);
      assert.deepEqual(again.records().slice(-1), [record(f, 6)]);
      assert.equal(again.records().length, kept + 1);
    }
  });

  it("damaged lines are skipped and named; other versions too", () => {
    const good = recordLine(record(f, 2));
    const { records, skipped } = readRecords(
      `${good}not json\n${JSON.stringify({ ...record(f, 3), version: 2 })}\n\n[1]\n{"version":1}\n${good}`,
    );
    assert.equal(records.length, 2);
    assert.deepEqual(skipped, [
      "line 2: it is no complete JSON",
      "line 3: its version is 2, this program reads 1",
      "line 5: its version is undefined, this program reads 1",
      "line 6: it has no workload",
    ]);
    const file = path.join(folder, "odd.jsonl");
    writeFileSync(file, "\0\0\0");
    appendFileSync(file, "");
    assert.equal(new FileDatabase(file).skipped.length, 1);
  });

  it("writers in several processes do not mix their lines", async () => {
    const file = path.join(folder, "shared.jsonl");
    const script = path.join(folder, "writer.mjs");
    const root = new URL("../../../", import.meta.url);
    const lib = new URL("lib/tune/database/file.node.ts", root).href;
    writeFileSync(
      script,
      `import { FileDatabase } from ${JSON.stringify(lib)};
       const db = new FileDatabase(${JSON.stringify(file)});
       for (let i = 0; i < 150; i++) db.add(JSON.parse(process.argv[2]));`,
    );
    const writer = () =>
      promisify(execFile)(process.execPath, ["--import", "tsx", script, JSON.stringify(record(f, 2))], {
        cwd: fileURLToPath(root),
      });
    await Promise.all([writer(), writer()]);
    assert.deepEqual(new FileDatabase(file).skipped, []);
    // A line that the other is just writing looks torn; what then comes before the next is an empty line.
    assert.equal(lines(file).filter((line) => line !== "").length, 300);
    assert.equal(new FileDatabase(file).records().length, 300);
  });
});
