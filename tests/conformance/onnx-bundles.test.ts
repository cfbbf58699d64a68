/** The standard's own cases of single operators as deployment bundles: each is compiled, loaded and run as users would. */
import assert from "node:assert/strict";
import { withFolder } from "../lib/deploy/support.ts";
import { requireSystem } from "../support/system.ts";
import { bundled } from "./onnx-bundled.ts";
import { casesOf, type Outcome, runCase } from "./onnx-cases.ts";

describe("conformance: ONNX's cases of single operators as bundles", function () {
  this.timeout(600_000);

  it("all of plain inference pass; the rest is refused with the reason, and never wrong", async function () {
    requireSystem(this, "libonnx-testdata");
    const refused: string[] = [];
    const outcomes: [string, Outcome][] = [];
    await withFolder(async (folder) => {
      const run = bundled(folder, refused);
      for (const c of casesOf("node")) outcomes.push([c.name, await runCase(c, run)]);
    });
    const counted = outcomes.filter(([, o]) => o.counted);
    const failed = counted.filter(([, o]) => o.status !== "passed").map(([n, o]) => `${n}: ${o.reason}`);
    assert.deepEqual(failed, []);
    assert.equal(counted.length, 804);
    assert.deepEqual(
      outcomes.filter(([, o]) => o.status === "wrong").map(([n]) => n),
      [],
    );
    for (const reason of refused) assert.match(reason, /a bundle takes and gives tensors/);
    console.log(`${counted.length} of ${counted.length} pass; ${refused.length} others are refused`);
  });
});
