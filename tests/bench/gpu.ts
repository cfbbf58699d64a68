/**
 * Kernels on the GPU at hand: `npx tsx tests/bench/gpu.ts [--quick] [--peak GFLOPS]`. Prints GFLOP/s by the clock that the
 * device has, and the share of `--peak` (the device's plain f32 peak, which WebGPU does not tell) where it is given.
 * Inputs are on the device; copies are not timed. `--quick`: small sizes, for drivers in software.
 */
import { parseArgs } from "node:util";
import { BlockBuilder, lowerGraph, R } from "../../lib/graph/index.ts";
import { type GraphExpr, type GraphVar, type IRModule, irModule, primFuncs } from "../../lib/ir/index.ts";
import {
  build,
  devices,
  formatMs,
  GpuTensor,
  gpuDevice,
  releaseGpu,
  Tensor,
} from "../../lib/runtime/index.ts";
import { gpuSchedule } from "../../lib/tune/default-gpu/index.ts";

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, peak: { type: "string" } },
});
const peak = values.peak === undefined ? undefined : Number(values.peak);
if (peak !== undefined && !(peak > 0)) throw new RangeError(`--peak ${values.peak}`);

type Shape = readonly number[];

/** The one tensor program of a function of these inputs, with the default schedule. */
function kernel(shapes: readonly Shape[], f: (xs: GraphVar[]) => GraphExpr): IRModule {
  const bb = new BlockBuilder();
  const xs = shapes.map((s, i) => R.var(`x${i}`, R.tensor([...s])));
  bb.function("main", undefined, () => {
    const out = bb.dataflow(() => bb.emitOutput(f(xs)));
    bb.emitFuncOutput(out, xs);
  });
  const [program] = Object.values(primFuncs(lowerGraph(bb.get()).module));
  return irModule({ main: gpuSchedule(program) });
}

interface Work {
  readonly name: string;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  readonly make: (xs: GraphVar[]) => GraphExpr;
}

const matmul = (n: number): Work => ({
  name: `matmul ${n}`,
  inputs: [
    [n, n],
    [n, n],
  ],
  output: [n, n],
  make: ([a, b]) => R.matmul(a, b),
});
const conv = (c: number, size: number): Work => ({
  name: `conv 3x3, ${c} channels, ${size}x${size}`,
  inputs: [
    [1, c, size, size],
    [c, c, 3, 3],
  ],
  output: [1, c, size, size],
  make: ([x, w]) => R.nn.conv2d(x, w, { strides: [1, 1], padding: [1, 1, 1, 1] }),
});
const softmax = (rows: number, n: number): Work => ({
  name: `softmax ${rows}x${n}`,
  inputs: [[rows, n]],
  output: [rows, n],
  make: ([x]) => R.nn.softmax(x, { axis: -1 }),
});

const works = values.quick
  ? [matmul(128), matmul(256), conv(32, 28), softmax(256, 256)]
  : [...[1024, 2048, 4096, 8192].map(matmul), conv(64, 56), conv(256, 28), softmax(4096, 1024)];

console.log(String(await devices()));
const device = await gpuDevice();
console.log(`${device}, times by ${device.clock}\n`);
for (const w of works) {
  const lib = await build(kernel(w.inputs, w.make), { target: "webgpu" });
  const inputs = await Promise.all(
    w.inputs.map((s, i) => Tensor.random([...s], { seed: i, min: -1, max: 1 }).to("webgpu")),
  );
  const args = [...inputs, await GpuTensor.empty([...w.output])];
  const t = await lib.time("main", args, { name: w.name, repeats: 10, minMs: 20, maxMs: 20_000 });
  const speed = t.gflops === undefined ? "" : `${t.gflops.toFixed(1).padStart(10)} GFLOP/s`;
  const share =
    t.gflops === undefined || peak === undefined ? "" : ` ${((100 * t.gflops) / peak).toFixed(1)} % of peak`;
  console.log(`${w.name.padEnd(36)} ${formatMs(t.median).padStart(10)} ${speed}${share}`);
  for (const a of args) a.dispose();
}
await releaseGpu();
