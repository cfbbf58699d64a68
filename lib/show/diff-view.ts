/** Diffs as HTML (side by side, inline) and as text. */
import { BOUNDS, boundText, count, cut } from "./bounds.ts";
import { changeText } from "./change-text.ts";
import { type DiffRow, type DiffSide, type DiffStats, diffStats, programDiff } from "./diff.ts";
import { type Displayable, displayable } from "./display.ts";
import { type Mark, renderTokens, tokensOf } from "./highlight.ts";
import { type Html, html, plain } from "./html.ts";
import type { Program } from "./lines.ts";
import { structuralDiff } from "./structural-diff.ts";
import { frame } from "./style.ts";
import { changesHtml, treeDiffHtml, treeDiffText } from "./tree-diff.ts";
import { indent } from "./words.ts";

export interface DiffOptions {
  /** Unchanged lines shown around a change (3). */
  readonly context?: number;
  /** Side by side, one column as patches are written, or the loops and blocks with what happened to each. */
  readonly layout?: "sideBySide" | "inline" | "tree";
  /** False leaves out the folded unchanged lines instead of folding them (true). */
  readonly keepUnchanged?: boolean;
  /** Headings of the two sides. */
  readonly names?: readonly [string, string];
}

const SAME = "The programs are the same.";

/** A piece of a diff: rows to show, or unchanged rows to fold. */
interface Segment {
  readonly folded: boolean;
  readonly rows: readonly DiffRow[];
}

/** The difference of two programs, to be shown. */
export function diff(a: Program, b: Program, options: DiffOptions = {}): Displayable {
  return displayable(() => {
    const rows = programDiff(a, b);
    const changes = structuralDiff(a, b);
    const names = options.names ?? ["before", "after"];
    const head = html`<p class="tw-head"><b>${names[0]}</b> → <b>${names[1]}</b> ${statsHtml(diffStats(rows))}</p>`;
    const tree = options.layout === "tree" && changes.length > 0;
    const body = tree ? treeDiffHtml(b, changes) : html`${changesHtml(changes)}${diffHtml(rows, options)}`;
    const said = changes.map((c) => `* ${cut(plain(changeText(c)), 240)}\n`).join("");
    return {
      "text/plain": boundText(said + (tree ? treeDiffText(b, changes) : diffText(rows, options))),
      "text/html": frame(["diff"], html`${head}${body}`),
    };
  });
}

/** Rows as markup, without the frame. */
export function diffHtml(rows: readonly DiffRow[], o: DiffOptions = {}): Html {
  if (rows.every((r) => r.op === "same")) return html`<p class="tw-note">${SAME}</p>`;
  const bounded = rows.slice(0, BOUNDS.lines);
  const left = rows.length - bounded.length;
  const pieces = segments(bounded, o.context ?? 3);
  const draw = o.layout === "inline" ? inlineRows : sideRows;
  const body = pieces.map((s) => {
    if (!s.folded) return draw(s.rows);
    const label = count(s.rows.length, "unchanged line");
    if (o.keepUnchanged === false) return html`<div class="tw-same"><i class="tw-dim">… ${label}</i></div>`;
    return html`<details class="tw-same"><summary>… ${label}</summary>${draw(s.rows)}</details>`;
  });
  return html`${body}${left > 0 && html`<p class="tw-note">… ${count(left, "more row")} left out</p>`}`;
}

/** `+3 −1, 2 moved`. */
export function statsText(s: DiffStats): string {
  return `+${s.added} −${s.removed}${s.moved > 0 ? `, ${s.moved} moved` : ""}`;
}

export function statsHtml(s: DiffStats): Html {
  return html`<span class="tw-stat"><span class="tw-green">+${s.added}</span> <span class="tw-red">−${s.removed}</span>${
    s.moved > 0 && html` <span class="tw-dim">${s.moved} moved</span>`
  }</span>`;
}

/** A patch-like text: `-` gone, `+` new, `<` moved from here, `>` moved to here. */
export function diffText(rows: readonly DiffRow[], o: DiffOptions = {}): string {
  if (rows.every((r) => r.op === "same")) return SAME;
  const out: string[] = [];
  for (const s of segments(rows, o.context ?? 3)) {
    if (s.folded) {
      out.push(`  … ${count(s.rows.length, "unchanged line")}`);
      continue;
    }
    for (const { sign, side, note } of unified(s.rows))
      out.push(`${sign} ${plain(side.text)}${note ? `   // ${plain(note)}` : ""}`);
  }
  out.push(statsText(diffStats(rows)));
  return boundText(out.join("\n"));
}

/** Runs of unchanged rows, less the context around changes, are folded when that hides more than two. */
function segments(rows: readonly DiffRow[], context: number): Segment[] {
  const near = new Set<number>();
  rows.forEach((r, i) => {
    if (r.op !== "same") for (let d = -context; d <= context; d++) near.add(i + d);
  });
  const out: { folded: boolean; rows: DiffRow[] }[] = [];
  for (let i = 0; i < rows.length; ) {
    let end = i;
    while (end < rows.length && !near.has(end)) end++;
    const folded = end - i > 2;
    if (!folded) {
      end = Math.max(end, i);
      while (end < rows.length && near.has(end)) end++;
    }
    const last = out.at(-1);
    if (last && !folded && !last.folded) last.rows.push(...rows.slice(i, end));
    else out.push({ folded, rows: rows.slice(i, end) });
    i = end;
  }
  return out;
}

const LOOKS = {
  same: { a: ["", " "], b: ["", " "] },
  change: { a: ["tw-del", "−"], b: ["tw-add", "+"] },
  remove: { a: ["tw-del", "−"], b: ["tw-none", " "] },
  add: { a: ["tw-none", " "], b: ["tw-add", "+"] },
  moveOut: { a: ["tw-mov", "<"], b: ["tw-none", " "] },
  moveIn: { a: ["tw-none", " "], b: ["tw-mov", ">"] },
} as const;

function sideRows(rows: readonly DiffRow[]): Html {
  const body = rows.map((r, i) => {
    const look = LOOKS[r.op];
    const a = r.op === "add" || r.op === "moveIn" ? undefined : r.a;
    const b = r.op === "remove" || r.op === "moveOut" ? undefined : r.b;
    const tags = tagsOf(r, rows[i - 1]);
    return html`<tr>${cell(a, look.a, "tw-delw", b ? undefined : tags)}${cell(b, look.b, "tw-addw", tags)}</tr>`;
  });
  return html`<table class="tw-diff"><colgroup><col class="tw-cn"><col><col class="tw-cn"><col></colgroup><tbody>${body}</tbody></table>`;
}

function cell(side: DiffSide | undefined, look: readonly [string, string], word: string, tags?: Html): Html {
  const [cls, sign] = look;
  if (!side) return html`<td class="tw-ln ${cls}"></td><td class="${cls}"></td>`;
  return html`<td class="tw-ln ${cls}">${side.line}</td><td class="${cls}"><code style="--tw-i:${2 + indent(side.text)}"><span class="tw-sign">${sign} </span>${codeOf(side, word, "\u00a0")}</code>${tags}</td>`;
}

/** In a table cell indentation is made of no-break spaces: it stays where styles are stripped. */
function codeOf(side: DiffSide, word: string, blank: " " | "\u00a0"): Html {
  const text = cut(plain(side.text), BOUNDS.lineLength);
  const marks = (side.changed ?? []).map(([from, to]): Mark => ({ from, to, cls: word }));
  const blanks = /^ */.exec(text)?.[0].length ?? 0;
  const shifted = marks.map((m) => ({ ...m, from: m.from - blanks, to: m.to - blanks }));
  return html`${blank.repeat(blanks)}${renderTokens(tokensOf(text.slice(blanks), "typescript"), shifted)}`;
}

function tagsOf(r: DiffRow, before: DiffRow | undefined): Html {
  const notes = (r.notes ?? []).map((n) => html` <span class="tw-tag tw-kind">${cut(n, 120)}</span>`);
  return html`${movedText(r, before) && html` <span class="tw-tag tw-moved">${movedText(r, before)}</span>`}${notes}`;
}

/** Said once for a run of moved lines. */
function movedText(r: DiffRow, before: DiffRow | undefined): string | undefined {
  if ((r.op !== "moveOut" && r.op !== "moveIn") || !r.a || !r.b) return undefined;
  const goesOn =
    before?.op === r.op && before.a?.line === r.a.line - 1 && before.b?.line === r.b.line - 1 && !r.a.changed;
  if (goesOn) return undefined;
  return r.op === "moveOut" ? `moved to line ${r.b.line}` : `moved from line ${r.a.line}`;
}

/** Rows in the order of a patch: what is gone before what is new, within each run of changes. */
function unified(
  rows: readonly DiffRow[],
): { sign: string; cls: string; word: string; side: DiffSide; note?: string }[] {
  const out: ReturnType<typeof unified> = [];
  let late: ReturnType<typeof unified> = [];
  const flush = () => {
    out.push(...late);
    late = [];
  };
  rows.forEach((r, i) => {
    const note = [movedText(r, rows[i - 1]), ...(r.notes ?? [])].filter(Boolean).join("; ") || undefined;
    switch (r.op) {
      case "same":
        flush();
        out.push({ sign: " ", cls: "", word: "", side: r.b! });
        break;
      case "change":
        out.push({ sign: "-", cls: "tw-del", word: "tw-delw", side: r.a! });
        late.push({ sign: "+", cls: "tw-add", word: "tw-addw", side: r.b!, note });
        break;
      case "remove":
        out.push({ sign: "-", cls: "tw-del", word: "tw-delw", side: r.a! });
        break;
      case "add":
        late.push({ sign: "+", cls: "tw-add", word: "tw-addw", side: r.b!, note });
        break;
      case "moveOut":
        out.push({ sign: "<", cls: "tw-mov", word: "tw-delw", side: r.a!, note });
        break;
      case "moveIn":
        late.push({ sign: ">", cls: "tw-mov", word: "tw-addw", side: r.b!, note });
        break;
    }
  });
  flush();
  return out;
}

function inlineRows(rows: readonly DiffRow[]): Html {
  return html`<pre class="tw-code tw-unified">${unified(rows).map(
    (u) =>
      html`<span class="${u.cls}">${u.sign} ${codeOf(u.side, u.word, " ")}${u.note && html` <span class="tw-tag">${cut(u.note, 160)}</span>`}\n</span>`,
  )}</pre>`;
}
