// The benchmark of GPUs runs its smallest case, without peers, and leaves what it measured.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { releaseGpu } from "../../lib/runtime/index.ts";
import { requireGpu } from "../support/system.ts";

describe("the benchmark of GPUs", function () {
  this.timeout(300_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  it("measures a product, its share of the peak, and says what was not run", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "tilewright-bench-gpu-"));
    try {
      const file = path.join(folder, "run.json");
      const args = [
        "--quick",
        "--peers",
        "none",
        "--only",
        "matmul f32 128",
        "--peak",
        "1000000",
        "--json",
        file,
      ];
      const script = ["--import", "tsx", "tests/bench/gpu.ts", ...args];
      const { stdout } = await promisify(execFile)(process.execPath, script);
      assert.match(stdout, /NOT RUN: matmul of 1024 to 8192/);
      assert.match(stdout, /peak: f32 1000000\.0 GFLOP\/s \(as given\)/);
      const { machine, results } = JSON.parse(readFileSync(file, "utf8"));
      assert.match(stdout, /matmul f32 128/);
      assert.equal(typeof machine.adapter, "string");
      assert.equal(results.length, 1);
      const [{ rows, kernels, cannot }] = results;
      assert.deepEqual(cannot, []);
      assert.equal(rows.length, 1);
      assert.ok(Math.abs((rows[0].gflops * rows[0].median) / ((2 * 128 ** 3) / 1e6) - 1) < 1e-9);
      if (machine.clock === "timestamp-query")
        assert.ok(Math.abs(kernels.share / (kernels.gflops / 1e6) - 1) < 1e-9);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
