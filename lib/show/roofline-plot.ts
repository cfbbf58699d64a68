/**
 * The roofline: what a machine can do at each arithmetic intensity (FLOP for each byte that has to move), and where measured
 * functions stand under it. See lib/runtime/roofline for how the limits are measured.
 */
import { finite, heading } from "./bar-plot.ts";
import { BOUNDS, count, take } from "./bounds.ts";
import { num, three } from "./number.ts";
import { Plot, SERIES } from "./plot.ts";
import { caption } from "./plot-input.ts";
import { textTable } from "./table.ts";
import type { TimingLike } from "./timing.ts";

/** The limits: what `roofline()` of lib/runtime gives. */
export interface RooflineLike {
  readonly peaks: readonly { readonly name: string; readonly gflops: number; readonly dtype?: string }[];
  readonly bandwidths: readonly { readonly level: string; readonly gbps: number }[];
}

/** A measured function with its work. What lacks the work or the bytes has no place in the plot, which says so. */
export interface PlacedTiming extends TimingLike {
  readonly intensity?: number;
}

export interface RooflinePlotOptions {
  readonly title?: string;
  /** Only peaks of this dtype (f32). */
  readonly dtype?: string;
  readonly width?: number;
  readonly height?: number;
}

/** Where one timing stands: the JSON twin of its point. */
export interface RooflinePlace {
  readonly name: string;
  /** FLOP for each byte. */
  readonly intensity: number;
  readonly gflops: number;
  /** 10^9 operations a second that the highest peak and the memory allow at that intensity. */
  readonly limit: number;
  /** What keeps it from being higher: a level of memory, or a peak. */
  readonly bound: string;
  /** gflops / limit; over 1 where data stays in a cache from call to call. */
  readonly share: number;
}

/**
 * Where timings stand under a roofline. The roof is the highest peak and the slowest memory, which is what holds for data
 * that comes from memory.
 */
export function rooflinePlaces(limits: RooflineLike, timings: readonly PlacedTiming[]): RooflinePlace[] {
  const peak = highest(limits.peaks, (p) => p.gflops);
  const memory = highest(limits.bandwidths, (b) => -b.gbps);
  return timings.flatMap((t) => {
    const { gflops, intensity } = t;
    if (gflops === undefined || intensity === undefined || !(gflops > 0) || !(intensity > 0)) return [];
    const [flat, slope] = [peak?.gflops ?? Number.NaN, (memory?.gbps ?? Number.NaN) * intensity];
    const limit = Math.min(flat, slope);
    const bound = (slope < flat ? memory?.level : peak?.name) ?? "";
    return [{ name: t.name, intensity, gflops, limit, bound, share: gflops / limit }];
  });
}

function highest<X>(all: readonly X[], by: (x: X) => number): X | undefined {
  return all.reduce<X | undefined>((a, b) => (a === undefined || by(b) > by(a) ? b : a), undefined);
}

/** The roofline of a machine with timings under it; both axes are logarithmic. */
export function rooflinePlot(
  all: RooflineLike,
  timings: readonly PlacedTiming[] = [],
  o: RooflinePlotOptions = {},
): Plot {
  const peaks = all.peaks.filter((p) => (p.dtype ?? "f32") === (o.dtype ?? "f32"));
  const limits = { ...all, peaks };
  const places = rooflinePlaces(limits, timings);
  const { shown, left } = take(places, BOUNDS.points);
  const missing = timings.length - places.length;
  const peak = Math.max(...limits.peaks.map((p) => p.gflops));
  const slowest = Math.min(...limits.bandwidths.map((b) => b.gbps));
  const xs = shown.map((p) => p.intensity);
  // Names stand to the right of their points.
  const [from, to] = [Math.min(0.1, ...xs) / 1.5, Math.max((10 * peak) / slowest, ...xs) * 4];
  const low = Math.min(slowest * from, ...shown.map((p) => p.gflops));
  const high = Math.max(peak, ...shown.map((p) => p.gflops));
  const slopes = limits.bandwidths.flatMap(({ level, gbps }) => {
    const knee = Math.min(to, peak / gbps);
    const roof = `${level}, ${three(gbps)} GB/s`;
    return [from, knee].map((x) => ({ x, y: gbps * x, roof }));
  });
  const flats = limits.peaks.flatMap(({ name, gflops }) => {
    const fastest = Math.max(...limits.bandwidths.map((b) => b.gbps));
    const roof = `${caption(name)}, ${three(gflops)} GFLOP/s`;
    return [Math.max(from, gflops / fastest), to].map((x) => ({ x, y: gflops, roof }));
  });
  const roofs = [...slopes, ...flats].map(finite);
  const names = [...new Set(roofs.map((r) => r.roof))];
  const placed = shown.map((p) => ({ x: p.intensity, y: p.gflops, name: caption(p.name, 40) }));
  const points = placed.map(finite);
  const axis = (title: string, domain: readonly number[]) => ({
    type: "quantitative",
    title,
    scale: { type: "log", nice: false, domain },
  });
  const [width, height] = [o.width ?? 460, o.height ?? 280];
  const range = [low / 1.2, high * 1.5] as const;
  const x = { field: "x", ...axis("arithmetic intensity (FLOP/byte)", [from, to]) };
  const y = { field: "y", ...axis("GFLOP/s", range) };
  const labels = apart(placed, width / Math.log(to / from), height / Math.log(range[1] / range[0]));
  const notes =
    [
      left > 0 && `${count(left, "more point")} left out`,
      missing > 0 && `${count(missing, "timing")} without known work left out`,
    ]
      .filter(Boolean)
      .join("; ") || undefined;
  const spec = {
    ...heading(o.title ?? "Roofline", notes),
    width,
    height,
    layer: [
      {
        data: { values: roofs },
        mark: { type: "line", strokeWidth: 1.5, clip: true },
        encoding: {
          x,
          y,
          color: {
            field: "roof",
            type: "nominal",
            sort: null,
            title: null,
            // Where letters are not measured but guessed, they come out wider than they are.
            legend: { labelLimit: 400 },
            scale: { domain: names, range: names.map((_, i) => SERIES[i % SERIES.length]) },
          },
        },
      },
      {
        data: { values: points },
        mark: { type: "point", filled: true, size: 70, color: "#d8434b" },
        encoding: { x, y },
      },
      {
        data: { values: labels.map(finite) },
        mark: { type: "text", align: "left", dx: 7, dy: -5 },
        encoding: { x, y, text: { field: "name" } },
      },
    ],
  };
  return new Plot(spec, rooflineText(limits, shown, notes));
}

/** Of a name in the plot: its height, and the width of a letter, in CSS pixels. */
const LABEL = { height: 12, letter: 6 };

/**
 * Where the names of points stand: at their points, or as far below as it takes to leave the others readable. `perX`, `perY`:
 * pixels for a factor of e on the axes.
 */
function apart<P extends { readonly x: number; readonly y: number; readonly name: string }>(
  points: readonly P[],
  perX: number,
  perY: number,
): P[] {
  const set: { left: number; right: number; top: number }[] = [];
  return [...points]
    .sort((a, b) => b.y - a.y)
    .map((p) => {
      const left = Math.log(p.x) * perX;
      const right = left + p.name.length * LABEL.letter;
      const at = -Math.log(p.y) * perY;
      let top = at;
      // From the top down: who stands lower gives way.
      for (const one of set)
        if (left < one.right && one.left < right && top < one.top + LABEL.height)
          top = one.top + LABEL.height;
      set.push({ left, right, top });
      set.sort((a, b) => a.top - b.top);
      return top === at ? p : { ...p, y: Math.exp(-top / perY) };
    });
}

function rooflineText(limits: RooflineLike, places: readonly RooflinePlace[], notes?: string): string {
  const right = { align: "right" as const };
  const roofs = textTable(
    [{ title: "limit" }, { title: "", ...right }],
    [
      ...limits.peaks.map((p) => [caption(p.name), `${three(p.gflops)} GFLOP/s`]),
      ...limits.bandwidths.map((b) => [b.level, `${three(b.gbps)} GB/s`]),
    ],
  );
  if (places.length === 0) return [roofs, notes].filter(Boolean).join("\n\n");
  const table = textTable(
    [
      { title: "function" },
      { title: "FLOP/byte", ...right },
      { title: "GFLOP/s", ...right },
      { title: "limit", ...right },
      { title: "of it", ...right },
      { title: "limited by" },
    ],
    places.map((p) => [
      caption(p.name),
      num(p.intensity, 3),
      three(p.gflops),
      three(p.limit),
      `${Math.round(100 * p.share)} %`,
      p.bound,
    ]),
  );
  return [roofs, table, notes].filter(Boolean).join("\n\n");
}
