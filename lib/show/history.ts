/** A schedule's history: each step a fold that opens to its diff. No script is needed to open it. */
import type { Estimate } from "../runtime/estimate.ts";
import { blockGraphs } from "./block-graph.ts";
import { graphsHtml } from "./block-graph-svg.ts";
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { diffHtml, statsHtml, statsText } from "./diff-view.ts";
import type { MimeBundle } from "./display.ts";
import { estimateHtml, estimateLine, estimates, size, work } from "./estimate-view.ts";
import { renderTokens, tokensOf } from "./highlight.ts";
import { EMPTY, type Html, html, markup, plain } from "./html.ts";
import { loopTrees } from "./loop-tree.ts";
import { loopTreeSvg } from "./loop-tree-svg.ts";
import { duration, num } from "./number.ts";
import { programHtml, programText } from "./program.ts";
import { historyDiffs, type ScheduleLike, type StepDiff, type StepLike } from "./steps.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable } from "./table.ts";
import { changesHtml, changesLine } from "./tree-diff.ts";

/** The graph of a program with more blocks than this is drawn only when asked for. */
const GRAPH = 16;
/** Steps beyond this number show their changes without the unchanged rest of the program. */
const WHOLE = 12;
/** A changed line takes at least this many characters of markup: what cannot fit need not be drawn. */
const ROW_SIZE = 200;

/** The strip of steps as markup, and how many of them were left without their diff for lack of room. */
function historyHtml(steps: readonly StepLike[]): Html {
  let room: number = BOUNDS.html;
  let without = 0;
  const items = historyDiffs(steps).map((s, i) => {
    const changed = s.stats.added + s.stats.removed + s.stats.moved;
    const tooLarge = changed * ROW_SIZE > room;
    const body = tooLarge ? EMPTY : stepBody(s, steps.length <= WHOLE);
    const size = body.toString().length;
    const fits = !tooLarge && size <= room;
    if (fits) room -= size;
    else without++;
    // The newest step is what the reader has just done: its diff is open.
    const open = i === steps.length - 1 && fits ? markup(" open") : EMPTY;
    return html`<details class="tw-step"${open}><summary><span class="tw-no">${s.index}</span> <code>${callHtml(s.call)}</code> ${statsHtml(s.stats)} <span class="tw-stat tw-dim">${duration(s.ms)}</span>${didHtml(s)}</summary>${
      fits ? body : html`<p class="tw-note">This diff was left out: the display would be too large.</p>`
    }</details>`;
  });
  return html`${items}${without > 0 && html`<p class="tw-note">The diffs of ${count(without, "step")} were left out: the display would be too large.</p>`}`;
}

const bodies = new WeakMap<StepDiff["rows"], Map<boolean, Html>>();

/** The rows are kept with the step; so is their markup. */
function stepBody(s: StepDiff, keepUnchanged: boolean): Html {
  let of = bodies.get(s.rows);
  if (!of) bodies.set(s.rows, (of = new Map()));
  let body = of.get(keepUnchanged);
  if (!body) {
    const list = s.changes.length > 2 && changesHtml(s.changes);
    body = html`${list}${diffHtml(s.rows, { context: 2, keepUnchanged })}`;
    of.set(keepUnchanged, body);
  }
  return body;
}

/** Under the call: what it did, and what that did to the estimate. */
function didHtml(s: StepDiff): Html | false {
  const said = changesLine(s.changes);
  const cost = costText(s);
  if (!said && !cost) return false;
  return html`<div class="tw-did">${said}${cost && html` <span class="tw-stat">${cost}</span>`}</div>`;
}

/** `moves 16.2 MiB → 9.25 MiB`, when that is so. */
function costText(s: StepDiff): string {
  if (!s.estimate) return "";
  const { before, after } = s.estimate;
  const parts: string[] = [];
  const [p, q] = [before, after].map((e) => size(e.moved));
  if (p !== q) parts.push(`moves ${p} → ${q}`);
  if (before.flops !== after.flops && before.flops !== undefined && after.flops !== undefined)
    parts.push(`${work(before.flops)} → ${work(after.flops)}`);
  return parts.join(", ");
}

const ESTIMATE_COLUMNS: readonly Column[] = [
  { title: "step", align: "right" },
  { title: "primitive" },
  { title: "FLOPs", align: "right" },
  { title: "moved", align: "right" },
  { title: "FLOP/B", align: "right" },
];

/** The estimate after each step that has one, the start first. */
function estimateRows(diffs: readonly StepDiff[]): string[][] {
  const cells = (e: Estimate): string[] => [
    e.flops === undefined ? "unknown" : work(e.flops),
    size(e.moved),
    e.intensity === undefined ? "" : num(e.intensity, 3),
  ];
  const first = diffs.find((d) => d.estimate)?.estimate;
  const steps = diffs.flatMap((d) =>
    d.estimate ? [[String(d.index), d.primitive, ...cells(d.estimate.after)]] : [],
  );
  return first ? [["0", "", ...cells(first.before)], ...steps] : steps;
}

function estimateSection(s: ScheduleLike): Html {
  const now = estimates(s.mod);
  const several = now.length > 1;
  const { shown, left } = take(estimateRows(historyDiffs(s.history)), BOUNDS.treeNodes);
  const steps =
    shown.length > 0 &&
    html`<details class="tw-more"><summary>after each step</summary>${htmlTable(ESTIMATE_COLUMNS, shown)}${left > 0 && html`<p class="tw-note">… ${count(left, "more step")} left out</p>`}</details>`;
  const line = several ? count(now.length, "function") : estimateLine(now[0]);
  return html`<details class="tw-more"><summary>Estimate: <span class="tw-dim">${line}</span></summary>${now.slice(0, 20).map((e) => estimateHtml(e, several))}${steps}</details>`;
}

const callHtml = (call: string): Html => renderTokens(tokensOf(cut(plain(call), 200), "typescript"));

/** The bundle of a schedule: the program as it is now, its loop tree, and every step that led there. */
export function scheduleBundle(s: ScheduleLike): MimeBundle {
  const n = s.history.length;
  const functions = Object.keys(s.mod.funcs);
  const head = html`<p class="tw-head"><b>Schedule</b> of <code>${cut(functions.join(", "), 200)}</code> <span class="tw-dim">${count(n, "step")}</span></p>`;
  const steps = n > 0 && html`<div>${historyHtml(s.history)}</div>`;
  const program = html`<details class="tw-more"${n === 0 ? markup(" open") : EMPTY}><summary>Program now</summary>${programHtml(s.mod)}</details>`;
  const trees = loopTrees(s.mod).map((t) => html`<div>${loopTreeSvg(t)}</div>`);
  const graphs = blockGraphs(s.mod);
  const drawn = graphs.reduce((n, g) => n + g.blocks.length, 0) <= GRAPH;
  const blocks = drawn ? graphsHtml(graphs) : html`<p class="tw-note">${`graph(sch.mod) draws them.`}</p>`;
  const graph = html`<details class="tw-more"><summary>Blocks and buffers</summary>${blocks}</details>`;
  const tree = html`<details class="tw-more"><summary>Loop tree</summary>${trees}</details>`;
  return {
    "text/plain": scheduleText(s),
    "text/html": frame(
      ["steps", "table"],
      html`${head}${steps}${program}${tree}${graph}${estimateSection(s)}`,
    ),
  };
}

function scheduleText(s: ScheduleLike): string {
  const diffs = historyDiffs(s.history);
  const steps = diffs.map((d) => {
    const did = [changesLine(d.changes, 3), costText(d)].filter((t) => t !== "");
    const call = `${String(d.index).padStart(3)}  ${cut(plain(d.call), 200)}   ${statsText(d.stats)}   ${duration(d.ms)}`;
    return [call, ...did.map((t) => `       ${t}`)].join("\n");
  });
  return boundText(
    [
      `Schedule of ${plain(Object.keys(s.mod.funcs).join(", "))}, ${count(s.history.length, "step")}`,
      ...steps,
      "",
      programText(s.mod),
      "",
      ...estimates(s.mod).map((e) => `Estimate of ${plain(e.func)}: ${estimateLine(e)}`),
    ].join("\n"),
  );
}
