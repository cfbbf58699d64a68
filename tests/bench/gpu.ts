/**
 * Operators and models on the GPU at hand, side by side with the peers on the same adapter. Results are compared before they
 * are timed. Usage:
 *
 *   npm run bench -- --gpu [--quick | --full] [--only WORD] [--peers web,jax | none] [--peak GFLOPS] [--json FILE]
 *
 * Everybody's inputs are on the device and outputs stay there; the time is the machine's, from the first call of a round until
 * the device has finished the last. Beside it stands what our kernels take by the device's own clock, and their share of the
 * device's peak: `--peak`, or what a kernel of nothing but multiplications and additions reaches. `--quick`: small sizes, and
 * no peers for whole models; drivers in software run that unless `--full` is given.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { formatMs, type GpuDevice, gpuDevice } from "../../lib/index.ts";
import { gpuHere } from "../../lib/runtime/tuning-target.ts";
import { type Contender, compare, type Measured, table } from "./compare.ts";
import { type GpuCase, modelCases, operatorCases } from "./gpu-cases.ts";
import { measurePeak } from "./gpu-peak.ts";
import { actAsBrowser, GPU_PLAYERS, type GpuOpened, type GpuOutputs } from "./gpu-peers.ts";
import { BASELINE, OURS } from "./names.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    peers: { type: "string", default: "web,jax" },
    peak: { type: "string" },
    json: { type: "string" },
  },
});
const PEERS: Readonly<Record<string, string>> = { web: BASELINE, jax: "jax-js" };
const wanted = (options.peers === "none" ? [] : options.peers.split(",")).map((word) => {
  const name = PEERS[word];
  if (!name)
    throw new Error(`--peers: no peer "${word}"; there are ${Object.keys(PEERS).join(", ")}, or none`);
  return name;
});
const given = options.peak === undefined ? undefined : Number(options.peak);
if (given !== undefined && !(given > 0)) throw new RangeError(`--peak ${options.peak}: GFLOP/s are wanted`);

interface GpuResult {
  readonly name: string;
  readonly rows: readonly Measured[];
  /** Of our kernels: milliseconds and 10^9 operations a second by the device's clock, share of the peak. */
  readonly kernels?: { readonly ms?: number; readonly gflops?: number; readonly share?: number };
  readonly cannot: readonly { readonly name: string; readonly reason: string }[];
}

const reasonOf = (e: unknown): string => (e instanceof Error ? e.message : String(e)).split("\n")[0];

/** Throws unless outputs are equal to 1e-3 of the largest element of each; 2e-2 for halves, which peers add up as such. */
function agree(got: GpuOutputs, expected: GpuOutputs, dtype: GpuCase["dtype"]): void {
  // A model's outputs may be called otherwise by nobody: all read the same file.
  for (const [k, y] of Object.entries(expected)) {
    const x = got[k];
    if (x?.length !== y.length) throw new Error(`${k} has ${x?.length ?? 0} elements, not ${y.length}`);
    let scale = 0;
    for (let i = 0; i < y.length; i++) scale = Math.max(scale, Math.abs(y[i]));
    const most = (dtype === "f16" ? 2e-2 : 1e-3) * scale;
    for (let i = 0; i < y.length; i++)
      if (!(Math.abs(x[i] - y[i]) <= most))
        throw new Error(`wrong result: ${k}[${i}] is ${x[i]} against ${y[i]}`);
  }
}

async function play(
  c: GpuCase,
  device: GpuDevice,
  peak: number | undefined,
  leftOut: string | undefined,
): Promise<GpuResult> {
  const cannot: { name: string; reason: string }[] = [];
  const contenders: Contender[] = [];
  const opened: GpuOpened[] = [];
  let expected: GpuOutputs | undefined;
  for (const player of GPU_PLAYERS) {
    const { name } = player;
    if (name !== OURS && !wanted.includes(name)) continue;
    if (name !== OURS && leftOut !== undefined) {
      cannot.push({ name, reason: leftOut });
      continue;
    }
    try {
      const one = await player.open(c, device);
      opened.push(one);
      const outputs = await one.outputs();
      expected ??= outputs;
      agree(outputs, expected, c.dtype);
      contenders.push({ name, run: one.run, settle: one.settle });
    } catch (e) {
      if (name === OURS) throw e;
      cannot.push({ name, reason: reasonOf(e) });
    }
  }
  const told = await opened[0].kernels?.();
  const flops = told?.flops;
  const rows = await compare(contenders, { flops, ...(quick ? { rounds: 5, minMs: 20 } : {}) });
  for (const one of opened) await one.close();
  const gflops = flops !== undefined && told?.ms ? flops / told.ms / 1e6 : undefined;
  const share = gflops !== undefined && peak !== undefined ? gflops / peak : undefined;
  return { name: c.name, rows, kernels: { ms: told?.ms, gflops, share }, cannot };
}

function tableOf(results: readonly GpuResult[]): string {
  const names = [OURS, ...wanted];
  const head = ["", ...names, "GFLOP/s", "kernels", "GFLOP/s", "of peak", ...wanted.map((n) => `× ${n}`)];
  const body = results.map(({ name, rows, kernels }) => {
    const of = (n: string) => rows.find((r) => r.name === n);
    const own = of(OURS);
    return [
      name,
      ...names.map((n) => formatted(of(n)?.median, formatMs)),
      formatted(own?.gflops, (x) => x.toFixed(1)),
      formatted(kernels?.ms, formatMs),
      formatted(kernels?.gflops, (x) => x.toFixed(1)),
      formatted(kernels?.share, (x) => `${(100 * x).toFixed(1)} %`),
      ...wanted.map((n) =>
        formatted(own && of(n) && (of(n) as Measured).median / own.median, (x) => x.toFixed(2)),
      ),
    ];
  });
  return table([head, ...body]);
}

const formatted = (x: number | undefined, f: (x: number) => string): string => (x === undefined ? "–" : f(x));

const device = await gpuDevice();
const { adapter } = device;
const quick = options.quick || (adapter.fallback && !options.full);
const machine = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  adapter: String(device),
  software: adapter.fallback,
  driver: adapter.description,
  vendor: adapter.vendor,
  architecture: adapter.architecture,
  features: [...device.features].sort(),
  clock: device.clock,
};
const made = adapter.fallback ? " (in software)" : "";
console.log(`${machine.adapter}${made}, ${machine.date}, Node ${machine.node}`);
console.log(`features: ${machine.features.join(", ") || "none"}; our kernels by ${machine.clock}`);
console.log(`schedules without search: ${gpuHere().what}`);
const notes: string[] = [];
const note = (text: string): void => {
  notes.push(text);
  console.log(text);
};
if (quick)
  note("NOT RUN: matmul of 1024 to 8192, and operators of that kind (small sizes instead; --full runs them)");
const halves = device.features.has("shader-f16");
if (!halves) note("NOT RUN: f16, which the adapter cannot compute with (it has no shader-f16)");
const peaks: { f32: number; f16?: number } = {
  f32: given ?? (await measurePeak(device, "f32")),
  ...(halves ? { f16: await measurePeak(device, "f16") } : {}),
};
const how = given === undefined ? "measured" : "as given";
const sixteen =
  peaks.f16 === undefined ? "" : `; f16 ${peaks.f16.toFixed(1)} GFLOP/s (measured, no matrix units)`;
console.log(`peak: f32 ${peaks.f32.toFixed(1)} GFLOP/s (${how})${sixteen}\n`);

if (wanted.length > 0) await actAsBrowser(device);
const results: GpuResult[] = [];
const planned = operatorCases(quick).filter(
  (c) => c.name.includes(options.only) && (halves || c.dtype !== "f16"),
);
for (const { name, dtype, make } of [...planned, ...modelCases(options.only)]) {
  process.stderr.write(`${name}\n`);
  const c = make();
  const reason =
    quick && c.whole
      ? "left out where sizes are small: drivers in software compile shaders for minutes"
      : undefined;
  try {
    results.push(await play(c, device, peaks[dtype], reason));
  } catch (e) {
    note(`NOT MEASURED: ${name}: ${reasonOf(e)}`);
    process.exitCode = 1;
  }
  for (const t of Object.values(c.feeds)) t.dispose();
}
if (results.length === 0 && process.exitCode === undefined)
  throw new Error(`--only ${options.only}: no case has that in its name`);
if (results.length > 0) console.log(tableOf(results));
for (const { name, cannot } of results)
  for (const c of cannot) console.log(`not compared: ${c.name}, ${name}: ${c.reason}`);
if (options.json)
  writeFileSync(options.json, `${JSON.stringify({ machine, peaks, notes, results }, null, 1)}\n`);
// The peers keep handles open.
process.exit();
