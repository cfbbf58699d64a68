/** What the passes did: a line for each with its time and the functions it changed, which opens to the difference. */
import type { PassRecord, PassRecorder, RecordFilter } from "../graph/recorder.ts";
import { type BaseFunc, irModule } from "../ir/index.ts";
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { type DiffRow, type DiffStats, diffStats, programDiff } from "./diff.ts";
import { diffHtml, statsHtml, statsText } from "./diff-view.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { EMPTY, type Html, html } from "./html.ts";
import { linesOf } from "./lines.ts";
import { duration } from "./number.ts";
import { frame } from "./style.ts";

/** What `PassRecorder.list` gives, and `find`. */
export interface PassesOptions extends RecordFilter {
  /** Only passes after which the printed program has this text and before which it had not. */
  readonly text?: string;
}

/** Functions of one pass that are compared; a pass that changes hundreds of programs alike is told by some. */
const FUNCTIONS = 12;
/** Longer programs are not compared line by line. */
const LINES = 3000;
/** A changed line takes at least this many characters of markup. */
const ROW_SIZE = 200;

interface Difference {
  readonly rows: readonly DiffRow[];
  readonly stats: DiffStats;
  /** Changed functions that are not among the rows. */
  readonly left: number;
}

const known = new WeakMap<PassRecord, Difference>();

/** The difference that a pass made, of the functions it changed alone. */
export function passDiff(r: PassRecord): Difference {
  let d = known.get(r);
  if (!d) known.set(r, (d = compute(r)));
  return d;
}

function compute(r: PassRecord): Difference {
  const { shown, left } = take(r.functions, FUNCTIONS);
  const pick = (funcs: Readonly<Record<string, BaseFunc>>) =>
    irModule(Object.fromEntries(shown.flatMap((n) => (funcs[n] ? [[n, funcs[n]]] : []))));
  const [a, b] = [pick(r.before.funcs), pick(r.after.funcs)];
  const tooLong = linesOf(a).length + linesOf(b).length > LINES;
  const rows = tooLong || shown.length === 0 ? [] : programDiff(a, b);
  return { rows, stats: diffStats(rows), left: tooLong ? r.functions.length : left };
}

/** The passes, to be shown. Those that changed nothing are left out with `changedOnly`. */
export function passesView(
  recorder: PassRecorder,
  o: PassesOptions = {},
): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => passesBundle(recorder, o));
}

export function passesBundle(recorder: PassRecorder, o: PassesOptions = {}): MimeBundle {
  const { text } = o;
  const found = text === undefined ? undefined : new Set(recorder.find(text, (m) => m.script()));
  const records = recorder.list(o).filter((r) => !found || found.has(r));
  const head = `${count(records.length, "pass", "passes")}, ${duration(records.reduce((n, r) => n + r.ms, 0))}`;
  return {
    "text/plain": boundText([head, ...records.map(lineOf)].join("\n")),
    "text/html": frame(["diff"], html`<p class="tw-head">${head}</p>${strip(records)}`),
  };
}

const names = (r: PassRecord): string => {
  const { shown, left } = take(r.functions, 4);
  return cut(shown.join(", ") + (left > 0 ? `, … ${left} more` : ""), 120);
};

function lineOf(r: PassRecord): string {
  const what = r.changed ? `${statsText(passDiff(r).stats)}  ${names(r)}` : "nothing changed";
  return `${String(r.index).padStart(3)}  ${r.name.padEnd(24)} ${duration(r.ms).padStart(9)}  ${what}`;
}

function strip(records: readonly PassRecord[]): Html {
  let room: number = BOUNDS.html * 0.9;
  const slowest = Math.max(...records.map((r) => r.ms), 1e-9);
  const items = records.map((r) => {
    const { rows, stats, left } = passDiff(r);
    const changed = stats.added + stats.removed + stats.moved;
    const fits = changed * ROW_SIZE <= room;
    const body = r.changed && fits ? diffHtml(rows, { context: 2, keepUnchanged: false }) : EMPTY;
    room -= body.toString().length;
    const bar = html`<span style="display:inline-block;height:8px;width:${Math.max(1, Math.round((60 * r.ms) / slowest))}px;background:var(--tw-blue,#2f81f7);opacity:.5;border-radius:2px"></span>`;
    const time = html`<span class="tw-stat tw-dim">${duration(r.ms)}</span> ${bar}`;
    const title = html`<span class="tw-no">${r.index}</span> <code>${r.name}</code>`;
    if (!r.changed)
      return html`<div class="tw-step">${title} <span class="tw-stat tw-dim">nothing changed</span> ${time}</div>`;
    const more = left > 0 && html`<p class="tw-note">${count(left, "more function")} changed</p>`;
    const note =
      !fits && html`<p class="tw-note">This difference was left out: the display would be too large.</p>`;
    return html`<details class="tw-step"><summary>${title} ${statsHtml(stats)} <span class="tw-stat tw-dim">${names(r)}</span> ${time}</summary>${body}${note}${more}</details>`;
  });
  return html`${items}`;
}
