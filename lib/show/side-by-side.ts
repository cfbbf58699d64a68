/** Two schedules (or programs) next to each other: what they are, what they cost, how they came about. */

import { blocksIn, type IRModule, irModule, loopsIn, type PrimFunc } from "../ir/index.ts";
import { estimate } from "../runtime/estimate.ts";
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { diffStats, programDiff } from "./diff.ts";
import { diffHtml, statsText } from "./diff-view.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { size, work } from "./estimate-view.ts";
import { renderTokens, tokensOf } from "./highlight.ts";
import { type Html, html, plain } from "./html.ts";
import { type Program, tensorPrograms } from "./lines.ts";
import { loopTrees } from "./loop-tree.ts";
import { loopTreeSvg } from "./loop-tree-svg.ts";
import { duration, num, ratio } from "./number.ts";
import { programHtml } from "./program.ts";
import type { ScheduleLike } from "./steps.ts";
import { structuralDiff } from "./structural-diff.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable, textTable } from "./table.ts";
import type { TimingLike } from "./timing.ts";
import { changesHtml, changesLine } from "./tree-diff.ts";

export interface SideBySideOptions {
  /** Headings (`A` and `B`). */
  readonly names?: readonly [string, string];
  /** Measured times of the two; compared when given. */
  readonly timings?: readonly [TimingLike, TimingLike];
  /** Bytes of the cache of the estimate (32 KiB). */
  readonly cache?: number;
}

/** What is known of one of the two. FLOPs and bytes are summed over the functions. */
export interface SideSummary {
  readonly name: string;
  /** Calls that made it; absent for a program that has no history. */
  readonly calls?: readonly string[];
  readonly blocks: number;
  readonly loops: number;
  readonly flops?: number;
  readonly moved: number;
  readonly intensity?: number;
  /** Milliseconds. */
  readonly median?: number;
}

/** A program, or a schedule at its present state. */
export type Side = Program | ScheduleLike;

export const programOf = (x: Side): Program => ("history" in x ? x.mod : x);

/** Two programs to be compared: of modules of one function each the functions, whatever they are called. */
export function comparable(a: Side, b: Side): [Program, Program] {
  const [p, q] = [programOf(a), programOf(b)];
  const [fs, gs] = [functionsOf(p), functionsOf(q)];
  return fs.length === 1 && gs.length === 1 ? [fs[0], gs[0]] : [p, q];
}

/** The module to generate code from. Throws a TypeError for a graph-level function, which has no code of its own. */
export function moduleOf(p: Program): IRModule {
  if (p.kind === "graphFunc")
    throw new TypeError("a graph-level function has no code of its own; give a tensor program");
  return p.kind === "primFunc" ? irModule({ main: p }) : p;
}

const functionsOf = (p: Program): PrimFunc[] => tensorPrograms(p).map(([, f]) => f);

/** The numbers of one side: the JSON twin. */
export function sideSummary(
  x: Side,
  name: string,
  o: { cache?: number; timing?: TimingLike } = {},
): SideSummary {
  const funcs = functionsOf(programOf(x));
  const costs = funcs.map((f) => estimate(f, o.cache === undefined ? {} : { cache: o.cache }));
  const flops = costs.reduce<number | undefined>(
    (n, c) => (n === undefined || c.flops === undefined ? undefined : n + c.flops),
    0,
  );
  const moved = costs.reduce((n, c) => n + c.moved, 0);
  return {
    name,
    ...("history" in x ? { calls: x.history.map((s) => s.call) } : {}),
    blocks: funcs.reduce((n, f) => n + blocksIn(f.body).length - 1, 0),
    loops: funcs.reduce((n, f) => n + loopsIn(f.body).length, 0),
    ...(flops === undefined ? {} : { flops }),
    moved,
    ...(flops === undefined || !(moved > 0) ? {} : { intensity: flops / moved }),
    ...(o.timing ? { median: o.timing.median } : {}),
  };
}

/** Two schedules or programs side by side: numbers, steps, loops, and the difference. */
export function sideBySide(
  a: Side,
  b: Side,
  o: SideBySideOptions = {},
): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => {
    const names = o.names ?? ["A", "B"];
    const sides = [a, b].map((x, n) =>
      sideSummary(x, names[n], {
        ...(o.cache === undefined ? {} : { cache: o.cache }),
        ...(o.timings ? { timing: o.timings[n] } : {}),
      }),
    );
    const [p, q] = comparable(a, b);
    const changes = structuralDiff(p, q);
    const diffRows = programDiff(p, q);
    const title = `from ${cut(names[0], BOUNDS.label)} to ${cut(names[1], BOUNDS.label)}`;
    const difference = html`<details class="tw-more"><summary>Difference ${title}: <span class="tw-dim">${statsText(diffStats(diffRows))}</span></summary>${changesHtml(changes)}${diffHtml(diffRows, { context: 2 })}</details>`;
    const columns = [a, b].map((x, n) => column(x, sides[n]));
    const table = htmlTable(columnsOf(sides), compareRows(sides));
    return {
      "text/plain": sideText(sides, `${title}: ${changesLine(changes, 6) || "no change"}`),
      "text/html": frame(
        ["steps", "table", "sides"],
        html`${table}<div class="tw-sides">${columns}</div>${difference}`,
      ),
    };
  });
}

const columnsOf = (sides: readonly SideSummary[]): Column[] => [
  { title: "" },
  ...sides.map((s): Column => ({ title: cut(s.name, BOUNDS.label), align: "right" })),
  { title: "ratio", align: "right" },
];

/** What is compared, the ratio being the first by the second. */
function compareRows([a, b]: readonly SideSummary[]): string[][] {
  const row = (
    title: string,
    f: (s: SideSummary) => number | undefined,
    show: (n: number) => string,
  ): string[][] => {
    const [x, y] = [f(a), f(b)];
    if (x === undefined || y === undefined) return [];
    return [[title, show(x), show(y), x === y || y === 0 ? "" : ratio(x / y)]];
  };
  return [
    ...row("steps", (s) => s.calls?.length, String),
    ...row("blocks", (s) => s.blocks, String),
    ...row("loops", (s) => s.loops, String),
    ...row("FLOPs", (s) => s.flops, work),
    ...row("bytes moved", (s) => s.moved, size),
    ...row(
      "FLOP/B",
      (s) => s.intensity,
      (n) => num(n, 3),
    ),
    ...row("median time", (s) => s.median, duration),
  ];
}

/** Calls listed for a side. */
const CALLS = 30;

function column(x: Side, s: SideSummary): Html {
  const { shown, left } = take(s.calls ?? [], CALLS);
  const calls = shown.map(
    (c) => html`<li><code>${renderTokens(tokensOf(cut(plain(c), 200), "typescript"))}</code></li>`,
  );
  const steps =
    s.calls &&
    html`<ol class="tw-calls">${calls}</ol>${left > 0 && html`<p class="tw-note">… ${count(left, "more step")}</p>`}`;
  return html`<div class="tw-side"><p class="tw-head"><b>${cut(s.name, BOUNDS.label)}</b></p>${steps}${programFolds(programOf(x), true)}</div>`;
}

/** Loop tree and script of a program, each to be opened. */
export function programFolds(p: Program, treeOpen: boolean): Html {
  const trees = loopTrees(p).map((t) => html`<div>${loopTreeSvg(t)}</div>`);
  const open = treeOpen && html` open`;
  return html`<details class="tw-more"${open}><summary>Loop tree</summary>${trees}</details><details class="tw-more"><summary>Program</summary>${programHtml(p)}</details>`;
}

function sideText(sides: readonly SideSummary[], difference: string): string {
  const calls = sides.flatMap((s) =>
    s.calls ? [`${s.name}:`, ...take(s.calls, CALLS).shown.map((c) => `  ${cut(c, 200)}`)] : [],
  );
  return boundText(plain([textTable(columnsOf(sides), compareRows(sides)), ...calls, difference].join("\n")));
}
