/** Two pipelines next to each other: their passes aligned by name, their times, and where their programs part. */
import { diffArrays } from "diff";
import type { PassRecord, PassRecorder } from "../graph/recorder.ts";
import { structuralEqual } from "../ir/index.ts";
import { BOUNDS, boundText, count } from "./bounds.ts";
import { diffStats, programDiff } from "./diff.ts";
import { diffHtml, statsHtml, statsText } from "./diff-view.ts";
import { type Displayable, displayable } from "./display.ts";
import { EMPTY, type Html, html } from "./html.ts";
import { linesOf } from "./lines.ts";
import { duration } from "./number.ts";
import { passDiff } from "./passes-view.ts";
import { frame } from "./style.ts";

/** A pass that both pipelines have at this place, or one of them. */
export interface PassPair {
  readonly name: string;
  readonly a?: PassRecord;
  readonly b?: PassRecord;
  /** Whether the modules are equal after it, up to names; undefined for a pass that only one has. */
  readonly equal?: boolean;
}

/** Longer modules are not compared line by line. */
const LINES = 3000;

/** The passes of two pipelines in order, the same ones together: the JSON twin of `comparePasses`. */
export function passPairs(a: PassRecorder, b: PassRecorder): PassPair[] {
  const [left, right] = [a.list(), b.list()];
  const named = (records: readonly PassRecord[]): string[] => records.map(({ name }) => name);
  let [i, j] = [0, 0];
  return diffArrays(named(left), named(right)).flatMap(({ value, added, removed }) =>
    value.map((name): PassPair => {
      if (added) return { name, b: right[j++] };
      if (removed) return { name, a: left[i++] };
      const [p, q] = [left[i++], right[j++]];
      return { name, a: p, b: q, equal: structuralEqual(p.after, q.after) };
    }),
  );
}

/** Two pipelines, to be shown: a line for each pass, which opens to the difference of the programs after it. */
export function comparePasses(
  a: PassRecorder,
  b: PassRecorder,
  o: { readonly names?: readonly [string, string] } = {},
): Displayable & { toString(): string } {
  const [p, q] = o.names ?? ["A", "B"];
  return displayable(() => {
    const pairs = passPairs(a, b);
    const apart = pairs.filter((x) => x.equal === false).length;
    const head = `${p}: ${duration(a.totalMs)}, ${q}: ${duration(b.totalMs)}; the programs differ after ${count(apart, "pass", "passes")}`;
    let room: number = BOUNDS.html * 0.9;
    const steps = pairs.map((pair, i) => {
      const body = room > 0 ? difference(pair) : EMPTY;
      room -= body.toString().length;
      return stepHtml(pair, i, [p, q], body);
    });
    return {
      "text/plain": boundText([head, ...pairs.map((x) => lineOf(x, [p, q]))].join("\n")),
      "text/html": frame(["diff"], html`<p class="tw-head">${head}</p>${steps}`),
    };
  });
}

const sidesOf = (x: PassPair): readonly (PassRecord | undefined)[] => [x.a, x.b];
const didText = (r: PassRecord): string => (r.changed ? statsText(passDiff(r).stats) : "nothing changed");

function verdict(x: PassPair, names: readonly string[]): string {
  if (x.a && x.b) return x.equal ? "same program" : "programs differ";
  return `only in ${x.a ? names[0] : names[1]}`;
}

function lineOf(x: PassPair, names: readonly string[]): string {
  const sides = sidesOf(x).map((r, n) => r && `${names[n]} ${duration(r.ms)}, ${didText(r)}`);
  return `${x.name.padEnd(24)} ${verdict(x, names)}; ${sides.filter(Boolean).join("; ")}`;
}

/** Of the programs after a pass of both; nothing where there is none, or too much. */
function difference({ a, b, equal }: PassPair): Html {
  if (!a || !b || equal) return EMPTY;
  if (linesOf(a.after).length + linesOf(b.after).length > LINES)
    return html`<p class="tw-note">The modules are too long to be compared line by line.</p>`;
  const rows = programDiff(a.after, b.after);
  return html`<p class="tw-note">${statsText(diffStats(rows))} from one to the other</p>${diffHtml(rows, { context: 2, keepUnchanged: false })}`;
}

function stepHtml(x: PassPair, index: number, names: readonly string[], body: Html): Html {
  const sides = sidesOf(x).map(
    (r, n) =>
      r &&
      html`<span class="tw-stat tw-dim">${names[n]} ${duration(r.ms)}</span>${r.changed && html` ${statsHtml(passDiff(r).stats)}`}`,
  );
  const title = html`<span class="tw-no">${index}</span> <code>${x.name}</code> <span class="tw-stat">${verdict(x, names)}</span> ${sides}`;
  if (body === EMPTY) return html`<div class="tw-step">${title}</div>`;
  return html`<details class="tw-step"><summary>${title}</summary>${body}</details>`;
}
