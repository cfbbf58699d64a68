// Measuring in a process of its own: whatever a candidate does costs that candidate alone.
import assert from "node:assert/strict";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { localMeasurer } from "../../../lib/runtime/measure/index.ts";
import { processMeasurer } from "../../../lib/runtime/measure/process.node.ts";
import { parsePrimFunc } from "../../../lib/script/index.ts";
import {
  compileTir,
  defaultSchedule,
  type Measurer,
  MemoryDatabase,
  tuneTir,
} from "../../../lib/tune/index.ts";
import { linear } from "./programs.ts";

/** B = A + 1, with other statements in the place of the last. */
const program = (stmt: string): PrimFunc =>
  parsePrimFunc(`T.primFunc({ A: T.buffer([64, 64]), B: T.buffer([64, 64]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(64, 64)) T.block("B", () => {
      const [vi, vj] = T.axis.remap("SS", [i, j]);
      ${stmt}
    });
  })`);
const workload = program("B[vi][vj] = A[vi][vj] + 1;");
/** 2^40 additions. */
const endless = parsePrimFunc(`T.primFunc({ A: T.buffer([64, 64]), B: T.buffer([64, 64]) }, ({ A, B }) => {
  for (const [i, j, k, l] of T.grid(1048576, 64, 64, 256)) T.block("B", () => {
    const vj = T.axis.spatial(64, j);
    const vk = T.axis.spatial(64, k);
    const vi = T.axis.reduce(1048576, i);
    const vl = T.axis.reduce(256, l);
    T.init(() => { B[vj][vk] = 0; });
    B[vj][vk] = T.max(B[vj][vk] * A[vk][vj], A[vj][vk]);
  });
})`);

/** What both measurers have to do. */
function cases(make: () => Promise<Measurer>): void {
  let measurer: Measurer;
  before(async () => {
    measurer = await make();
  });
  after(() => measurer.dispose());

  it("a candidate is measured in turns with the yardstick, and says how large its code is", async () => {
    const yardstick = defaultSchedule(workload);
    const o = await measurer.measure({ workload, candidate: workload, yardstick });
    assert.equal(o.status, "measured", o.message);
    assert.ok(o.runs.length > 0 && o.runs.every((ms) => ms > 0));
    assert.equal(o.yardstick?.length, o.runs.length);
    assert.ok((o.codeBytes ?? 0) > 100 && (o.buildMs ?? 0) > 0);
  });

  it("a wrong result is found, one within the tolerance is not called wrong", async () => {
    const wrong = await measurer.measure({ workload, candidate: program("B[vi][vj] = A[vi][vj] + 1.01;") });
    assert.equal(wrong.status, "wrong");
    assert.match(wrong.message ?? "", /^B: 4096 of 4096 element\(s\) differ/);
    const one = program("B[vi][vj] = T.select(vi == 63, A[vi][vj], A[vi][vj] + 1);");
    assert.equal((await measurer.measure({ workload, candidate: one })).status, "wrong");
    const near = await measurer.measure({
      workload,
      candidate: program("B[vi][vj] = A[vi][vj] + 1.000001;"),
    });
    assert.equal(near.status, "measured");
  });

  it("too much code, and code that cannot run", async () => {
    const large = await measurer.measure({ workload, candidate: workload, limits: { codeBytes: 50 } });
    assert.equal(large.status, "tooLarge");
    assert.match(large.message ?? "", /^\d+ bytes of code, at most 50 are allowed/);
    const far = program("B[vi][vj] = A[vi * 100000000][vj] + 1;");
    assert.equal((await measurer.measure({ workload, candidate: far })).status, "failed");
    const hopeless = await measurer.measure({ workload: far, candidate: workload });
    assert.match(hopeless.message ?? "", /the program cannot be run on random operands/);
    assert.equal((await measurer.measure({ workload, candidate: workload })).status, "measured");
  });
}

describe("runtime: measuring candidates in this thread", function () {
  this.timeout(60_000);
  cases(async () => localMeasurer({ threads: 1 }));
});

describe("runtime: measuring candidates in a process", function () {
  this.timeout(120_000);
  cases(() => processMeasurer({ threads: 1 }));

  it("a candidate that never ends is ended, and the next is measured", async () => {
    const measurer = await processMeasurer({ threads: 1 });
    const late = await measurer.measure({ workload, candidate: endless, limits: { runMs: 1000 } });
    assert.deepEqual([late.status, late.runs], ["timedOut", []], late.message);
    assert.match(late.message ?? "", /it took longer than 1000 ms/);
    assert.equal((await measurer.measure({ workload, candidate: workload })).status, "measured");
    await measurer.dispose();
  });

  it("tuneTir with a schedule function, from drawing to the schedule that is built", async () => {
    const database = await tuneTir(linear(12, 40, 24), {
      numTrials: 4,
      trialsPerRound: 2,
      confirm: 0,
      space: (sch) => {
        const [i, j, k] = sch.getLoops(sch.getBlock("product"));
        const [j0, j1] = sch.split(j, sch.samplePerfectTile(j, 2, 12));
        sch.reorder(i, j0, k, j1);
      },
    });
    const records = database.records();
    assert.equal(records.length, 4);
    assert.ok(
      records.every(
        ({ status, target: t }) =>
          status === "measured" && t.kind === "wasm" && t.threads === 1 && /V8/.test(t.engine),
      ),
    );
    const schedule = compileTir(database, linear(12, 40, 24));
    assert.equal(schedule.trace.decisions.length, 1);
    const none = new MemoryDatabase();
    assert.throws(() => compileTir(none, linear(12, 40, 24)), /no measured record for main: tune it first/);
  });
});
