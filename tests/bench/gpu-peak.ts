/** What a device computes at most: multiplications and additions that wait for nothing but each other. */
import type { GpuDevice } from "../../lib/index.ts";

/** Independent sums of four numbers in each thread, and how often each is multiplied and added to in a round. */
const [SUMS, STEPS] = [4, 16];
const THREADS = 64;

/** A shader whose threads do `rounds` rounds of STEPS fused multiplications and additions on each of SUMS vectors of four. */
function shader(dtype: "f32" | "f16"): string {
  const v = `vec4<${dtype}>`;
  const all = Array.from({ length: SUMS }, (_, i) => i);
  const step = all.map((i) => `    s${i} = fma(s${i}, a, b);`).join("\n");
  return [
    ...(dtype === "f16" ? ["enable f16;"] : []),
    "@group(0) @binding(0) var<storage, read> rounds: array<u32>;",
    "@group(0) @binding(1) var<storage, read_write> out: array<f32>;",
    `@compute @workgroup_size(${THREADS})`,
    "fn main(@builtin(global_invocation_id) id: vec3<u32>) {",
    // Not known when it is compiled, and sums that stay finite.
    `  let a = ${v}(${dtype}(0.5) + ${dtype}(rounds[1]));`,
    `  let b = ${v}(${dtype}(id.x % 7u));`,
    ...all.map((i) => `  var s${i} = b + ${v}(${i});`),
    "  for (var r = 0u; r < rounds[0]; r++) {",
    ...Array.from({ length: STEPS }, () => step),
    "  }",
    `  let s = ${all.map((i) => `s${i}`).join(" + ")};`,
    "  out[id.x] = f32(s.x + s.y + s.z + s.w);",
    "}",
  ].join("\n");
}

/**
 * The most of several measurements, in 10^9 operations a second. A dispatch is made so long that submitting it is nothing
 * beside it, and timed by the machine's clock.
 */
export async function measurePeak(gpu: GpuDevice, dtype: "f32" | "f16", minMs = 50): Promise<number> {
  const { device } = gpu;
  // Enough for every unit of a large device; a driver in software computes one after the other.
  const groups = gpu.adapter.fallback ? 64 : 8192;
  const pipeline = await gpu.pipeline({ code: shader(dtype), name: `peak ${dtype}` });
  const usage = GPU_STORAGE | GPU_COPY_DST;
  const count = device.createBuffer({ size: 16, usage });
  const out = device.createBuffer({ size: groups * THREADS * 4, usage });
  const entries = [count, out].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const timed = async (rounds: number): Promise<number> => {
    device.queue.writeBuffer(count, 0, Uint32Array.of(rounds, 0, 0, 0));
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(groups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  let rounds = 16;
  await timed(rounds);
  while ((await timed(rounds)) < minMs && rounds < 2 ** 24) rounds *= 2;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 7; i++) least = Math.min(least, await timed(rounds));
  count.destroy();
  out.destroy();
  return (groups * THREADS * rounds * STEPS * SUMS * 4 * 2) / least / 1e6;
}

/** GPUBufferUsage, which in Node is no global name. */
const [GPU_STORAGE, GPU_COPY_DST] = [0x80, 0x8];
