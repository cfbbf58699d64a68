/** Bars with intervals, lying: names of variants are long. */
import { BOUNDS, count, take } from "./bounds.ts";
import { num } from "./number.ts";
import { Plot } from "./plot.ts";
import { axisTitle, caption, cell, type ErrorField, type Field, interval, read } from "./plot-input.ts";
import { INK } from "./svg.ts";
import { textTable } from "./table.ts";

export interface BarPlotOptions<Row> {
  /** Names of the bars. */
  readonly x: Field<Row, unknown>;
  /** Their lengths. */
  readonly y: Field<Row, number>;
  /** A length of error, or the fields of the two ends of an interval. */
  readonly error?: ErrorField<Row>;
  /** Text at the end of each bar; the value when not given. */
  readonly label?: Field<Row, string>;
  readonly title?: string;
  readonly yTitle?: string;
  readonly unit?: string;
  /** A value to compare with, drawn as a line. */
  readonly baseline?: number;
  /** Width of the bars' area in pixels (440). */
  readonly width?: number;
}

/** Bars that can be told apart; beyond, a line plot says more. */
const BARS = 200;

/** A bar plot of rows, in their order. Rows without a finite value keep their place and have no bar. */
export function barPlot<Row extends object>(rows: readonly Row[], o: BarPlotOptions<Row>): Plot {
  const { shown, left } = take(rows, Math.min(BARS, BOUNDS.points));
  const data = shown.map((row, i) => {
    const y = Number(read(row, o.y));
    const [lo, hi] = interval(row, y, o.error);
    const label = o.label === undefined ? num(y) : caption(read(row, o.label), 40);
    return { at: i, name: caption(read(row, o.x)), y, lo, hi, label };
  });
  // Two rows may have one name; each keeps a bar of its own.
  const names = unique(data.map((d) => d.name));
  const values = data.map((d, i) =>
    finite({ x: names[i], y: d.y, lo: d.lo, hi: d.hi, label: d.label, end: Math.max(d.y, d.hi ?? d.y) }),
  );
  const sorted = {
    field: "x",
    type: "nominal",
    sort: null,
    title: null,
    axis: { labelLimit: 260, ticks: false, domain: false },
  };
  const length = { type: "quantitative", title: axisTitle(o.yTitle, o.y, o.unit) };
  const hasError = o.error !== undefined;
  const notes = left > 0 ? `${count(left, "more bar")} left out` : undefined;
  const spec = {
    ...heading(o.title, notes),
    width: o.width ?? 440,
    height: { step: 26 },
    data: { values },
    layer: [
      {
        // No rounded ends: Vega would clip by ids, which collide between plots of one page.
        mark: { type: "bar", height: 16 },
        encoding: {
          y: sorted,
          x: { field: "y", ...length },
          color: { value: "#2f81f7" },
          opacity: { value: 0.85 },
        },
      },
      ...(hasError
        ? [
            {
              mark: { type: "rule", strokeWidth: 2, color: INK },
              encoding: { y: sorted, x: { field: "lo", ...length }, x2: { field: "hi" } },
            },
          ]
        : []),
      {
        mark: { type: "text", align: "left", dx: 5 },
        encoding: { y: sorted, x: { field: "end", ...length }, text: { field: "label" } },
      },
      ...(o.baseline === undefined || !Number.isFinite(o.baseline)
        ? []
        : [
            {
              mark: { type: "rule", strokeDash: [4, 3], color: "#d8434b" },
              encoding: { x: { datum: o.baseline, ...length } },
            },
          ]),
    ],
  };
  const unit = o.unit === undefined ? "" : ` (${o.unit})`;
  const columns = [
    { title: typeof o.x === "string" ? o.x : "name" },
    { title: `${o.yTitle ?? (typeof o.y === "string" ? o.y : "value")}${unit}`, align: "right" as const },
    ...(hasError
      ? [
          { title: "from", align: "right" as const },
          { title: "to", align: "right" as const },
        ]
      : []),
    ...(o.label === undefined ? [] : [{ title: "" }]),
  ];
  const cells = data.map((d) => [
    d.name,
    cell(d.y),
    ...(hasError ? [cell(d.lo), cell(d.hi)] : []),
    ...(o.label === undefined ? [] : [d.label]),
  ]);
  return new Plot(spec, withHeading(o.title, textTable(columns, cells), notes));
}

export function heading(title: string | undefined, note: string | undefined): { title?: object } {
  if (title === undefined && note === undefined) return {};
  return { title: { text: caption(title ?? "", 120), ...(note === undefined ? {} : { subtitle: note }) } };
}

export function withHeading(title: string | undefined, table: string, note: string | undefined): string {
  return [
    ...(title === undefined ? [] : [caption(title, 120)]),
    table,
    ...(note === undefined ? [] : [`… ${note}`]),
  ].join("\n");
}

function unique(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((n) => {
    const k = (seen.get(n) ?? 0) + 1;
    seen.set(n, k);
    return k === 1 ? n : `${n} (${k})`;
  });
}

/** JSON has no NaN and no infinity; null draws nothing. */
export function finite<T extends object>(row: T): { [K in keyof T]: T[K] | null } {
  const out = { ...row } as { [K in keyof T]: T[K] | null };
  for (const k of Object.keys(row) as (keyof T)[])
    if (typeof row[k] === "number" && !Number.isFinite(row[k])) out[k] = null;
  return out;
}
