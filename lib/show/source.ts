/** Generated code (WAT, WGSL, JavaScript, TypeScript): coloured, foldable where brackets open and close. */
import { boundText, count } from "./bounds.ts";
import { type CodeLine, codeHtml, colouredLines } from "./code.ts";
import { type Displayable, displayable } from "./display.ts";
import type { Language } from "./highlight.ts";
import { type Html, html, plain } from "./html.ts";
import { frame } from "./style.ts";

export type SourceLanguage = "wat" | "wgsl" | "js" | "ts";

const LANGUAGES: Readonly<Record<SourceLanguage, Language>> = {
  wat: "wasm",
  wgsl: "wgsl",
  js: "javascript",
  ts: "typescript",
};

export interface SourceOptions {
  readonly title?: string;
  /** Parts nested deeper than this are folded at first. */
  readonly depth?: number;
}

/** Source text, to be shown. */
export function source(text: string, language: SourceLanguage, o: SourceOptions = {}): Displayable {
  return displayable(() => ({
    "text/plain": boundText(plain(text)),
    "text/html": frame(["code"], sourceHtml(text, language, o)),
  }));
}

/** Source text as markup, to be put into a display. */
export function sourceHtml(text: string, language: SourceLanguage, o: SourceOptions = {}): Html {
  const lines = foldable(colouredLines(text.replace(/\n+$/, ""), LANGUAGES[language]), o.depth);
  const title = html`<b>${o.title ?? language.toUpperCase()}</b> <span class="tw-dim">${count(lines.length, "line")}</span>`;
  return html`<p class="tw-head">${title}</p>${codeHtml(lines, LANGUAGES[language])}`;
}

/** From so many lines in a row on that are alike, all but the first are folded away: what unrolled loops leave. */
const ALIKE = 6;

/**
 * Finds, for each line, the line that closes the first bracket it leaves open; strings and comments do not count. Lines in
 * a row that are alike are one part, folded at first.
 */
export function foldable(lines: readonly CodeLine[], depth = Number.POSITIVE_INFINITY): CodeLine[] {
  const open: number[] = [];
  const close = new Map<number, number>();
  const depths: number[] = [];
  lines.forEach((line, i) => {
    depths.push(new Set(open).size);
    for (const t of line.tokens ?? [{ text: line.text, cls: "" }]) {
      if (t.cls === "s" || t.cls === "c") continue;
      for (const c of t.text) {
        if ("([{".includes(c)) open.push(i);
        else if (")]}".includes(c)) {
          const from = open.pop();
          // The outermost bracket of a line is closed last.
          if (from !== undefined && from !== i) close.set(from, i);
        }
      }
    }
  });
  const alike = rowsAlike(lines, close);
  return lines.map((l, i) => {
    const end = close.get(i);
    if (end !== undefined) return { ...l, close: end, folded: depths[i] >= depth };
    const last = alike.get(i);
    return last === undefined ? l : { ...l, close: last, folded: true };
  });
}

/**
 * The last line of each row of lines that are alike, by the first: they differ in numbers (`sum_1` and `sum` too) and lanes of
 * vectors alone. Lines that open or close a part belong to no row.
 */
function rowsAlike(lines: readonly CodeLine[], close: ReadonlyMap<number, number>): Map<number, number> {
  const ends = new Set(close.values());
  const forms = lines.map(({ text }, i) =>
    close.has(i) || ends.has(i) || text.trim() === "" ? undefined : text.replace(/_?\d+|\.[xyzw]\b/g, ""),
  );
  const rows = new Map<number, number>();
  for (let from = 0; from < forms.length; ) {
    let to = from + 1;
    while (to < forms.length && forms[to] === forms[from]) to++;
    if (forms[from] !== undefined && to - from >= ALIKE) rows.set(from, to - 1);
    from = to;
  }
  return rows;
}
