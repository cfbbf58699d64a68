/**
 * What a GPU charges for: `npx tsx tests/bench/gpu-costs.ts [--rounds N]`. One inner loop, that of a matrix product with
 * 8 x 8 sums in each thread, whose operands come from device memory, or from the memory of the workgroup, with and without
 * fetching and barriers. Whether a schedule with shared tiles can win is in these figures: it saves what a load from shared
 * memory is cheaper, and pays for the fetch and two barriers for each tile.
 *
 * The variants take turns. On drivers in software the time is that of the processor, all threads together: what else the
 * machine does hardly counts. Elsewhere it is the wall clock.
 */
import { parseArgs } from "node:util";
import { gpuDevice, releaseGpu } from "../../lib/runtime/index.ts";
import { STORAGE } from "../../lib/runtime/webgpu/pool.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "40" } } });
const rounds = Number(values.rounds);
if (!(rounds >= 2)) throw new RangeError(`--rounds ${values.rounds}`);

/** Threads along each side of a workgroup, sums along each side of a thread, steps of the reduction, dispatches timed. */
const [SIDE, SUMS, STEPS, DISPATCHES] = [8, 8, 256, 8];
const ROW = STEPS / 4;
const GROUPS = 4;

const times = (n: number, f: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => f(i)).join("\n");
const sums = (f: (i: number, j: number) => string): string =>
  times(SUMS * SUMS, (n) => f(Math.floor(n / SUMS), n % SUMS));

/** Four steps of the reduction: 8 vectors along rows of A, 8 along rows of B, 256 multiplications. */
const fourSteps = (a: (row: number) => string, b: (step: number, half: number) => string): string =>
  [
    times(SUMS, (r) => `let a${r} = ${a(r)};`),
    times(8, (n) => `let b${n >> 1}${n & 1} = ${b(n >> 1, n & 1)};`),
    times(4, (q) => sums((i, j) => `c${i}${j} += a${i}.${"xyzw"[q]} * b${q}${j >> 2}.${"xyzw"[j & 3]};`)),
  ].join("\n");

/** Tiles of 32 steps; `before` stands in front of each. */
const loop = (body: string, before = ""): string =>
  `for (var tile = 0; tile < ${STEPS / 32}; tile++) {
${before}
for (var step = 0; step < 8; step++) {
let k = tile * 8 + step;
${body}
}
}`;

const fromDevice = fourSteps(
  (r) => `A[(ty * 8 + ${r}) * ${ROW} + k]`,
  (q, h) => `B[(k * 4 + ${q}) * 16 + tx * 2 + ${h}]`,
);
const fromShared = fourSteps(
  (r) => `As[(ty * 8 + ${r}) * 8 + step]`,
  (q, h) => `Bs[(step * 4 + ${q}) * 16 + tx * 2 + ${h}]`,
);
/** The tiles of 32 steps: 8 vectors of each operand for every thread. */
const fetch = times(8, (f) => {
  const at = `${f} * 64 + ty * 8 + tx`;
  return `As[${at}] = A[(ty * 8 + ${f}) * ${ROW} + tile * 8 + tx]; Bs[${at}] = B[tile * 512 + ${at}];`;
});
const SHARED = "var<workgroup> As: array<vec4<f32>, 512>; var<workgroup> Bs: array<vec4<f32>, 512>;";

const variants: Record<string, string> = {
  "operands from device memory": kernel("", loop(fromDevice)),
  "the same, a barrier every 32 steps": kernel("", loop(fromDevice, "workgroupBarrier();")),
  "operands from shared memory, never fetched": kernel(SHARED, loop(fromShared)),
  "the same, fetched every 32 steps": kernel(
    SHARED,
    loop(
      fromShared,
      `workgroupBarrier();
${fetch}
workgroupBarrier();`,
    ),
  ),
};

function kernel(memory: string, body: string): string {
  return `@group(0) @binding(0) var<storage, read> A: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> B: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> C: array<f32>;
${memory}
@compute @workgroup_size(${SIDE}, ${SIDE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
let g = i32(group.x);
let tx = i32(local.x);
let ty = i32(local.y);
${sums((i, j) => `var c${i}${j} = 0f;`)}
${body}
// All operands are used, in every variant.
let used = (A[0].x + B[0].x) * 0f;
${sums((i, j) => `C[(g * 64 + ty * 8 + ${i}) * 64 + tx * 8 + ${j}] = c${i}${j} + used;`)}
}
`;
}

const gpu = await gpuDevice();
const { device } = gpu;
const software = gpu.adapter.fallback;
console.log(`${gpu}; ${software ? "processor time" : "wall clock"}, ${DISPATCHES * GROUPS} workgroups\n`);
const buffers = [64 * STEPS * 4, 64 * STEPS * 4, GROUPS * 64 * 64 * 4].map((n) => gpu.acquire(n, STORAGE));
const runs: { name: string; pipeline: GPUComputePipeline; bind: GPUBindGroup; ms: number[] }[] = [];
for (const [name, code] of Object.entries(variants)) {
  const pipeline = await gpu.pipeline({ name, code });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bind = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  runs.push({ name, pipeline, bind, ms: [] });
}
for (let round = 0; round <= rounds; round++) {
  for (const { pipeline, bind, ms } of runs) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bind);
    for (let i = 0; i < DISPATCHES; i++) pass.dispatchWorkgroups(GROUPS);
    pass.end();
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    gpu.submit(encoder);
    await device.queue.onSubmittedWorkDone();
    const { user, system } = process.cpuUsage(cpu);
    // The first round compiles.
    if (round > 0) ms.push(software ? (user + system) / 1e3 : performance.now() - wall);
  }
}
const [first] = runs.map((r) => Math.min(...r.ms));
for (const { name, ms } of runs) {
  const sorted = ms.sort((a, b) => a - b);
  const [min, median] = [sorted[0], sorted[sorted.length >> 1]];
  const relative = `${(min / first).toFixed(2)} times the first`;
  console.log(
    `${name.padEnd(44)} min ${min.toFixed(1).padStart(6)} ms, median ${median.toFixed(1).padStart(6)} ms, ${relative}`,
  );
}
await releaseGpu();
