/** Variants of one function compared: how long each takes and how many times faster than the first it is. */
import { medianInterval } from "../runtime/confidence.ts";
import { barPlot } from "./bar-plot.ts";
import { duration, ratio, three } from "./number.ts";
import type { Plot } from "./plot.ts";
import type { TimingLike } from "./timing.ts";

export interface SpeedPlotOptions {
  readonly title?: string;
  /** Name of the timing the others are compared with (the first). */
  readonly baseline?: string;
  /** Durations (shorter is better) or GFLOP/s (longer is better). */
  readonly by?: "time" | "gflops";
}

/** Units of a duration axis and how many milliseconds one is. */
const UNITS = [
  ["s", 1000],
  ["ms", 1],
  ["µs", 1e-3],
  ["ns", 1e-6],
] as const;

/** What the interval of a bar is. */
const CONFIDENCE = 0.95;

/**
 * Medians as bars with their confidence intervals (from p25 to p75 where there are too few measurements for one), the
 * relative speed as a label.
 */
export function speedPlot(timings: readonly TimingLike[], o: SpeedPlotOptions = {}): Plot {
  const base = timings.find((t) => t.name === o.baseline) ?? timings[0];
  if (o.baseline !== undefined && base?.name !== o.baseline)
    throw new RangeError(
      `no timing is called "${o.baseline}"; there are ${timings.map((t) => t.name).join(", ")}`,
    );
  const spread = (t: TimingLike): readonly [number, number] =>
    (Array.isArray(t.runs) ? medianInterval(t.runs, CONFIDENCE) : undefined) ?? [t.p25, t.p75];
  const relative = (t: TimingLike): string =>
    t === base || timings.length < 2 ? "" : ` · ${ratio(base.median / t.median)}`;
  if (o.by === "gflops") {
    const work = (t: TimingLike): number => (t.gflops ?? Number.NaN) * t.median;
    return barPlot(timings, {
      x: "name",
      y: (t) => t.gflops ?? Number.NaN,
      error: [(t) => work(t) / spread(t)[1], (t) => work(t) / spread(t)[0]],
      label: (t) => `${t.gflops === undefined ? "" : three(t.gflops)}${relative(t)}`,
      title: o.title,
      yTitle: "GFLOP/s",
    });
  }
  const longest = Math.max(...timings.map((t) => t.median).filter(Number.isFinite), 0);
  const [unit, size] = UNITS.find(([, ms]) => longest >= ms) ?? UNITS[3];
  return barPlot(timings, {
    x: "name",
    y: (t) => t.median / size,
    error: [(t) => spread(t)[0] / size, (t) => spread(t)[1] / size],
    label: (t) => `${duration(t.median)}${relative(t)}`,
    title: o.title,
    yTitle: "median time",
    unit,
  });
}
