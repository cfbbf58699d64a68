/** What goes wrong on a GPU is an error of the call that names it, and the next call works. */
import assert from "node:assert/strict";
import { bindArguments } from "../../../lib/codegen/index.ts";
import { compileWgsl, type WgslFunction } from "../../../lib/codegen/wgsl/index.ts";
import { cast, type DType, irModule, ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { build, devices, Tensor } from "../../../lib/runtime/index.ts";
import { listAdapters } from "../../../lib/runtime/webgpu/adapter.ts";
import { gpuCall } from "../../../lib/runtime/webgpu/call.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { GpuError } from "../../../lib/runtime/webgpu/error.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import "../../../lib/show/install.ts";
import { T } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";
import { requireGpu } from "../../support/system.ts";

function plusOne(n: number, dtype: DType = "f32"): PrimFunc {
  const A = te.placeholder([n], "A", dtype);
  return te.createPrimFunc([A, te.compute([n], (i) => ops.add(A.at(i), 1), "B")]);
}

function threads(f: PrimFunc, n: number): PrimFunc {
  const sch = new Schedule(f);
  const [, inner] = sch.split(sch.getLoops(sch.getBlock("B"))[0], [null, n]);
  sch.bind(inner, "threadIdx.x");
  return sch.func();
}

async function works(): Promise<void> {
  const lib = await build(plusOne(5), { target: "webgpu" });
  const [a, b] = [Tensor.arange(0, 5, 1, "f32"), Tensor.zeros([5])];
  await lib.main(a, b);
  assert.deepEqual([...b.data], [1, 2, 3, 4, 5]);
}

describe("wgsl, what is refused at compile time", () => {
  const compile = (f: PrimFunc) => compileWgsl(irModule({ main: f }));

  it("names the limit that a workgroup is over", () => {
    assert.throws(
      () => compile(threads(plusOne(4096), 512)),
      /main: 512 threads.*maxComputeWorkgroupSizeX is 256/,
    );
  });

  it("names the limit that workgroup memory is over", () => {
    const f = T.primFunc({ A: T.buffer([8192]), B: T.buffer([8192]) }, ({ A, B }) => {
      const S = T.alloc([8192], "f32", "shared");
      for (const b of T.threadBinding(1, "blockIdx.x")) {
        for (const i of T.serial(128)) {
          for (const t of T.threadBinding(64, "threadIdx.x")) S[i * 64 + t + b] = A[i * 64 + t];
        }
        for (const i of T.serial(128)) {
          for (const t of T.threadBinding(64, "threadIdx.x")) B[i * 64 + t + b] = S[8191 - i * 64 - t];
        }
      }
    });
    assert.throws(
      () => compile(f),
      /S take 32768 bytes of workgroup memory.*maxComputeWorkgroupStorageSize is 16384/,
    );
  });

  it("refuses f64, f16 without the feature, and i64 arithmetic on data", () => {
    assert.throws(() => compile(plusOne(8, "f64")), /WGSL has no f64/);
    assert.throws(() => compile(plusOne(8, "f16")), /f16 needs the feature "shader-f16"/);
    assert.throws(() => compile(plusOne(8, "i64")), /i64 arithmetic on the elements of A/);
  });

  it("refuses i64 arithmetic whose values need more than 32 bits, and keeps what fits", () => {
    const i = (k: number): PrimFunc => {
      const B = te.compute([8], (x) => ops.mul(cast(x, "i64"), ops.toExpr(k, "i64")), "B");
      return te.createPrimFunc([B]);
    };
    assert.throws(() => compile(i(2 ** 29)), /i64 arithmetic \(its values are 0 to \d+\)/);
    assert.doesNotThrow(() => compile(i(1000)));
  });

  it("writes f16 where the device has it", () => {
    const mod = compileWgsl(irModule({ main: plusOne(8, "f16") }), { features: new Set(["shader-f16"]) });
    assert.match(mod.source(), /^enable f16;$/m);
    assert.match(mod.source(), /array<f16>/);
  });

  it("names the limit on the number of buffers", () => {
    const inputs = Array.from({ length: 8 }, (_, i) => te.placeholder([16], `A${i}`));
    const sum = te.compute([16], (i) => inputs.map((t) => t.at(i)).reduce((x, y) => ops.add(x, y)), "B");
    assert.throws(
      () => compile(te.createPrimFunc([...inputs, sum])),
      /uses 9 buffers .*maxStorageBuffersPerShaderStage is 8/,
    );
  });

  it("refuses to wait where not all threads arrive", () => {
    const f = T.primFunc({ A: T.buffer([8]), B: T.buffer([8, 8]) }, ({ A, B }) => {
      const S = T.alloc([8], "f32", "shared");
      for (const t of T.threadBinding(8, "threadIdx.y")) {
        for (const k of T.serial(t + 1)) {
          for (const u of T.threadBinding(8, "threadIdx.x")) S[u] = A[u] * T.cast(k, "f32");
          for (const u of T.threadBinding(8, "threadIdx.x")) B[t][u] = S[7 - u];
        }
      }
    });
    assert.throws(() => compile(f), /its threads have to wait for each other inside, but its bounds differ/);
  });

  it("escapes what WGSL reserves, and keeps names apart", () => {
    const A = te.placeholder([4], "array");
    const B = te.compute([4], (i) => ops.add(A.at(i), 1), "override");
    const text = compile(te.createPrimFunc([A, B])).source();
    assert.match(text, /v_array: array<f32>/);
    assert.match(text, /v_override: array<f32>/);
  });

  it("says which node each line stands for", () => {
    const f = threads(plusOne(64), 64);
    const [kernel] = compile(f).functions.main.kernels;
    const store = kernel.lines.find((l) => l.text.includes("B["));
    assert.equal((store?.node as { kind?: string }).kind, "store");
  });
});

describe("wgsl, what goes wrong on the device", function () {
  this.timeout(60_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  async function call(change: (f: WgslFunction) => WgslFunction): Promise<void> {
    const device = await gpuDevice();
    const f = plusOne(8);
    const { functions } = compileWgsl(irModule({ main: f }), device);
    const args = [Tensor.zeros([8]), Tensor.zeros([8])];
    await gpuCall(device, change(functions.main), args, bindArguments(f, args)).run();
  }

  it("gives the WGSL line that does not compile", async () => {
    const broken = call((f) => ({
      ...f,
      kernels: f.kernels.map((k) => ({ ...k, code: k.code.replace(" + ", " +* ") })),
    }));
    await assert.rejects(broken, /main: WGSL line \d+, `B\[.*`: /);
    await works();
  });

  it("gives what validation says of a call", async () => {
    const wrong = call((f) => ({
      ...f,
      kernels: f.kernels.map((k) => ({ ...k, bindings: k.bindings.slice(1) })),
    }));
    await assert.rejects(wrong, (e: Error) => e instanceof GpuError && e.message.startsWith("main: "));
    await works();
  });

  it("names the limit that a buffer is over", async () => {
    const device = await gpuDevice();
    const limits = { ...device.limits, maxBufferSize: 16 };
    const f = plusOne(8);
    const { functions } = compileWgsl(irModule({ main: f }), device);
    const args = [Tensor.zeros([8]), Tensor.zeros([8])];
    const small = Object.create(device, { limits: { value: limits } });
    assert.throws(
      () => gpuCall(small, functions.main, args, bindArguments(f, args)),
      /main: A takes 32 bytes; the adapter's maxBufferSize is 16/,
    );
    await works();
  });

  it("goes on with another device when one is lost", async () => {
    const lib = await build(plusOne(5), { target: "webgpu" });
    const lost = await gpuDevice();
    lost.destroy();
    await lost.device.lost;
    const b = Tensor.zeros([5]);
    await lib.main(Tensor.arange(0, 5, 1, "f32"), b);
    assert.deepEqual([...b.data], [1, 2, 3, 4, 5]);
    assert.notEqual(await gpuDevice(), lost);
    await works();
  });

  it("lists adapters with limits and features", async () => {
    const [adapter] = await listAdapters();
    assert.ok(adapter.limits.maxComputeInvocationsPerWorkgroup >= 128);
    assert.ok(Array.isArray(adapter.features));
    const all = await devices();
    assert.match(String(all), /^wasm: SIMD yes.*webgpu: .*maxComputeWorkgroupStorageSize \d+/s);
    const bundle = all[DISPLAY]();
    assert.match(String(bundle["text/html"]), /<table/);
    assert.equal(bundle["text/plain"], String(all));
  });

  it("refuses i64 elements that do not fit, and keeps those that do", async () => {
    const A = te.placeholder([3], "A", "i64");
    const f = te.createPrimFunc([A, te.compute([3], (i) => ops.max(A.at(i), ops.toExpr(0, "i64")), "B")]);
    const lib = await build(f, { target: "webgpu" });
    const b = Tensor.zeros([3], "i64");
    await lib.main(Tensor.from([-5n, 7n, 2147483647n]), b);
    assert.deepEqual([...(b.data as BigInt64Array)], [0n, 7n, 2147483647n]);
    await assert.rejects(
      lib.main(Tensor.from([1n, 2n ** 31n, 3n]), b),
      /A: element 1 is 2147483648; .*32-bit/,
    );
  });
});
