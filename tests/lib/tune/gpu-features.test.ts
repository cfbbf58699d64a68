/** What the cost model sees of programs for GPUs. (How well it ranks them: `npx tsx tests/bench/gpu-ranking.ts`.) */
import assert from "node:assert/strict";
import { compileWgsl, WgslError } from "../../../lib/codegen/wgsl/index.ts";
import { constInt, irModule, type PrimFunc } from "../../../lib/ir/index.ts";
import { gpuTarget } from "../../../lib/runtime/tuning-target.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { spaceFor } from "../../../lib/tune/by-target.ts";
import { GPU_FEATURES, gpuFeaturesOf } from "../../../lib/tune/features/gpu.ts";
import { featuresOf } from "../../../lib/tune/features/stores.ts";
import { spearman } from "../../support/ranking.ts";
import { convolution, linear, pooling, softmax } from "./programs.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const target = gpuTarget();

/** The features of one store by name, counts as they were before their logarithm. */
function told(row: readonly number[]): (name: string) => number {
  return (name) => {
    const i = GPU_FEATURES.indexOf(`gpu.${name}`);
    assert.ok(i >= 0, name);
    return Math.round(2 ** row[i] - 1);
  };
}

/** 32 x 32 tiles of a product of 64 x 64 x 64: 8 x 8 threads, 4 x 4 sums, 8 steps fetched at a time. */
function tiled(): PrimFunc {
  const sch = new Schedule(linear(64, 64, 64));
  const [C] = sch.getChildBlocks(sch.getBlock("root"));
  const out = sch.cacheWrite(C, 0, "local");
  const fetches = [sch.cacheRead(C, 0, "shared"), sch.cacheRead(C, 1, "shared")];
  const [i, j, k] = sch.getLoops(C);
  const [i0, i1, i2] = sch.split(i, [null, 8, 4]);
  const [j0, j1, j2] = sch.split(j, [null, 8, 4]);
  const [k0, k1] = sch.split(k, [null, 8]);
  sch.reorder(i0, j0, i1, j1, k0, k1, i2, j2);
  sch.bind(i0, "blockIdx.y");
  sch.bind(j0, "blockIdx.x");
  sch.bind(i1, "threadIdx.y");
  sch.bind(j1, "threadIdx.x");
  sch.reverseComputeAt(out, j1);
  for (const f of fetches) {
    sch.computeAt(f, k0);
    const own = sch.getLoops(f).slice(-2);
    const [, y, x] = sch.split(sch.fuse(...own), [null, 8, 8]);
    sch.bind(y, "threadIdx.y");
    sch.bind(x, "threadIdx.x");
  }
  for (const l of [i2, j2]) sch.unroll(l);
  return sch.func();
}

describe("tune: features of programs for GPUs", function () {
  this.timeout(120_000);
  it("a tiled product: groups, threads, memory of the workgroup, waits, and loads that a tile of sums shares", () => {
    const rows = gpuFeaturesOf(tiled()).map(told);
    const sums = rows.find((r) => r("loads.shared") > 0);
    assert.ok(sums);
    assert.deepEqual(["groups", "threads", "allThreads", "shared", "waits"].map(sums), [
      4,
      64,
      256,
      2 * 32 * 8 * 4,
      2 * 8,
    ]);
    // 64 steps, 16 sums each: 16 products from 4 + 4 elements.
    assert.deepEqual(["iterations", "unrolled", "loads.shared"].map(sums), [64 * 16, 16, 64 * 8]);
    const fetch = rows.find((r) => r("stores.shared") > 0);
    assert.ok(fetch);
    assert.deepEqual(["loads.global", "stores.shared"].map(fetch), [8 * 4, 8 * 4]);
  });

  it("a sum over a row: threads beside each other reach neighbours, or rows apart", () => {
    const by = (bound: number): ((name: string) => number) => {
      const sch = new Schedule(pooling(64, 8, { kernel: 8, stride: 1 }));
      const [block] = sch.getChildBlocks(sch.getBlock("root"));
      const loops = sch.getLoops(block);
      sch.bind(loops[bound], "threadIdx.x");
      const row = gpuFeaturesOf(sch.func()).map(told).at(-1);
      assert.ok(row);
      return row;
    };
    const [channels, columns] = [by(0), by(sums() - 1)];
    assert.ok(channels("apart") > 0 && columns("apart") === 0, "channels lie apart, columns side by side");
    assert.ok(columns("neighbours") > 0);
  });

  for (const [name, f] of Object.entries({
    product: linear(32, 64, 48),
    convolution: convolution(3, 8, 8, { kernel: 3, pad: 1 }),
    softmax: softmax(5, 64),
  })) {
    it(`${name}: as many rows as stores, and the groups and threads of generated code`, () => {
      for (let n = 0; n < 6; n++) {
        const func = spaceFor(target)
          .sample(f, seed + n, target)
          .func("main");
        const rows = gpuFeaturesOf(func);
        assert.equal(rows.length, featuresOf(func).length);
        assert.ok(rows.every((r) => r.length === GPU_FEATURES.length && r.every(Number.isFinite)));
        let kernels: readonly { workgroup: readonly number[]; grid: readonly { extent: object }[] }[];
        try {
          const { main } = compileWgsl(irModule({ main: func })).functions;
          if (main.notes.length > 0) continue;
          kernels = main.kernels;
        } catch (e) {
          if (!(e instanceof WgslError)) throw e;
          continue;
        }
        const pairs = new Set(rows.map(told).map((r) => `${r("groups")} x ${r("threads")}`));
        for (const k of kernels) {
          const groups = k.grid.reduce((all, g) => all * (constInt(g.extent as never) ?? 1), 1);
          const threads = k.workgroup.reduce((a, b) => a * b, 1);
          // What a schedule leaves unbound, code generation binds.
          const isBound = rows.some((r) => told(r)("groups") > 1 || told(r)("threads") > 1);
          if (isBound && pairs.size === kernels.length)
            assert.ok(
              pairs.has(`${groups} x ${threads}`),
              `${groups} x ${threads}: ${[...pairs].join(", ")}`,
            );
        }
      }
    });
  }

  it("correlation of ranks", () => {
    assert.equal(spearman([1, 2, 3, 4], [10, 20, 30, 40]), 1);
    assert.equal(spearman([1, 2, 3, 4], [4, 3, 2, 1]), -1);
    assert.equal(spearman([1, 1, 1, 1], [4, 3, 2, 1]), 0);
    assert.equal(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 0.8);
  });
});

/** Spatial loops of a pooling. */
function sums(): number {
  const sch = new Schedule(pooling(64, 8, { kernel: 8, stride: 1 }));
  const [block] = sch.getChildBlocks(sch.getBlock("root"));
  return sch.get(block).axes.filter((a) => a.type === "S").length;
}
