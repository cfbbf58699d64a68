/**
 * What a choice does to a program: every variant is made beforehand, and one picks among them without a script and
 * without a kernel. With a kernel a slider does the same live: `interact(({ f }) => explore([f], build, { from }), { f: [1, 64] })`.
 */
import { ScheduleError } from "../schedule/index.ts";
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { programDiff } from "./diff.ts";
import { diffHtml } from "./diff-view.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { estimateHtml, estimates, size, work } from "./estimate-view.ts";
import { type Html, html, plain } from "./html.ts";
import { hash } from "./motion.ts";
import { duration, num } from "./number.ts";
import {
  comparable,
  programFolds,
  programOf,
  type Side,
  type SideSummary,
  sideSummary,
} from "./side-by-side.ts";
import { structuralDiff } from "./structural-diff.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable, textTable } from "./table.ts";
import type { TimingLike } from "./timing.ts";
import { changesHtml, changesLine } from "./tree-diff.ts";

export interface ExploreOptions<V> {
  /** What is varied: `factor`. */
  readonly name?: string;
  /** What each variant is compared with; the first variant's start when it is a schedule with a history. */
  readonly from?: Side;
  /** The variant chosen at first (the first). */
  readonly chosen?: V;
  /** How a value is written. */
  readonly label?: (value: V) => string;
  /** A measured time of each variant, by index. */
  readonly timings?: readonly (TimingLike | undefined)[];
  /** Bytes of the cache of the estimate (32 KiB). */
  readonly cache?: number;
}

/** One variant: its numbers, or why there is none. The JSON twin. */
export type Variant = { readonly label: string } & (
  | { readonly summary: SideSummary; readonly changes: readonly string[] }
  | { readonly refused: string }
);

interface Built {
  readonly label: string;
  readonly side?: Side;
  readonly summary?: SideSummary;
  readonly refused?: string;
}

/** Variants beyond this number are left out. */
const VARIANTS = 24;

/**
 * Builds a schedule or program for each value and shows them to be picked from: changes, loop tree, estimate. A value
 * for which the schedule refuses is shown with the refusal; any other error is thrown.
 */
export function explore<V>(
  values: readonly V[],
  build: (value: V) => Side,
  o: ExploreOptions<V> = {},
): Displayable<MimeBundle> & { toString(): string; toJSON(): Variant[] } {
  if (values.length === 0) throw new RangeError("explore: give at least one value");
  const { shown, left } = take(values, VARIANTS);
  // Built once, at the call: an error belongs to the cell that made it.
  const built = shown.map((v, n) => variant(v, n, build, o));
  const origin = o.from ?? startOf(built);
  const chosen = Math.max(0, o.chosen === undefined ? 0 : shown.indexOf(o.chosen));
  const name = cut(o.name ?? "value", BOUNDS.label);
  const view = displayable(() => ({
    "text/plain": exploreText(built, origin, name, left),
    "text/html": frame(["steps", "table", "explore"], exploreHtml(built, origin, name, chosen, left, o)),
  }));
  return Object.assign(view, {
    toJSON: () =>
      built.map(
        (b): Variant =>
          b.side && b.summary
            ? { label: b.label, summary: b.summary, changes: origin ? said(origin, b.side) : [] }
            : { label: b.label, refused: b.refused ?? "" },
      ),
  });
}

function variant<V>(value: V, n: number, build: (value: V) => Side, o: ExploreOptions<V>): Built {
  const label = cut(
    o.label ? o.label(value) : typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)),
    40,
  );
  try {
    const side = build(value);
    const timing = o.timings?.[n];
    const options = { ...(o.cache === undefined ? {} : { cache: o.cache }), ...(timing ? { timing } : {}) };
    return { label, side, summary: sideSummary(side, label, options) };
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    return { label, refused: e.message };
  }
}

const startOf = (built: readonly Built[]): Side | undefined => {
  const first = built.find((b) => b.side)?.side;
  return first && "history" in first ? first.history[0]?.before : undefined;
};

const said = (from: Side, to: Side): string[] =>
  structuralDiff(...comparable(from, to)).map((c) => changesLine([c]));

function exploreHtml<V>(
  built: readonly Built[],
  origin: Side | undefined,
  name: string,
  chosen: number,
  left: number,
  o: ExploreOptions<V>,
): Html {
  const group = `tw-${hash(JSON.stringify([name, built.map((b) => [b.label, b.summary, b.refused])]))}`;
  const { cells, columns } = table(built, name);
  const all =
    built.length > 1 &&
    html`<details class="tw-more"><summary>All variants</summary>${htmlTable(columns, cells)}</details>`;
  let room: number = BOUNDS.html;
  const picks = built.map((b, n) => {
    const panel = panelOf(b, origin, o);
    const fits = panel.toString().length <= room;
    if (fits) room -= panel.toString().length;
    const body = fits
      ? panel
      : html`<p class="tw-note">This variant was left out: the display would be too large.</p>`;
    // One variant alone, as a slider shows it, needs no choice.
    if (built.length === 1)
      return html`<div class="tw-panel"><p class="tw-head"><b>${name} = ${b.label}</b></p>${body}</div>`;
    const checked = n === chosen && html` checked`;
    return html`<label class="tw-pick"><input type="radio" name="${group}"${checked}/> ${b.label}</label><div class="tw-panel"><p class="tw-head"><b>${name} = ${b.label}</b></p>${body}</div>`;
  });
  return html`<div class="tw-explore">${built.length > 1 && html`<span class="tw-pickname">${name}</span>`}${picks}</div>${left > 0 && html`<p class="tw-note">… ${count(left, "more value")} left out</p>`}${all}`;
}

function panelOf<V>(b: Built, origin: Side | undefined, o: ExploreOptions<V>): Html {
  if (!b.side) return html`<pre class="tw-code tw-red">${cut(plain(b.refused ?? ""), 4000)}</pre>`;
  const program = programOf(b.side);
  const costs = estimates(program, o.cache === undefined ? {} : { cache: o.cache });
  const estimate = costs.slice(0, 8).map((e) => estimateHtml(e, costs.length > 1));
  if (!origin) return html`${estimate}${programFolds(program, true)}`;
  const [from, to] = comparable(origin, b.side);
  const rows = programDiff(from, to);
  const diff = html`<details class="tw-more"><summary>Difference</summary>${diffHtml(rows, { context: 2 })}</details>`;
  return html`${changesHtml(structuralDiff(from, to), 12)}${estimate}${programFolds(program, true)}${diff}`;
}

/** All variants as a table; the smallest traffic and time are marked. */
function table(
  built: readonly Built[],
  name: string,
): { columns: Column[]; cells: Html[][]; plain: string[][] } {
  const measured = built.some((b) => b.summary?.median !== undefined);
  const columns: Column[] = [
    { title: name },
    { title: "loops", align: "right" },
    { title: "FLOPs", align: "right" },
    { title: "moved", align: "right" },
    { title: "FLOP/B", align: "right" },
    ...(measured ? [{ title: "median", align: "right" } as const] : []),
  ];
  const text = built.map((b) => {
    const s = b.summary;
    if (!s) return [b.label, "refused", "", "", "", ...(measured ? [""] : [])];
    return [
      b.label,
      String(s.loops),
      s.flops === undefined ? "" : work(s.flops),
      size(s.moved),
      s.intensity === undefined ? "" : num(s.intensity, 3),
      ...(measured ? [s.median === undefined ? "" : duration(s.median)] : []),
    ];
  });
  const best = (f: (s: SideSummary) => number | undefined): number =>
    Math.min(...built.flatMap((b) => (b.summary && f(b.summary) !== undefined ? [f(b.summary)!] : [])));
  const [moved, median] = [best((s) => s.moved), best((s) => s.median)];
  const cells = text.map((r, n) =>
    r.map((c, j) => {
      const s = built[n].summary;
      const marked = s && ((j === 3 && s.moved === moved) || (j === 5 && s.median === median));
      return marked ? html`<b class="tw-green">${c}</b>` : html`${c}`;
    }),
  );
  return { columns, cells, plain: text };
}

function exploreText(built: readonly Built[], origin: Side | undefined, name: string, left: number): string {
  const { columns, plain: rows } = table(built, name);
  const lines = built.flatMap((b) => {
    if (!b.side) return [`${name} = ${b.label}: refused: ${cut((b.refused ?? "").split("\n", 1)[0], 200)}`];
    return origin ? [`${name} = ${b.label}: ${said(origin, b.side).slice(0, 4).join("; ")}`] : [];
  });
  const more = left > 0 ? [`… ${count(left, "more value")} left out`] : [];
  return boundText(plain([textTable(columns, rows), ...lines, ...more].join("\n")));
}
