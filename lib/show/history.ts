/** A schedule's history: each step a fold that opens to its diff. No script is needed to open it. */
import type { IRModule } from "../ir/index.ts";
import { BOUNDS, boundText, count, cut } from "./bounds.ts";
import { type DiffRow, type DiffStats, diffStats, programDiff } from "./diff.ts";
import { diffHtml, statsHtml, statsText } from "./diff-view.ts";
import type { MimeBundle } from "./display.ts";
import { renderTokens, tokensOf } from "./highlight.ts";
import { EMPTY, type Html, html, markup, plain } from "./html.ts";
import { loopTrees } from "./loop-tree.ts";
import { loopTreeSvg } from "./loop-tree-svg.ts";
import { duration } from "./number.ts";
import { programHtml, programText } from "./program.ts";
import { frame } from "./style.ts";

/** One step as a schedule records it. */
export interface StepLike {
  /** 1 for the first. */
  readonly index: number;
  readonly primitive: string;
  /** As the reader would write it: `const [j_0, j_1] = sch.split(j, [null, 8]);`. */
  readonly call: string;
  readonly before: IRModule;
  readonly after: IRModule;
  /** How long the primitive took. */
  readonly ms: number;
}

export interface ScheduleLike {
  readonly mod: IRModule;
  readonly history: readonly StepLike[];
}

/** One step with what it changed: the JSON twin of the strip. */
export interface StepDiff {
  readonly index: number;
  readonly primitive: string;
  readonly call: string;
  readonly ms: number;
  readonly stats: DiffStats;
  readonly rows: readonly DiffRow[];
}

export function historyDiffs(steps: readonly StepLike[]): StepDiff[] {
  return steps.map(({ index, primitive, call, ms, before, after }) => {
    const rows = programDiff(before, after);
    return { index, primitive, call, ms, stats: diffStats(rows), rows };
  });
}

/** Steps beyond this number show their changes without the unchanged rest of the program. */
const WHOLE = 12;
/** A changed line takes at least this many characters of markup: what cannot fit need not be drawn. */
const ROW_SIZE = 200;

/** The strip of steps as markup, and how many of them were left without their diff for lack of room. */
export function historyHtml(steps: readonly StepLike[]): Html {
  let room: number = BOUNDS.html;
  let without = 0;
  const items = historyDiffs(steps).map((s, i) => {
    const changed = s.stats.added + s.stats.removed + s.stats.moved;
    const tooLarge = changed * ROW_SIZE > room;
    const body = tooLarge ? EMPTY : diffHtml(s.rows, { context: 2, keepUnchanged: steps.length <= WHOLE });
    const size = body.toString().length;
    const fits = !tooLarge && size <= room;
    if (fits) room -= size;
    else without++;
    // The newest step is what the reader has just done: its diff is open.
    const open = i === steps.length - 1 && fits ? markup(" open") : EMPTY;
    return html`<details class="tw-step"${open}><summary><span class="tw-no">${s.index}</span> <code>${callHtml(s.call)}</code> ${statsHtml(s.stats)} <span class="tw-stat tw-dim">${duration(s.ms)}</span></summary>${
      fits ? body : html`<p class="tw-note">This diff was left out: the display would be too large.</p>`
    }</details>`;
  });
  return html`${items}${without > 0 && html`<p class="tw-note">The diffs of ${count(without, "step")} were left out: the display would be too large.</p>`}`;
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
  const tree = html`<details class="tw-more"><summary>Loop tree</summary>${trees}</details>`;
  return {
    "text/plain": scheduleText(s),
    "text/html": frame(["steps"], html`${head}${steps}${program}${tree}`),
  };
}

export function scheduleText(s: ScheduleLike): string {
  const steps = historyDiffs(s.history).map(
    (d) =>
      `${String(d.index).padStart(3)}  ${cut(plain(d.call), 200)}   ${statsText(d.stats)}   ${duration(d.ms)}`,
  );
  return boundText(
    [
      `Schedule of ${plain(Object.keys(s.mod.funcs).join(", "))}, ${count(s.history.length, "step")}`,
      ...steps,
      "",
      programText(s.mod),
    ].join("\n"),
  );
}
