/**
 * The limits of the machine at hand, measured with generated code: how fast a register tile multiplies when its operands
 * lie in the first-level cache, how fast memory of each level can be read, what a call costs. See S. Williams, A. Waterman
 * and D. Patterson, "Roofline: an insightful visual performance model", CACM 52 (4), 2009.
 */
import { hasRelaxedDot } from "../../codegen/wasm/index.ts";
import type { DType } from "../../ir/index.ts";
import { build } from "../build.ts";
import { features } from "../features.ts";
import { Tensor } from "../tensor.ts";
import { type Measurable, measureTogether, type Timing } from "../timing.ts";
import { emptyProbe, multiplyProbe, PRODUCTS, readProbe, type Tile } from "./probes.ts";

/** A ceiling of arithmetic. */
export interface Peak {
  readonly name: string;
  readonly dtype: DType;
  readonly relaxedSimd: boolean;
  /** 10^9 multiplications and additions a second, of the best tile. */
  readonly gflops: number;
  readonly tile: Tile;
  /** All tiles that were tried. */
  readonly tiles: readonly (Tile & { readonly gflops: number })[];
}

/** How fast memory is read when it is `bytes` large. */
export interface Bandwidth {
  /** `L1`, `L2`, `L3` or `memory`. */
  readonly level: string;
  readonly bytes: number;
  /** 10^9 bytes a second. */
  readonly gbps: number;
}

/** The limits of one thread of a machine. Plain data. */
export interface Roofline {
  readonly peaks: readonly Peak[];
  readonly bandwidths: readonly Bandwidth[];
  /** Nanoseconds that a call of a compiled function takes beyond its work, arguments checked beforehand. */
  readonly callNs: number;
}

export interface RooflineOptions {
  /** Measurements of each program, of which the best counts: a limit is what the machine can do. Default 15. */
  readonly repeats?: number;
  /** Tiles of sums that are tried. Engines differ in how many registers they keep. */
  readonly tiles?: readonly Tile[];
  /** Bytes of the caches by level. Default: what the system says, or 32 KiB, 1 MiB and 32 MiB. */
  readonly caches?: Readonly<Record<number, number>>;
  /** Told after each measurement, how many of how many. */
  readonly onProgress?: (done: number, all: number) => void;
  /** Ends the measurement with the signal's reason. */
  readonly signal?: AbortSignal;
}

const TILES: readonly Tile[] = [
  { mr: 4, nr: 8 },
  { mr: 2, nr: 16 },
  { mr: 6, nr: 8 },
  { mr: 4, nr: 12 },
  { mr: 3, nr: 16 },
];
const USUAL_CACHES = { 1: 32 * 2 ** 10, 2: 2 ** 20, 3: 32 * 2 ** 20 };

/** Steps of k in a multiplication probe: (6 + 16) · 4 · 192 bytes stay below 24 KiB. */
const K = 192;
/** Largest memory that is read, in bytes. */
const LARGEST = 128 * 2 ** 20;
/** What one measurement is to take at least, in operations and in bytes: about a millisecond. */
const OPERATIONS = 3e7;
const BYTES_READ = 3e7;

let measured: Promise<Roofline> | undefined;

/** The limits of this machine, measured once and kept; a failed or aborted measurement is not. Takes about a second. */
export function roofline(options: RooflineOptions = {}): Promise<Roofline> {
  measured ??= measureRoofline(options).catch((error: unknown) => {
    measured = undefined;
    throw error;
  });
  return measured;
}

/** Measures the limits of one thread of this machine. Throws the signal's reason when it is aborted. */
export async function measureRoofline(options: RooflineOptions = {}): Promise<Roofline> {
  const { repeats = 15, tiles = TILES, onProgress, signal } = options;
  const caches = options.caches ?? (await knownCaches());
  const can = (kind: Kind): boolean => (kind.product === "quads" ? hasRelaxedDot() : features().relaxedSimd);
  const kinds = KINDS.filter((kind) => !kind.relaxedSimd || can(kind));
  const levels = levelsOf(caches);
  const all = kinds.length * tiles.length + levels.length + 1;
  let done = 0;
  const step = async <X>(work: () => Promise<X>): Promise<X> => {
    signal?.throwIfAborted();
    const result = await work();
    onProgress?.(++done, all);
    return result;
  };
  const peaks: Peak[] = [];
  for (const kind of kinds) {
    const tried = [];
    for (const tile of tiles)
      tried.push({ ...tile, gflops: await step(() => multiply(tile, kind, repeats)) });
    const best = tried.reduce((a, b) => (b.gflops > a.gflops ? b : a));
    const { name, dtype, relaxedSimd } = kind;
    peaks.push({
      name,
      dtype,
      relaxedSimd,
      gflops: best.gflops,
      tile: { mr: best.mr, nr: best.nr },
      tiles: tried,
    });
  }
  const bandwidths: Bandwidth[] = [];
  for (const level of levels)
    bandwidths.push({ ...level, gbps: await step(() => read(level.bytes, repeats)) });
  const callNs = await step(() => call(repeats));
  return { peaks, bandwidths, callNs };
}

interface Kind extends Pick<Peak, "name" | "dtype" | "relaxedSimd"> {
  readonly product: keyof typeof PRODUCTS;
}

/** Small integers go in pairs of 16 bits; with relaxed SIMD in quads, where one factor has seven bits. */
const KINDS: readonly Kind[] = [
  { name: "f32, relaxed SIMD", dtype: "f32", relaxedSimd: true, product: "f32" },
  { name: "f32, SIMD", dtype: "f32", relaxedSimd: false, product: "f32" },
  { name: "i8, relaxed SIMD", dtype: "i8", relaxedSimd: true, product: "quads" },
  { name: "i8, SIMD", dtype: "i8", relaxedSimd: false, product: "pairs" },
];

async function knownCaches(): Promise<Readonly<Record<number, number>>> {
  if (globalThis.process?.versions?.node === undefined) return USUAL_CACHES;
  const { systemCaches } = await import("./caches.node.ts");
  return { ...USUAL_CACHES, ...systemCaches() };
}

/** Sizes that lie well inside each cache, and one well outside all, in multiples of what a probe reads at once. */
function levelsOf(caches: Readonly<Record<number, number>>): readonly { level: string; bytes: number }[] {
  const levels = Object.entries(caches).map(([level, size]) => ({
    level: `L${level}`,
    // The last cache is shared with other cores, so a quarter of it is taken.
    bytes: size / (Number(level) >= 3 ? 4 : 2),
  }));
  const largest = Math.max(...Object.values(caches));
  const memory = { level: "memory", bytes: Math.min(LARGEST, 4 * largest) };
  return [...levels.filter((l) => l.bytes < memory.bytes / 2), memory].map(({ level, bytes }) => ({
    level,
    bytes: Math.max(1, Math.round(bytes / 128)) * 128,
  }));
}

async function multiply(tile: Tile, { product, relaxedSimd }: Kind, repeats: number): Promise<number> {
  const once = 2 * tile.mr * tile.nr * K;
  const times = Math.ceil(OPERATIONS / once);
  const lib = await build(multiplyProbe(tile, K, times, product), { relaxedSimd });
  const { dtype, together } = PRODUCTS[product];
  const k = K / together;
  const tensors = [[k, tile.mr], [k, tile.nr], [tile.mr, tile.nr]] // biome-ignore format: three shapes
    .map((shape) => Tensor.zeros(shape, dtype));
  return (once * times) / (await best(lib.prepare("main", tensors), tensors, repeats)).min / 1e6;
}

async function read(bytes: number, repeats: number): Promise<number> {
  const times = Math.max(1, Math.round(BYTES_READ / bytes));
  const lib = await build(readProbe(bytes, times));
  const tensors = [Tensor.zeros([bytes / 128, 32]), Tensor.zeros([32])];
  return (bytes * times) / (await best(lib.prepare("main", tensors), tensors, repeats)).min / 1e6;
}

async function call(repeats: number): Promise<number> {
  const lib = await build(emptyProbe());
  const tensors = [Tensor.zeros([1]), Tensor.zeros([1])];
  return (await best(lib.prepare("main", tensors), tensors, repeats)).min * 1e6;
}

async function best(run: Measurable["run"], tensors: readonly Tensor[], repeats: number): Promise<Timing> {
  try {
    const [timing] = await measureTogether([{ name: "probe", target: "wasm", run }], {
      ...{ warmup: 2, repeats, minMs: 1, maxMs: 400 },
    });
    return timing;
  } finally {
    for (const t of tensors) t.dispose();
  }
}
