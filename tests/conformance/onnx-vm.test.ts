/** The standard's own cases, compiled to WebAssembly and run by the virtual machine. */
import assert from "node:assert/strict";
import { cpuMemory } from "../../lib/runtime/index.ts";
import { requireSystem } from "../support/system.ts";
import { casesOf, interpreted, runCase, SETS } from "./onnx-cases.ts";
import { compiled } from "./onnx-vm.ts";

/**
 * Loops whose number of iterations, or whose values' sizes, only the data decide: the virtual machine has a size for
 * every value before it runs.
 */
const OPEN = new Set([
  "test_loop11",
  "test_range_float_type_positive_delta_expanded",
  "test_range_int32_type_negative_delta_expanded",
]);

describe("conformance: ONNX's test data, compiled", function () {
  this.timeout(600_000);
  before(function () {
    requireSystem(this, "libonnx-testdata");
  });

  for (const set of SETS) {
    it(`${set}: what the interpreter computes is computed, and all memory goes back`, async () => {
      const used = cpuMemory().usedBytes;
      const wrong: string[] = [];
      const open: string[] = [];
      let passed = 0;
      for (const c of casesOf(set)) {
        const outcome = await runCase(c, compiled);
        if (outcome.status === "passed") passed++;
        else if (OPEN.has(c.name)) open.push(c.name);
        else if ((await runCase(c, interpreted)).status === "passed")
          wrong.push(`${c.name}: ${outcome.reason}`);
      }
      assert.deepEqual(wrong, []);
      assert.deepEqual(open, set === "node" ? [...OPEN] : [], "cases that pass now are no longer open");
      assert.ok(passed > 0);
      assert.equal(cpuMemory().usedBytes, used);
    });
  }
});
