/**
 * Pictures of a search: how the best time fell, what the cost model expected against what was measured, and where the best
 * candidate lies in the space. They take the history that `tuneTir` tells (`onProgress`), also while it runs.
 */
import type { Trial } from "../tune/index.ts";
import { finite, heading } from "./bar-plot.ts";
import { BOUNDS, count, cut, take } from "./bounds.ts";
import { duration, num } from "./number.ts";
import { Plot } from "./plot.ts";
import { caption } from "./plot-input.ts";
import { INK } from "./svg.ts";
import { textTable } from "./table.ts";

/** The part of a trial that pictures need. */
export type TrialLike = Pick<Trial, "index" | "task" | "decisions" | "status"> &
  Partial<Pick<Trial, "predicted" | "measured" | "best" | "runs" | "origin" | "message">>;

export interface TuningPlotOptions {
  readonly title?: string;
  /** Operations of one call: draws GFLOP/s instead of milliseconds. */
  readonly flops?: number;
  /** Milliseconds to compare with, such as the time without search: drawn as a line. */
  readonly baseline?: number;
  /** One function's trials only. */
  readonly task?: string;
  readonly width?: number;
  readonly height?: number;
}

const BEST = "#d8434b";
const TRIED = "#2f81f7";
const right = { align: "right" as const };

const chosen = (history: readonly TrialLike[], task: string | undefined): readonly TrialLike[] =>
  task === undefined ? history : history.filter((t) => t.task === task);

/** Each candidate that was measured as a point, the best so far as a line. Candidates that failed are counted beneath. */
export function tuningCurve(history: readonly TrialLike[], o: TuningPlotOptions = {}): Plot {
  const trials = chosen(history, o.task);
  const speed = (ms: number): number => (o.flops === undefined ? ms : o.flops / ms / 1e6);
  const measured = trials.flatMap((t) => (t.measured === undefined ? [] : [{ ...t, measured: t.measured }]));
  const { shown, left } = take(measured, BOUNDS.points);
  let best = Number.POSITIVE_INFINITY;
  const points = shown.map((t) => {
    best = Math.min(best, t.measured);
    return finite({ trial: t.index + 1, y: speed(t.measured), best: speed(best) });
  });
  const failed = trials.length - measured.length;
  const notes = [
    failed > 0 && `${count(failed, "candidate")} could not be measured`,
    left > 0 && `${count(left, "more candidate")} left out`,
  ];
  const title = o.flops === undefined ? "ms" : "GFLOP/s";
  const x = {
    field: "trial",
    type: "quantitative",
    title: "candidate",
    axis: { tickMinStep: 1, format: "d" },
  };
  const y = {
    type: "quantitative",
    title,
    scale: { type: o.flops === undefined ? "log" : "linear", nice: true },
  };
  const base = o.baseline === undefined ? undefined : speed(o.baseline);
  const spec = {
    ...heading(o.title ?? "Search", notes.filter(Boolean).join("; ") || undefined),
    width: o.width ?? 460,
    height: o.height ?? 220,
    data: { values: points },
    layer: [
      {
        mark: { type: "point", filled: true, size: 28, opacity: 0.55, color: TRIED },
        encoding: { x, y: { field: "y", ...y } },
      },
      {
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2, color: BEST },
        encoding: { x, y: { field: "best", ...y } },
      },
      ...(base === undefined || !Number.isFinite(base)
        ? []
        : [
            {
              mark: { type: "rule", strokeDash: [4, 3], color: INK },
              encoding: { y: { datum: base, ...y } },
            },
          ]),
    ],
  };
  const improved = shown.filter((_, i) => i === 0 || points[i].best !== points[i - 1].best);
  const text = textTable(
    [
      { title: "candidate", ...right },
      { title: "best", ...right },
      { title: title === "ms" ? "" : title, ...right },
    ],
    improved.map((t) => [
      String(t.index + 1),
      duration(t.measured),
      title === "ms" ? "" : num(speed(t.measured), 3),
    ]),
  );
  return new Plot(spec, [text, ...notes.filter((n) => n !== false)].join("\n"));
}

/** Where one candidate stands between expectation and measurement, in milliseconds. */
export interface Expectation {
  readonly trial: number;
  readonly predicted: number;
  readonly measured: number;
}

/** The candidates that the cost model had an expectation of: the JSON twin of `predictedPlot`. */
export function expectations(history: readonly TrialLike[]): Expectation[] {
  return history.flatMap(({ index, predicted, measured }) =>
    predicted === undefined || measured === undefined ? [] : [{ trial: index + 1, predicted, measured }],
  );
}

/** How often the model ranks two candidates as the measurement does: 1 always, 0.5 is chance. NaN of fewer than two. */
export function rankAgreement(all: readonly Expectation[]): number {
  let [right, pairs] = [0, 0];
  for (const [i, a] of all.entries())
    for (const b of all.slice(i + 1)) {
      const order = Math.sign(a.measured - b.measured);
      if (order === 0) continue;
      pairs++;
      const guess = Math.sign(a.predicted - b.predicted);
      right += guess === order ? 1 : guess === 0 ? 0.5 : 0;
    }
  return right / pairs;
}

/** Predicted against measured times; on the line the model was right. */
export function predictedPlot(history: readonly TrialLike[], o: TuningPlotOptions = {}): Plot {
  const { shown, left } = take(expectations(chosen(history, o.task)), BOUNDS.points);
  const ends = shown.flatMap((e) => [e.predicted, e.measured]).filter((x) => x > 0);
  // Logarithmic axes of nothing would end at NaN.
  const [low, high] = ends.length > 0 ? [Math.min(...ends) / 1.1, Math.max(...ends) * 1.1] : [0.1, 10];
  const agreement = rankAgreement(shown.slice(0, 500));
  const notes = [
    shown.length === 0 && "no candidate that was predicted has been measured",
    Number.isFinite(agreement) && `pairs ranked as measured: ${Math.round(100 * agreement)} %`,
    left > 0 && `${count(left, "more candidate")} left out`,
  ].filter(Boolean);
  const axis = (title: string) => ({
    type: "quantitative",
    title,
    scale: { type: "log", nice: false, domain: [low, high] },
  });
  const spec = {
    ...heading(o.title ?? "Predicted against measured", notes.join("; ") || undefined),
    width: o.width ?? 280,
    height: o.height ?? 280,
    layer: [
      {
        data: {
          values:
            ends.length > 0
              ? [
                  { x: low, y: low },
                  { x: high, y: high },
                ]
              : [],
        },
        mark: { type: "line", strokeDash: [4, 3], color: INK },
        encoding: {
          x: { field: "x", ...axis("measured (ms)") },
          y: { field: "y", ...axis("predicted (ms)") },
        },
      },
      {
        data: { values: shown.map((e) => finite({ x: e.measured, y: e.predicted, trial: e.trial })) },
        mark: { type: "point", filled: true, size: 36, opacity: 0.7 },
        encoding: {
          x: { field: "x", ...axis("measured (ms)") },
          y: { field: "y", ...axis("predicted (ms)") },
          color: { field: "trial", type: "quantitative", title: "candidate", scale: { scheme: "viridis" } },
        },
      },
    ],
  };
  const text = textTable(
    ["candidate", "predicted", "measured"].map((title) => ({ title, ...right })),
    shown.slice(-20).map((e) => [String(e.trial), duration(e.predicted), duration(e.measured)]),
  );
  return new Plot(spec, [...notes, text].join("\n"));
}

/** One draw of the space: the values that were tried, in order, and which the best candidate has. */
export interface SpaceAxis {
  readonly name: string;
  readonly values: readonly string[];
  readonly best: string;
}

/** The draws of a space as axes: the JSON twin of `spacePlot`. Draws at which only one value was tried are left out. */
export function spaceAxes(history: readonly TrialLike[]): SpaceAxis[] {
  const { best, columns } = lines(history);
  return columns.map(({ name, values }, i) => ({ name, values, best: best?.cells[i] ?? "" }));
}

interface Line {
  readonly trial: TrialLike & { readonly measured: number };
  readonly cells: readonly (string | undefined)[];
}

/**
 * Candidates have the same draws as long as they come from the same alternative of the space; those that lack a draw have
 * a gap there. A draw is told by its kind and its place among those of its kind.
 */
function lines(history: readonly TrialLike[]): {
  all: readonly Line[];
  best?: Line;
  columns: readonly { name: string; values: readonly string[] }[];
} {
  const measured = history.flatMap((t) => (t.measured === undefined ? [] : [{ ...t, measured: t.measured }]));
  const seen = new Map<string, Map<string, number[]>>();
  const cells = measured.map((t) => {
    const places = new Map<string, number>();
    return new Map(
      t.decisions.map(({ primitive, decision }) => {
        const place = (places.get(primitive) ?? 0) + 1;
        places.set(primitive, place);
        const [name, value] = [`${primitive} ${place}`, caption(JSON.stringify(decision), 32)];
        const values = seen.get(name) ?? new Map<string, number[]>();
        seen.set(name, values.set(value, sortKey(decision)));
        return [name, value] as const;
      }),
    );
  });
  const columns = [...seen]
    .filter(([, values]) => values.size > 1)
    .slice(0, AXES)
    .map(([name, values]) => ({
      name,
      values: [...values].sort(([, a], [, b]) => compareKeys(a, b)).map(([value]) => value),
    }));
  const all = measured.map((trial, i) => ({ trial, cells: columns.map((c) => cells[i].get(c.name)) }));
  const best = all.reduce<Line | undefined>(
    (a, b) => (a && a.trial.measured <= b.trial.measured ? a : b),
    undefined,
  );
  return { all, columns, ...(best ? { best } : {}) };
}

/** More draws than this cannot be read side by side. */
const AXES = 14;

/** Innermost factors first: they decide most. */
const sortKey = (decision: unknown): number[] =>
  (Array.isArray(decision) ? [...decision].reverse() : [decision]).map((x) =>
    typeof x === "number" ? x : 0,
  );

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = (a[i] ?? 0) - (b[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/**
 * Where candidates lie in the space: an upright axis for each draw with the values that were tried, a line through its
 * values for each candidate, the faster the darker; the best one is red.
 */
export function spacePlot(history: readonly TrialLike[], o: TuningPlotOptions = {}): Plot {
  const { all, best, columns } = lines(chosen(history, o.task));
  const { shown, left } = take(all, Math.floor(BOUNDS.points / Math.max(1, columns.length)));
  const fastest = best?.trial.measured ?? 1;
  const height = (column: number, value: string): number => {
    const { values } = columns[column];
    return values.length < 2 ? 0.5 : values.indexOf(value) / (values.length - 1);
  };
  const points = (line: Line) =>
    line.cells.flatMap((value, i) =>
      value === undefined
        ? []
        : [
            finite({
              axis: columns[i].name,
              at: height(i, value),
              value,
              trial: line.trial.index + 1,
              share: fastest / line.trial.measured,
            }),
          ],
    );
  const names = columns.map((c) => c.name);
  const x = {
    field: "axis",
    type: "nominal",
    sort: names,
    scale: { domain: names },
    title: null,
    axis: { labelAngle: -30 },
  };
  const y = { field: "at", type: "quantitative", title: null, axis: null, scale: { domain: [-0.06, 1.06] } };
  const ends = columns.flatMap(({ name, values }) => [
    { axis: name, at: -0.05, value: values[0] },
    { axis: name, at: 1.05, value: values[values.length - 1] },
  ]);
  const notes = [
    best && `best: candidate ${best.trial.index + 1}, ${duration(best.trial.measured)}`,
    left > 0 && `${count(left, "more candidate")} left out`,
  ].filter((n) => typeof n === "string");
  const label = { type: "text", fontSize: 9 };
  const spec = {
    ...heading(o.title ?? "Candidates in the space", notes.join("; ") || undefined),
    width: o.width ?? Math.max(260, 90 * columns.length),
    height: o.height ?? 260,
    layer: [
      {
        data: { values: shown.flatMap(points) },
        mark: { type: "line", strokeWidth: 1, opacity: 0.45, aria: false },
        encoding: {
          x,
          y,
          detail: { field: "trial" },
          color: {
            field: "share",
            type: "quantitative",
            title: "of the best's speed",
            scale: { scheme: "blues", domain: [0, 1] },
          },
        },
      },
      {
        data: { values: best ? points(best) : [] },
        layer: [
          {
            mark: {
              type: "line",
              strokeWidth: 2.5,
              color: BEST,
              aria: false,
              point: { color: BEST, aria: false },
            },
            encoding: { x, y },
          },
          {
            mark: { ...label, align: "left", dx: 6, color: BEST, fontWeight: "bold" },
            encoding: { x, y, text: { field: "value" } },
          },
        ],
      },
      { data: { values: ends }, mark: label, encoding: { x, y, text: { field: "value" } } },
    ],
  };
  const text = textTable(
    [{ title: "draw" }, { title: "values tried", ...right }, { title: "best" }],
    columns.map(({ name, values }, i) => [
      name,
      String(values.length),
      cut(best?.cells[i] ?? "", BOUNDS.label),
    ]),
  );
  return new Plot(spec, [...notes, text].join("\n"));
}
