/** Tensors on the device, what is copied and when, clocks, and memory under many queued calls. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { build, GpuTensor, Tensor } from "../../../lib/runtime/index.ts";
import { GpuDevice, gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { GpuError } from "../../../lib/runtime/webgpu/error.ts";
import { te } from "../../../lib/te/index.ts";
import { skipBecause } from "../../../scripts/skip.ts";
import { requireGpu } from "../../support/system.ts";

function plusOne(n: number): PrimFunc {
  const A = te.placeholder([n], "A");
  return te.createPrimFunc([A, te.compute([n], (i) => ops.add(A.at(i), 1), "B")]);
}

describe("webgpu, tensors on the device", function () {
  this.timeout(60_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  it("drivers that are looked for complain to nobody", async function () {
    if (!(await gpuDevice()).adapter.fallback)
      skipBecause(this, "needs a driver in software: a GPU's own may have more to say");
    const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, XDG_RUNTIME_DIR: ___, ...env } = process.env;
    const module = new URL("../../../lib/runtime/webgpu/device.ts", import.meta.url).href;
    const code =
      `const { gpuDevice, releaseGpu } = await import(${JSON.stringify(module)});` +
      "console.log((await gpuDevice()).adapter.fallback, process.env.XDG_RUNTIME_DIR); await releaseGpu();";
    const args = ["--import", "tsx", "--input-type=module", "-e", code];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    assert.deepEqual([stdout.trim(), stderr], ["true undefined", ""]);
  });

  it("brings back what was brought there", async () => {
    for (const dtype of ["f32", "i32", "i64", "u8", "i8", "bool"] as const) {
      const t = Tensor.from([1, 0, 1, 1, 0], [5], dtype);
      const back = await (await t.to("webgpu")).to("cpu");
      assert.equal(back.dtype, dtype);
      assert.deepEqual([...back], [...t]);
    }
    const none = await (await Tensor.zeros([0, 3]).to("webgpu")).to("cpu");
    assert.deepEqual([...none.shape], [0, 3]);
  });

  it("copies nothing in calls on device tensors", async () => {
    const lib = await build(plusOne(1000), { target: "webgpu" });
    const a = await Tensor.full([1000], 41).to("webgpu");
    const b = await GpuTensor.empty([1000]);
    const { traffic } = await gpuDevice();
    const before = { ...traffic };
    await lib.main(a, b);
    await lib.main(b, a);
    assert.equal(traffic.uploads, before.uploads);
    assert.equal(traffic.readBacks, before.readBacks);
    assert.equal(traffic.submits - before.submits, 2);
    const back = await a.to("cpu");
    assert.equal(traffic.readBacks, before.readBacks + 1);
    assert.equal(back.at(999), 43);
    assert.equal(String(a), "Tensor f32[1000] on webgpu");
  });

  it("calls that nobody waited for come one after another", async () => {
    const lib = await build(plusOne(64), { target: "webgpu" });
    const [a, b] = [await Tensor.zeros([64]).to("webgpu"), await GpuTensor.empty([64])];
    const calls = Array.from({ length: 20 }, (_, i) => (i % 2 ? lib.main(b, a) : lib.main(a, b)));
    await Promise.all(calls);
    assert.equal((await a.to("cpu")).at(0), 20);
  });

  it("many queued calls hold no more memory than a few", async () => {
    const lib = await build(plusOne(1 << 16), { target: "webgpu" });
    const [a, b] = [Tensor.zeros([1 << 16]), Tensor.zeros([1 << 16])];
    for (let i = 0; i < 4; i++) await lib.main(a, b);
    const { traffic } = await gpuDevice();
    const before = { ...traffic };
    await Promise.all(Array.from({ length: 200 }, () => lib.main(a, b)));
    assert.equal(traffic.submits - before.submits, 200);
    // Four calls are on their way at a time, each with two buffers and one for the way back.
    assert.ok(traffic.buffersMade - before.buffersMade <= 9, `${traffic.buffersMade - before.buffersMade}`);
    assert.ok(traffic.bufferBytes - before.bufferBytes <= 9 * (1 << 18));
  });

  it("says that a tensor is somewhere else, was disposed, shares memory, or has another shape", async () => {
    const f = plusOne(8);
    const [gpu, cpu] = [await build(f, { target: "webgpu" }), await build(f)];
    const [a, b] = [await Tensor.zeros([8]).to("webgpu"), await GpuTensor.empty([8])];
    await assert.rejects(
      cpu.main(a, Tensor.zeros([8])),
      /Tensor f32\[8\] on webgpu; bring it here with await t\.to/,
    );
    await assert.rejects(gpu.main(a, a), /arguments 1 \(B\) and 0 \(A\) share memory/);
    await assert.rejects(gpu.main(a, await GpuTensor.empty([9])), /must be f32\[8\], got f32\[9\]/);
    b.dispose();
    await assert.rejects(gpu.main(a, b), /got a tensor that was disposed/);
    await assert.rejects(Tensor.zeros([2], "f64").to("webgpu"), /WGSL has no f64/);
  });

  it("says which clock timings are from", async () => {
    const lib = await build(plusOne(1 << 14), { target: "webgpu" });
    const args = [await Tensor.zeros([1 << 14]).to("webgpu"), await GpuTensor.empty([1 << 14])];
    const timing = await lib.time("main", args, { repeats: 3, minMs: 1 });
    const { clock } = await gpuDevice();
    assert.equal(timing.clock, clock);
    assert.ok(timing.median > 0 && timing.median < 1000);
    assert.ok(clock === "wall" || String(timing).includes("(webgpu, by timestamp-query)"));
    const cpu = await build(plusOne(16));
    assert.equal(
      (await cpu.time("main", [Tensor.zeros([16]), Tensor.zeros([16])], { repeats: 1 })).clock,
      "wall",
    );
  });

  it("names the limit that a tensor is over, and the tensor of a lost device", async () => {
    const device = await gpuDevice();
    const n = Math.floor(device.limits.maxStorageBufferBindingSize / 4) + 1;
    await assert.rejects(
      GpuTensor.empty([n]),
      /takes \d+ bytes; the adapter's maxStorageBufferBindingSize is/,
    );
    const a = await Tensor.zeros([8]).to("webgpu");
    device.destroy();
    await device.device.lost;
    const lib = await build(plusOne(8), { target: "webgpu" });
    await assert.rejects(
      lib.main(a, await GpuTensor.empty([8])),
      (e: Error) => e instanceof GpuError && /its device was lost/.test(e.message),
    );
    const [b, c] = [await Tensor.zeros([8]).to("webgpu"), await GpuTensor.empty([8])];
    await lib.main(b, c);
    assert.equal((await c.to("cpu")).at(3), 1);
  });

  it("says that memory ran out, and goes on", async () => {
    const { device, adapter } = await gpuDevice();
    // A device that reports what one without memory reports.
    let fail = true;
    const full = new Proxy(device, {
      get(target, key) {
        if (key === "popErrorScope")
          return async () => {
            const found = await target.popErrorScope();
            const was = fail && order++ === 1;
            return was ? { message: "Buffer allocation failed" } : found;
          };
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    let order = 0;
    const poor = new GpuDevice(full, adapter);
    await assert.rejects(
      poor.guarded("main", () => poor.acquire(64, 0x80)),
      /main: out of device memory: Buffer allocation failed/,
    );
    fail = false;
    assert.ok(await poor.guarded("main", () => poor.acquire(64, 0x80)));
  });
});
