// Timings by another clock than the time of day: nothing here depends on how quick the machine is.
import assert from "node:assert/strict";
import { CandidateRunner } from "../../../lib/runtime/measure/candidate.ts";
import { machineFor } from "../../../lib/runtime/measure/machine.ts";
import { type Measurable, measureTogether } from "../../../lib/runtime/timing.ts";
import { defaultSchedule } from "../../../lib/tune/index.ts";
import { linear } from "../tune/programs.ts";

describe("runtime: the clock of timings", () => {
  it("things take turns, and a measurement is as many calls as the clock's shortest needs", async () => {
    let time = 0;
    const order: string[] = [];
    const thing = (name: string, ms: number): Measurable => ({
      name,
      target: "wasm",
      run: () => {
        order.push(name);
        time += ms;
      },
    });
    const options = { warmup: 1, repeats: 3, minMs: 4, maxMs: 60_000, now: () => time };
    const [a, b] = await measureTogether([thing("a", 5), thing("b", 2)], options);
    assert.deepEqual([a.runs, a.callsPerRun], [[5, 5, 5], 1]);
    assert.deepEqual([b.runs, b.callsPerRun], [[2, 2, 2], 3]);
    assert.equal(order.slice(-8).join(""), "abbbabbb");
  });

  it("candidates are measured by the clock that the runner is given", async () => {
    let time = 0;
    // It is asked at the beginning and the end of a measurement; each time half a second has gone by.
    const runner = new CandidateRunner(machineFor({ threads: 1 }), () => {
      time += 500;
      return time;
    });
    const f = linear(4, 8, 8);
    const o = await runner.measure({ workload: f, candidate: f, yardstick: defaultSchedule(f) });
    runner.dispose();
    assert.equal(o.status, "measured", o.message);
    assert.deepEqual(new Set([...o.runs, ...(o.yardstick ?? [])]), new Set([500]));
  });
});
