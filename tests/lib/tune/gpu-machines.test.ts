/** The table of machines that default schedules for GPUs go by; no GPU is needed. */
import assert from "node:assert/strict";
import { compileWgsl } from "../../../lib/codegen/wgsl/index.ts";
import { irModule, type PrimFunc } from "../../../lib/ir/index.ts";
import { gpuTarget } from "../../../lib/runtime/tuning-target.ts";
import { withoutSearch } from "../../../lib/tune/by-target.ts";
import { GPU_MACHINES, gpuMachine, gpuSchedule } from "../../../lib/tune/default-gpu/index.ts";
import {
  batchedProduct,
  convolution,
  depthwise,
  layerNorm,
  linear,
  pooling,
  softmax,
  transposed,
} from "./programs.ts";

const { hardware, software } = GPU_MACHINES;

const PROGRAMS: Readonly<Record<string, PrimFunc>> = {
  "a product": linear(64, 48, 96),
  "a product with transposed weights": linear(32, 64, 40, true),
  "a row": linear(1, 64, 100),
  "sides that are prime numbers": linear(37, 16, 41),
  "a product of batches": batchedProduct(3, 16, 20, 32),
  "a convolution": convolution(8, 16, 14, { kernel: 3, pad: 1 }),
  "a convolution of three channels with a stride": convolution(3, 16, 16, { kernel: 3, stride: 2, pad: 1 }),
  "a pointwise convolution": convolution(16, 32, 7, { kernel: 1 }),
  "a depthwise convolution": depthwise(12, 14, { kernel: 3, pad: 1 }),
  "a transposed convolution": transposed(8, 4, 6, 2),
  "a max-pool": pooling(6, 13, { kernel: 3, stride: 2 }),
  "a softmax": softmax(48, 60),
  "a layer norm": layerNorm(40, 32),
};

describe("tune: machines of default schedules for GPUs", function () {
  this.timeout(120_000);
  it("a target has the machine that its adapter is", () => {
    const target = gpuTarget();
    assert.deepEqual(gpuMachine(target), hardware);
    assert.deepEqual(gpuMachine({ ...target, software: true }), software);
    assert.deepEqual(gpuMachine(), hardware);
    const f = PROGRAMS["a product"];
    for (const [of, machine] of [
      [target, hardware],
      [{ ...target, software: true }, software],
    ] as const) {
      const func = withoutSearch(f, of).func("main");
      const code = (g: PrimFunc): string => compileWgsl(irModule({ main: g })).source();
      assert.equal(code(func), code(gpuSchedule(f, machine)));
      assert.equal(code(func).includes("var<workgroup>"), machine.together);
    }
  });

  for (const [name, f] of Object.entries(PROGRAMS)) {
    it(`${name} in software: no memory of the workgroup, no barriers, and every thread does its part`, () => {
      const { functions } = compileWgsl(irModule({ main: gpuSchedule(f, software) }));
      assert.deepEqual(functions.main.notes, []);
      for (const { code, workgroup } of functions.main.kernels) {
        assert.doesNotMatch(code, /var<workgroup>|Barrier\(\)/);
        const threads = workgroup.reduce((n, x) => n * x, 1);
        assert.ok(threads >= 4 && threads <= 256, `${threads} threads`);
      }
    });
  }

  it("few rows are shared by threads in software, too", () => {
    const code = (f: PrimFunc): string => compileWgsl(irModule({ main: gpuSchedule(f, software) })).source();
    assert.match(code(softmax(software.many - 1, 64)), /var<workgroup>/);
    assert.doesNotMatch(code(softmax(software.many, 64)), /var<workgroup>/);
  });

  it("tiles divide the result, and keep to what every adapter has", () => {
    for (const machine of Object.values(GPU_MACHINES)) {
      let tiled = 0;
      for (const rows of [1, 7, 16, 24, 64, 197, 256, 1024, 3072])
        for (const columns of [8, 49, 64, 100, 784, 1000, 1024, 3136]) {
          const tiles = machine.tiles(rows, columns, 1);
          if (!tiles) continue;
          tiled++;
          const [row, column] = tiles;
          assert.equal(rows % (row.threads * row.sums), 0, `${machine.name} ${rows} ${columns}`);
          assert.equal(columns % (column.threads * column.sums), 0, `${machine.name} ${rows} ${columns}`);
          assert.ok(row.threads * column.threads <= 256);
          assert.ok(row.sums * column.sums <= 64);
        }
      assert.ok(tiled > 40, `${machine.name}: ${tiled} of 72 are tiled`);
    }
  });

  it("a real GPU has 64 sums a thread in large products, and 256 threads", () => {
    const side = { threads: 16, sums: 8 };
    assert.deepEqual(hardware.tiles(1024, 2048, 1), [side, side]);
  });

  it("software: the more sums the better, as long as all cores have a workgroup", () => {
    const sums = (n: number): number => {
      const [row, column] = software.tiles(n, n, 1) ?? [];
      return (row?.sums ?? 0) * (column?.sums ?? 0);
    };
    assert.equal(sums(256), 64);
    assert.ok(sums(16) < 64 && sums(16) >= 4);
  });
});
