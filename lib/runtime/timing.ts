/** Measuring how long a function takes. */
import type { Clock, Prepared, Target } from "./backend.ts";

export interface TimeOptions {
  /** What tables and plots call this variant. Default: the function's name. */
  readonly name?: string;
  /** Calls before the first measurement. Default 3. */
  readonly warmup?: number;
  /** Measurements. Default 10. */
  readonly repeats?: number;
  /**
   * One measurement lasts at least this long, by as many calls as that takes; the timer is too coarse for less.
   * Default 5 ms.
   */
  readonly minMs?: number;
  /** Stop after this long even when measurements are missing (at least one is made). Default 3000 ms. */
  readonly maxMs?: number;
  /** Work of one call in floating-point operations, where it is not to be counted from the program. */
  readonly flops?: number;
  /** Bytes that one call has to move at least, where they are not to be those of the arguments. */
  readonly bytes?: number;
}

/** What was measured. Times are milliseconds for one call. */
export class Timing {
  readonly name: string;
  readonly target: Target;
  readonly runs: readonly number[];
  /** Calls in each measurement; `runs` holds their mean. */
  readonly callsPerRun: number;
  /** Floating-point operations of one call, where known. */
  readonly flops?: number;
  /** Bytes that one call has to move at least, where known. */
  readonly bytes?: number;
  /** "wall": whole calls, by the machine's clock. "timestamp-query": kernels alone, by the GPU's. */
  readonly clock: Clock;

  constructor(
    name: string,
    target: Target,
    runs: readonly number[],
    callsPerRun: number,
    work: { readonly flops?: number; readonly bytes?: number; readonly clock?: Clock } = {},
  ) {
    const { flops, bytes, clock = "wall" } = work;
    this.clock = clock;
    this.name = name;
    this.target = target;
    this.runs = runs;
    this.callsPerRun = callsPerRun;
    if (flops !== undefined) this.flops = flops;
    if (bytes !== undefined) this.bytes = bytes;
  }

  get median(): number {
    return quantile(this.runs, 0.5);
  }
  get p25(): number {
    return quantile(this.runs, 0.25);
  }
  get p75(): number {
    return quantile(this.runs, 0.75);
  }
  get mean(): number {
    return this.runs.reduce((a, b) => a + b, 0) / this.runs.length;
  }
  get min(): number {
    return Math.min(...this.runs);
  }
  get max(): number {
    return Math.max(...this.runs);
  }
  /** Width of the middle half of the measurements, relative to the median. */
  get spread(): number {
    return this.median === 0 ? 0 : (this.p75 - this.p25) / this.median;
  }
  /** 10^9 floating-point operations a second, at the median. */
  get gflops(): number | undefined {
    return this.flops === undefined ? undefined : this.flops / this.median / 1e6;
  }
  /** Floating-point operations for each byte that has to move: where the timing stands on a roofline. */
  get intensity(): number | undefined {
    return this.flops === undefined || !this.bytes ? undefined : this.flops / this.bytes;
  }

  /** Everything by name, for scripts. */
  toJSON(): Record<string, unknown> {
    const { name, target, runs, callsPerRun, median, p25, p75, mean, min, max, spread } = this;
    const { flops, gflops, bytes, intensity, clock } = this;
    const stats = { median, p25, p75, mean, min, max, spread };
    return { name, target, ...stats, callsPerRun, runs, flops, gflops, bytes, intensity, clock };
  }

  toString(): string {
    const calls = this.callsPerRun === 1 ? "" : ` of ${this.callsPerRun} calls`;
    const speed = this.gflops === undefined ? "" : `, ${digits(this.gflops)} GFLOP/s`;
    const half = `${formatMs(this.p25)} to ${formatMs(this.p75)}`;
    return (
      `${this.name} (${this.target}${this.clock === "wall" ? "" : `, by ${this.clock}`}): median ${formatMs(this.median)}${speed}; ` +
      `middle half ${half}, ${this.runs.length} measurement(s)${calls}`
    );
  }
}

/** Something to measure. `run` may be synchronous; only what it returns is awaited. */
export interface Measurable {
  readonly name: string;
  readonly target: Target;
  readonly run: Prepared;
  readonly flops?: number;
  readonly bytes?: number;
}

/** Calls `run` as `options` say. */
export async function measure(
  name: string,
  target: Target,
  run: Prepared,
  options: TimeOptions = {},
): Promise<Timing> {
  const { flops, bytes } = options;
  const [timing] = await measureTogether(
    [{ name: options.name ?? name, target, run, flops, bytes }],
    options,
  );
  return timing;
}

/**
 * Measures several things in turn, round by round (A B C A B C …), so that a machine whose speed drifts slows them all
 * alike. `maxMs` is for each of them; the others' options are as for `measure`. `now`: what is measured with, in
 * milliseconds, where it is not the time of day.
 */
export async function measureTogether(
  things: readonly Measurable[],
  options: Omit<TimeOptions, "name" | "flops" | "bytes"> & { readonly now?: () => number } = {},
): Promise<Timing[]> {
  const { warmup = 3, repeats = 10, minMs = 5, maxMs = 3000, now = wallClock } = options;
  for (const [key, n] of Object.entries({ warmup, repeats })) {
    if (!Number.isInteger(n) || n < (key === "repeats" ? 1 : 0)) throw new RangeError(`time: ${key} ${n}`);
  }
  const begin = performance.now();
  const late = () => performance.now() - begin > maxMs * things.length;
  const started = [];
  for (const t of things) started.push({ ...t, ...(await warm(t.run, { warmup, minMs, maxMs, now })) });
  const runs = started.map((t) => [t.first / t.calls]);
  for (let round = 1; round < repeats && !late(); round++) {
    for (const [i, t] of started.entries()) runs[i].push((await batch(t.run, t.calls, now)) / t.calls);
  }
  return started.map(
    (t, i) => new Timing(t.name, t.target, runs[i], t.calls, { ...t, clock: clockOf(t.run) }),
  );
}

/** Warms up, finds how many calls make a measurement, and makes the first. */
async function warm(
  run: Prepared,
  { warmup, minMs, maxMs, now }: { warmup: number; minMs: number; maxMs: number; now: () => number },
): Promise<{ calls: number; first: number }> {
  const begin = performance.now();
  const late = () => performance.now() - begin > maxMs;
  for (let i = 0; i < warmup && !late(); i++) await batch(run, 1, now);
  let calls = 1;
  let ms = await batch(run, 1, now);
  // Growing in steps: the first calls are slower than the rest, and a short batch cannot be trusted.
  while (ms < minMs && !late()) {
    calls = Math.min(calls * 100, Math.max(calls + 1, Math.ceil((calls * minMs * 1.2) / Math.max(ms, 1e-3))));
    ms = await batch(run, calls, now);
  }
  return { calls, first: ms };
}

const clockOf = (run: Prepared): Clock => (run.timed ? "timestamp-query" : "wall");

const wallClock = (): number => performance.now();

/** Milliseconds for that many calls. */
async function batch(run: Prepared, calls: number, now: () => number): Promise<number> {
  if (run.timed) return run.timed(calls);
  const begin = now();
  for (let i = 0; i < calls; i++) {
    const pending = run();
    if (pending) await pending;
  }
  return now() - begin;
}

/** Linear interpolation between the sorted values, as NumPy's default. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toPrecision(3));

/** A duration with a unit that suits it: `12.3 µs`, `1.23 ms`, `4.56 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000)} s`;
  return ms >= 1 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}
