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

/** Finds, for each line, the line that closes the first bracket it leaves open. Strings and comments do not count. */
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
  return lines.map((l, i) => {
    const end = close.get(i);
    return end === undefined ? l : { ...l, close: end, folded: depths[i] >= depth };
  });
}
