/** The standard's own cases, all of them, by the reference interpreter and compiled. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { requireSystem } from "../support/system.ts";
import { casesOf, interpreted, runCase, SETS } from "./onnx-cases.ts";
import { compiled } from "./onnx-compiled.ts";
import { byOperator, featuresText, type Result, tableText, totalsOf } from "./onnx-table.ts";

/** What must pass: of all cases, and of those of plain inference on f32, i32, i64, bool, u8 and i8. */
const MUST = {
  node: { passed: 877, counted: 804 },
  "pytorch-converted": { passed: 82, counted: 82 },
  "pytorch-operator": { passed: 35, counted: 30 },
  simple: { passed: 15, counted: 14 },
};

for (const [how, runner] of Object.entries({ interpreted, compiled })) {
  describe(`conformance: ONNX's test data, ${how}`, function () {
    this.timeout(600_000);
    const results: Result[] = [];

    before(async function () {
      requireSystem(this, "libonnx-testdata");
      for (const c of SETS.flatMap(casesOf)) results.push({ c, outcome: await runCase(c, runner) });
      console.log(tableText(byOperator(results)));
    });

    for (const set of SETS) {
      it(set, () => {
        const totals = totalsOf(results).find((t) => t.set === set);
        const failed = results
          .filter((r) => r.c.set === set && r.outcome.counted && r.outcome.status !== "passed")
          .map((r) => `${r.c.name}: ${r.outcome.reason}`);
        assert.deepEqual(failed, []);
        assert.equal(totals?.passed, MUST[set].passed);
        assert.equal(totals?.countedPassed, MUST[set].counted);
      });
    }

    it("docs/FEATURES.md is as `npm run features` writes it", () => {
      const page = readFileSync(new URL("../../docs/FEATURES.md", import.meta.url), "utf8");
      assert(
        page === featuresText(results),
        "the outcome differs from the page: run `npm run features` and look at the change",
      );
    });
  });
}
