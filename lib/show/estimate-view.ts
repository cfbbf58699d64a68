/** Estimates as tables: work, traffic, and what each loop touches. The model stands in lib/runtime/estimate.ts. */
import { type Estimate, type EstimateOptions, estimate } from "../runtime/estimate.ts";
import { BOUNDS, count, cut, take } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Hole, type Html, html, plain } from "./html.ts";
import { type Program, tensorPrograms } from "./lines.ts";
import { bytes, num } from "./number.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

/** The estimate of one function of a program: the JSON twin. */
export interface FunctionEstimate extends Estimate {
  readonly func: string;
}

/** Estimates of the functions of a program. */
export function estimates(x: Program, o: EstimateOptions = {}): FunctionEstimate[] {
  return tensorPrograms(x).map(([func, f]) => ({ func, ...estimate(f, o) }));
}

/** What a program costs, estimated: FLOPs, bytes moved, arithmetic intensity, and the working set of each loop. */
export function estimateTable(
  x: Program,
  o: EstimateOptions = {},
): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => {
    const all = estimates(x, o);
    return {
      "text/plain": all.map((e) => estimateText(e, all.length > 1)).join("\n\n"),
      "text/html": frame(["table"], html`${all.map((e) => estimateHtml(e, all.length > 1))}`),
    };
  });
}

/** `4.21 MFLOP · moves 9.25 MiB · 0.434 FLOP/B`. */
export function estimateLine(e: Estimate): string {
  const parts = [
    e.flops === undefined ? undefined : work(e.flops),
    `moves ${size(e.moved)}`,
    e.intensity === undefined || e.flops === 0 ? undefined : `${num(e.intensity, 3)} FLOP/B`,
  ];
  return parts.filter((p) => p !== undefined).join(" · ");
}

/** A number of operations: `4.21 MFLOP`. */
export function work(flops: number): string {
  let x = flops;
  for (const unit of ["FLOP", "kFLOP", "MFLOP", "GFLOP"]) {
    if (x < 1000) return `${Number(x.toPrecision(3))} ${unit}`;
    x /= 1000;
  }
  return `${Number(x.toPrecision(3))} TFLOP`;
}

/** Bytes; unknown where a size is symbolic. */
export const size = (n: number): string => (Number.isFinite(n) ? bytes(n) : "unknown");

const COLUMNS: readonly Column[] = [
  { title: "loop" },
  { title: "extent", align: "right" },
  { title: "iterations", align: "right" },
  { title: "one iteration touches", align: "right" },
  { title: "the whole loop", align: "right" },
];

const whole = (n: number): string => (Number.isFinite(n) ? Math.round(n).toLocaleString("en-US") : "unknown");

function rows(e: Estimate): {
  shown: readonly (readonly string[])[];
  left: number;
  fits: readonly boolean[];
} {
  const { shown, left } = take(e.loops, BOUNDS.treeNodes);
  const cells = shown.map((l) => [
    `${"  ".repeat(l.depth)}${cut(l.name, BOUNDS.label)}`,
    whole(l.extent),
    whole(l.iterations),
    size(l.workingSet),
    size(l.touched),
  ]);
  return { shown: cells, left, fits: shown.map((l) => l.workingSet <= e.cache) };
}

const summary = (e: Estimate): string =>
  `${estimateLine(e)} · touches ${size(e.touched)} · cache ${size(e.cache)}`;

const more = (left: number): string => `… ${count(left, "more loop")} left out`;

function estimateText(e: FunctionEstimate, named: boolean): string {
  const { shown, left } = rows(e);
  const lines = [`${named ? `${e.func}: ` : ""}${summary(e)}`];
  if (shown.length > 0) lines.push(textTable(COLUMNS, shown));
  if (left > 0) lines.push(more(left));
  return plain(lines.join("\n"));
}

/** One function's estimate as markup. */
export function estimateHtml(e: FunctionEstimate, named: boolean): Html {
  const { shown, left, fits } = rows(e);
  const cells = shown.map((r, n): Hole[] => {
    const name = r[0].trimStart();
    const blank = "\u00a0".repeat(r[0].length - name.length);
    const fit = fits[n] ? html`<span class="tw-green">${r[3]}</span>` : r[3];
    return [html`${blank}<code>${name}</code>`, r[1], r[2], fit, r[4]];
  });
  const table = shown.length > 0 && htmlTable(COLUMNS, cells);
  return html`<p class="tw-head">${named && html`<b>${cut(e.func, BOUNDS.label)}</b> `}${summary(e)}${e.loops.length > 0 && html` (<span class="tw-green">green</span> fits)`}</p>${table}${left > 0 && html`<p class="tw-note">${more(left)}</p>`}`;
}
