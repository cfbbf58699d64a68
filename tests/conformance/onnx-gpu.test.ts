/** The standard's own cases for single operators, on the GPU: all that pass on the CPU pass there. */
import assert from "node:assert/strict";
import { gpuDevice, releaseGpu } from "../../lib/runtime/webgpu/device.ts";
import { requireGpu, requireSystem } from "../support/system.ts";
import { type GpuOutcome, type GpuTable, readTable, runNodeCases, tableOf } from "./onnx-gpu.ts";

/** As many as `onnx.test.ts` wants of the CPU. */
const MUST = { passed: 877, counted: 804 };

describe("conformance: ONNX's node cases on the GPU", function () {
  this.timeout(600_000);
  let outcomes: readonly GpuOutcome[] = [];

  before(async function () {
    requireSystem(this, "libonnx-testdata");
    await requireGpu(this);
    outcomes = await runNodeCases();
  });
  after(releaseGpu);

  it("pass wherever they pass on the CPU", () => {
    const failed = outcomes
      .filter((o) => o.outcome.counted && o.outcome.status !== "passed")
      .map((o) => `${o.name}: ${o.outcome.reason}`);
    assert.deepEqual(failed, []);
    const passed = outcomes.filter((o) => o.outcome.status === "passed");
    assert.equal(passed.length, MUST.passed);
    assert.equal(passed.filter((o) => o.outcome.counted).length, MUST.counted);
  });

  it("run on the CPU where onnx-gpu.json says so, for the reasons it gives", async () => {
    const { features } = await gpuDevice();
    // The table is of an adapter without f16.
    const of = features.has("shader-f16") ? withoutHalf(readTable()) : readTable();
    assert.deepEqual(tableOf(outcomes), of);
  });
});

const withoutHalf = (t: GpuTable): GpuTable =>
  Object.fromEntries(
    Object.entries(t)
      .map(([name, reasons]) => [name, reasons.filter((r) => r !== "the device has no f16")] as const)
      .filter(([, reasons]) => reasons.length > 0),
  );
