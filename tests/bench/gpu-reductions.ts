/**
 * What it costs threads to put their parts of a reduction together: `npx tsx tests/bench/gpu-reductions.ts [--rounds N]`.
 * Default schedules of sums over rows, softmax and layer norm, compiled as for devices with and without subgroups, and the
 * sum with parts that one thread adds up (`rfactor`). The variants take turns; on drivers in software the time is that of the
 * processor, elsewhere it is the wall clock.
 */
import { parseArgs } from "node:util";
import { compileWgsl, type WgslFunction, type WgslOptions } from "../../lib/codegen/wgsl/index.ts";
import { bufferParams, constInt, irModule, type PrimFunc } from "../../lib/ir/index.ts";
import { gpuDevice, releaseGpu } from "../../lib/runtime/index.ts";
import { STORAGE } from "../../lib/runtime/webgpu/pool.ts";
import { Schedule } from "../../lib/schedule/index.ts";
import { te } from "../../lib/te/index.ts";
import { GPU_MACHINES, gpuSchedule } from "../../lib/tune/default-gpu/index.ts";
import { layerNorm, softmax } from "../lib/tune/programs.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "60" } } });
const rounds = Number(values.rounds);
if (!(rounds >= 2)) throw new RangeError(`--rounds ${values.rounds}`);
const [ROWS, ROW, DISPATCHES] = [256, 1024, 8];

function rowSums(): PrimFunc {
  const A = te.placeholder([ROWS, ROW], "A");
  const k = te.reduceAxis(ROW, "k");
  return te.createPrimFunc([A, te.compute([ROWS], (i) => te.sum(A.at(i, k.v), k), "B")]);
}

/** Parts in the memory of the workgroup, which one thread adds up. */
function byOne(): PrimFunc {
  const sch = new Schedule(rowSums());
  const B = sch.getBlock("B");
  const [, along] = sch.getLoops(B);
  const part = sch.rfactor(sch.split(along, [null, 64])[1], 0);
  const [row] = sch.getLoops(B);
  sch.computeAt(part, row);
  sch.setScope(part, 0, "shared");
  sch.bind(row, "blockIdx.x");
  const [, a, b] = sch.getLoops(part);
  const lanes = constInt(sch.get(a).extent) === 64 ? a : b;
  if (lanes !== a) sch.reorder(b, a);
  sch.bind(lanes, "threadIdx.x");
  return sch.func();
}

const plain: WgslOptions = { features: new Set(), language: new Set() };
const subgroups: WgslOptions = { features: new Set(["subgroups"]), language: new Set() };
const numbered: WgslOptions = { ...subgroups, language: new Set(["subgroup_id"]) };
const gpu = await gpuDevice();
const { device } = gpu;
const has = gpu.features.has("subgroups");
const ways: [string, WgslOptions][] = [["workgroup memory", plain]];
if (has) ways.push(["subgroups without numbers", subgroups]);
if (has && gpu.language.has("subgroup_id")) ways.push(["subgroups", numbered]);

const programs: [string, PrimFunc][] = [
  ["sum", gpuSchedule(rowSums(), GPU_MACHINES.hardware)],
  ["softmax", gpuSchedule(softmax(ROWS, ROW), GPU_MACHINES.hardware)],
  ["layer norm", gpuSchedule(layerNorm(ROWS, ROW), GPU_MACHINES.hardware)],
];
interface Run {
  readonly name: string;
  readonly encode: (pass: GPUComputePassEncoder) => void;
  readonly ms: number[];
}

async function prepared(name: string, f: PrimFunc, as: WgslOptions): Promise<Run> {
  const { main } = compileWgsl(irModule({ main: f }), { limits: gpu.limits, ...as }).functions;
  const kernels = await Promise.all(main.kernels.map(async (k) => ({ k, pipeline: await gpu.pipeline(k) })));
  const buffers = new Map(
    [...bufferParams(f), ...main.temporaries].map((b) => {
      const elements = b.shape.reduce((n, e) => n * (constInt(e) ?? 1), 1);
      return [b.id, gpu.acquire(elements * 4, STORAGE)] as const;
    }),
  );
  const binds = kernels.map(({ k, pipeline }) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: k.bindings.map((b, binding) => ({
        binding,
        resource: { buffer: buffers.get(b.buffer.id) as GPUBuffer },
      })),
    }),
  );
  const groups = (k: WgslFunction["kernels"][number]): number =>
    k.grid.reduce((n, g) => n * (constInt(g.extent) ?? 1), 1);
  return {
    name,
    encode: (pass) => {
      kernels.forEach(({ k, pipeline }, i) => {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, binds[i]);
        pass.dispatchWorkgroups(groups(k));
      });
    },
    ms: [],
  };
}

const software = gpu.adapter.fallback;
console.log(`${gpu}; ${software ? "processor time" : "wall clock"}, ${ROWS} rows of ${ROW}\n`);
for (const [what, f] of programs) {
  const variants: [string, PrimFunc, WgslOptions][] = ways.map(([way, as]) => [`${what}, ${way}`, f, as]);
  if (what === "sum") variants.unshift(["sum, one thread adds up", byOne(), plain]);
  const runs = await Promise.all(variants.map(([name, func, as]) => prepared(name, func, as)));
  for (let round = 0; round <= rounds; round++) {
    for (const { encode, ms } of runs) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < DISPATCHES; i++) encode(pass);
      pass.end();
      const [wall, cpu] = [performance.now(), process.cpuUsage()];
      gpu.submit(encoder);
      await device.queue.onSubmittedWorkDone();
      const { user, system } = process.cpuUsage(cpu);
      // The first round compiles.
      if (round > 0) ms.push(software ? (user + system) / 1e3 : performance.now() - wall);
    }
  }
  const first = Math.min(...runs[0].ms);
  for (const { name, ms } of runs) {
    const sorted = ms.sort((a, b) => a - b);
    const [min, median] = [sorted[0], sorted[sorted.length >> 1]].map((n) => n / DISPATCHES);
    console.log(
      `${name.padEnd(38)} min ${min.toFixed(3)} ms, median ${median.toFixed(3)} ms, ${((min * DISPATCHES) / first).toFixed(2)} times the first`,
    );
  }
}
await releaseGpu();
