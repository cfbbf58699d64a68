/**
 * Whether the cost model puts GPU candidates into the right order: `npx tsx tests/bench/gpu-ranking.ts [--points N]
 * [--save FILE]`. Random points of the space are measured on the adapter at hand; the model learns from half of them and
 * ranks the other half (Spearman's correlation with the measured speed, mean over ten halvings; 0 is what guessing gives).
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compileWgsl, WgslError } from "../../lib/codegen/wgsl/index.ts";
import { bufferParams, constInt, irModule, type PrimFunc } from "../../lib/ir/index.ts";
import { gpuDevice, releaseGpu } from "../../lib/runtime/index.ts";
import { gpuTarget } from "../../lib/runtime/tuning-target.ts";
import { STORAGE } from "../../lib/runtime/webgpu/pool.ts";
import { spaceFor } from "../../lib/tune/by-target.ts";
import { overLimit } from "../../lib/tune/gpu-limits.ts";
import { linear, softmax } from "../lib/tune/programs.ts";
import { rankings } from "../support/ranking.ts";

const { values } = parseArgs({
  options: { points: { type: "string", default: "80" }, save: { type: "string" } },
});
const points = Number(values.points);
if (!(points >= 20)) throw new RangeError(`--points ${values.points}`);
const ROUNDS = 7;

const gpu = await gpuDevice();
const { device } = gpu;
const target = gpuTarget(gpu);
const software = gpu.adapter.fallback;
const space = spaceFor(target);

/** The least milliseconds of some runs of all kernels; undefined where the adapter, or WGSL, has no way to run it. */
async function measured(f: PrimFunc): Promise<number | undefined> {
  const made = (() => {
    try {
      return compileWgsl(irModule({ main: f }), gpu).functions.main;
    } catch (e) {
      if (e instanceof WgslError) return undefined;
      throw e;
    }
  })();
  if (!made) return undefined;
  const buffers = new Map<number, GPUBuffer>();
  for (const b of [...bufferParams(f), ...made.temporaries]) {
    const elements = b.shape.reduce((n, e) => n * (constInt(e) ?? 1), 1);
    buffers.set(b.id, gpu.acquire(elements * 4, STORAGE));
  }
  const steps = await Promise.all(
    made.kernels.map(async (k) => {
      const pipeline = await gpu.pipeline(k);
      const entries = k.bindings.map((b, binding) => ({
        binding,
        resource: { buffer: buffers.get(b.buffer.id) as GPUBuffer },
      }));
      const bind = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      const groups = ["x", "y", "z"].map((d) => {
        const extent = k.grid.find((g) => g.axis === `blockIdx.${d}`)?.extent;
        return extent === undefined ? 1 : (constInt(extent) ?? 1);
      });
      return { pipeline, bind, groups: groups as [number, number, number] };
    }),
  );
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bind, groups } of steps) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bind);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    gpu.submit(encoder);
    await device.queue.onSubmittedWorkDone();
    const { user, system } = process.cpuUsage(cpu);
    if (round > 0) least = Math.min(least, software ? (user + system) / 1e3 : performance.now() - wall);
  }
  for (const b of buffers.values()) gpu.release(b);
  return least;
}

const programs: Record<string, PrimFunc> = {
  "product 128 x 128 x 128": linear(128, 128, 128),
  "softmax 64 x 512": softmax(64, 512),
};
const saved: Record<string, { trace: unknown; ms: number }[]> = {};
console.log(`${gpu}; ${software ? "processor time" : "wall clock"}\n`);
for (const [name, f] of Object.entries(programs)) {
  const all: { func: PrimFunc; ms: number }[] = [];
  const seen = new Set<string>();
  saved[name] = [];
  for (let seed = 1; all.length < points && seed < 6 * points; seed++) {
    const sch = space.sample(f, seed, target);
    const func = sch.func("main");
    const text = JSON.stringify(sch.trace);
    if (seen.has(text) || overLimit(func, target.limits) !== undefined) continue;
    seen.add(text);
    const ms = await measured(func);
    if (ms === undefined) continue;
    all.push({ func, ms });
    saved[name].push({ trace: JSON.parse(text), ms: Number(ms.toFixed(3)) });
  }
  const times = all.map((x) => x.ms);
  console.log(
    `${name}: ${all.length} candidates, ${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)} ms`,
  );
  for (const [features, r] of Object.entries(rankings(all)))
    console.log(`  ${features.padEnd(28)} correlation ${r.toFixed(2)}`);
}
if (values.save) writeFileSync(values.save, `${JSON.stringify(saved)}\n`);
await releaseGpu();
