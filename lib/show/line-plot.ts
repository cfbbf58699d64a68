/** Lines through points, one colour for each series. */
import { finite, heading, withHeading } from "./bar-plot.ts";
import { BOUNDS, count, take } from "./bounds.ts";
import { Plot, SERIES } from "./plot.ts";
import { axisTitle, caption, cell, type ErrorField, type Field, interval, read } from "./plot-input.ts";
import { textTable } from "./table.ts";

export interface LinePlotOptions<Row> {
  /** Numbers, or names in their order. */
  readonly x: Field<Row, unknown>;
  readonly y: Field<Row, number>;
  /** Which line a row belongs to. */
  readonly series?: Field<Row, unknown>;
  /** A length of error, or the fields of the two ends of an interval: drawn as a band. */
  readonly error?: ErrorField<Row>;
  /** Logarithmic axes; rows with values that have no logarithm are left out. */
  readonly log?: "x" | "y" | "both";
  readonly title?: string;
  readonly xTitle?: string;
  readonly yTitle?: string;
  readonly unit?: string;
  /** A value to compare with, drawn as a line. */
  readonly baseline?: number;
  readonly width?: number;
  readonly height?: number;
}

/** A line plot of rows. */
export function linePlot<Row extends object>(rows: readonly Row[], o: LinePlotOptions<Row>): Plot {
  const { shown, left } = take(rows, BOUNDS.points);
  const all = shown.map((row) => {
    const x = read(row, o.x);
    const y = Number(read(row, o.y));
    const [lo, hi] = interval(row, y, o.error);
    const s = o.series === undefined ? undefined : caption(read(row, o.series));
    return { x: typeof x === "number" ? x : caption(x), y, lo, hi, ...(s === undefined ? {} : { s }) };
  });
  const numeric = all.every((d) => typeof d.x === "number");
  const [logX, logY] = [numeric && (o.log === "x" || o.log === "both"), o.log === "y" || o.log === "both"];
  const data = all.filter((d) => !(logX && !(Number(d.x) > 0)) && !(logY && !(d.y > 0)));
  const dropped = all.length - data.length;
  const scale = (log: boolean): object => ({
    scale: { ...(log ? { type: "log" } : {}), zero: false, nice: true },
  });
  const x = {
    field: "x",
    title: axisTitle(o.xTitle, o.x),
    ...(numeric ? { type: "quantitative", ...scale(logX) } : { type: "ordinal", sort: null }),
  };
  const y = { type: "quantitative", title: axisTitle(o.yTitle, o.y, o.unit), ...(logY ? scale(true) : {}) };
  const names = [...new Set(data.map((d) => d.s))];
  const colour =
    o.series === undefined
      ? { value: SERIES[0] }
      : {
          field: "s",
          type: "nominal",
          sort: null,
          title: null,
          scale: { domain: names, range: names.map((_, i) => SERIES[i % SERIES.length]) },
        };
  const notes =
    [
      left > 0 && `${count(left, "more point")} left out`,
      dropped > 0 && `${count(dropped, "point")} without a logarithm left out`,
    ]
      .filter(Boolean)
      .join("; ") || undefined;
  const spec = {
    ...heading(o.title, notes),
    width: o.width ?? 460,
    height: o.height ?? 260,
    data: { values: data.map(finite) },
    layer: [
      ...(o.error === undefined
        ? []
        : [
            {
              mark: { type: "area", opacity: 0.18 },
              encoding: { x, y: { field: "lo", ...y }, y2: { field: "hi" }, color: colour },
            },
          ]),
      {
        mark: { type: "line", point: data.length <= 200, strokeWidth: 2 },
        encoding: { x, y: { field: "y", ...y }, color: colour },
      },
      ...(o.baseline === undefined || !Number.isFinite(o.baseline)
        ? []
        : [
            {
              mark: { type: "rule", strokeDash: [4, 3], color: "#d8434b" },
              encoding: { y: { datum: o.baseline, ...y } },
            },
          ]),
    ],
  };
  const [nx, ny] = [
    typeof o.x === "string" ? o.x : (o.xTitle ?? "x"),
    typeof o.y === "string" ? o.y : (o.yTitle ?? "y"),
  ];
  const right = { align: "right" as const };
  const columns = [
    ...(o.series === undefined ? [] : [{ title: typeof o.series === "string" ? o.series : "series" }]),
    { title: nx, ...right },
    { title: o.unit === undefined ? ny : `${ny} (${o.unit})`, ...right },
    ...(o.error === undefined
      ? []
      : [
          { title: "from", ...right },
          { title: "to", ...right },
        ]),
  ];
  const cells = data.map((d) => [
    ...(o.series === undefined ? [] : [d.s ?? ""]),
    typeof d.x === "number" ? cell(d.x) : d.x,
    cell(d.y),
    ...(o.error === undefined ? [] : [cell(d.lo), cell(d.hi)]),
  ]);
  return new Plot(spec, withHeading(o.title, textTable(columns, cells), notes));
}
