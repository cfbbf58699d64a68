/** Timings as a table. All durations are in milliseconds. */
import { BOUNDS, cut, take } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { html } from "./html.ts";
import { duration, ratio, three } from "./number.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

/** One measured function: what `time()` of lib/runtime gives. Durations are in milliseconds. */
export interface TimingLike {
  readonly name: string;
  readonly target?: string;
  /** "wall", or the clock of the device that it was read from. */
  readonly clock?: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly p25: number;
  readonly p75: number;
  readonly gflops?: number;
  /** How many runs, or each run's duration. */
  readonly runs?: number | ArrayLike<number>;
}

/** One row, with how many times faster than the first it is: the JSON twin of the table. */
export interface TimingRow {
  readonly name: string;
  readonly target: string;
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  readonly min: number;
  readonly gflops?: number;
  readonly runs?: number;
  readonly speed: number;
}

export function timingRows(timings: readonly TimingLike[]): TimingRow[] {
  const first = timings[0]?.median ?? Number.NaN;
  return timings.map((t) => {
    const runs = typeof t.runs === "object" ? t.runs.length : t.runs;
    return {
      name: t.name,
      target: [t.target ?? "", ...(t.clock && t.clock !== "wall" ? [t.clock] : [])].join(", "),
      median: t.median,
      p25: t.p25,
      p75: t.p75,
      min: t.min,
      ...(t.gflops === undefined ? {} : { gflops: t.gflops }),
      ...(runs === undefined ? {} : { runs }),
      speed: first / t.median,
    };
  });
}

/** Timings to be shown; the first row is what the others are compared with. */
export function timingTable(timings: readonly TimingLike[]): Displayable {
  return displayable(() => timingBundle(timings));
}

export function timingBundle(timings: readonly TimingLike[]): MimeBundle {
  const { shown, left } = take(timingRows(timings), 100);
  const compared = shown.length > 1;
  const work = shown.some((r) => r.gflops !== undefined);
  const targets = shown.some((r) => r.target !== "");
  const columns: Column[] = [
    { title: "name" },
    ...(targets ? [{ title: "target" }] : []),
    { title: "median", align: "right" },
    { title: "p25 – p75", align: "right" },
    { title: "min", align: "right" },
    ...(work ? [{ title: "GFLOP/s", align: "right" } as const] : []),
    { title: "runs", align: "right" },
    ...(compared ? [{ title: "speed", align: "right" } as const] : []),
  ];
  const cells = shown.map((r) => [
    cut(r.name, BOUNDS.label),
    ...(targets ? [cut(r.target, BOUNDS.label)] : []),
    duration(r.median),
    `${duration(r.p25)} – ${duration(r.p75)}`,
    duration(r.min),
    ...(work ? [r.gflops === undefined ? "" : three(r.gflops)] : []),
    r.runs === undefined ? "" : String(r.runs),
    ...(compared ? [ratio(r.speed)] : []),
  ]);
  const fastest = Math.max(...shown.map((r) => r.speed).filter(Number.isFinite));
  const marked = cells.map((c, i) =>
    compared && shown[i].speed === fastest
      ? [...c.slice(0, -1), html`<b class="tw-green">${c.at(-1)}</b>`]
      : c,
  );
  const note = left > 0 ? `… ${left} more timings left out` : undefined;
  return {
    "text/plain": textTable(columns, cells) + (note ? `\n${note}` : ""),
    "text/html": frame(
      ["table"],
      html`${htmlTable(columns, marked)}${note && html`<p class="tw-note">${note}</p>`}`,
    ),
  };
}
