/** Lines of code as HTML: coloured, foldable where one line opens what another closes. Works without styles too. */
import { BOUNDS, count, cut } from "./bounds.ts";
import { type Language, type Mark, renderTokens, type Token, tokenLines, tokensOf } from "./highlight.ts";
import { type Html, html, plain } from "./html.ts";

export interface CodeLine {
  readonly text: string;
  /** Index of the line that closes what this one opens. */
  readonly close?: number;
  /** Identities of what the line stands for, blanks between, for cross-highlighting (`[data-node~="loop:7"]`). */
  readonly key?: string;
  /** Parts to underline as wrong. */
  readonly errors?: readonly { readonly from: number; readonly to: number }[];
  /** Shown folded at first. */
  readonly folded?: boolean;
  /** Tokens when the line was coloured together with others. */
  readonly tokens?: readonly Token[];
}

/**
 * Code with foldable parts, each a `<details>`: it folds without a script. Lines beyond `max` are left out (what is folded
 * at first counts as one), and those beyond `BOUNDS.lines`; a line beyond `BOUNDS.lineLength` is cut.
 */
export function codeHtml(lines: readonly CodeLine[], language: Language, max: number = BOUNDS.lines): Html {
  const end = endOf(lines, max);
  const left = lines.length - end;
  const body = region(lines, 0, end, language);
  return html`<pre class="tw-code">${body}</pre>${left > 0 && html`<p class="tw-note">… ${count(left, "more line")} left out</p>`}`;
}

/** Where the lines end of which `max` can be seen at first. */
function endOf(lines: readonly CodeLine[], max: number): number {
  const most = Math.min(lines.length, BOUNDS.lines);
  let end = 0;
  for (let seen = 0; seen < max && end < most; seen++) {
    const { folded, close } = lines[end];
    end = folded && close !== undefined ? close + 1 : end + 1;
  }
  return Math.min(end, most);
}

function region(lines: readonly CodeLine[], from: number, to: number, language: Language): Html[] {
  const out: Html[] = [];
  let i = from;
  while (i < to) {
    const line = lines[i];
    const close = line.close;
    // Folding one line away saves nothing.
    if (close !== undefined && close > i + 1) {
      // A line that closes one part and opens the next (`} else {`) begins the next.
      const both = (lines[close]?.close ?? 0) > close;
      const stop = Math.min(both ? close : close + 1, to);
      const open = line.folded ? "" : html` open`;
      out.push(
        html`<details${open}><summary data-lines="${close - i}"${node(line)}>${codeLine(line, language)}</summary>${region(lines, i + 1, stop, language)}</details>`,
      );
      i = stop;
    } else {
      out.push(html`<span${node(line)}>${codeLine(line, language)}\n</span>`);
      i++;
    }
  }
  return out;
}

const node = (line: CodeLine): Html | false => line.key !== undefined && html` data-node="${line.key}"`;

function codeLine(line: CodeLine, language: Language): Html {
  const text = cut(plain(line.text), BOUNDS.lineLength);
  const uncut = text === line.text;
  const tokens = (uncut && line.tokens) || tokensOf(text, language);
  const errors = line.errors ?? [];
  if (errors.length === 0) return html`${renderTokens(tokens)}`;
  const marks = errors.map((e): Mark => ({ from: e.from, to: e.to, cls: "tw-err" }));
  return html`<span class="tw-errline">${renderTokens(tokens, marks)}<b class="tw-caret">  ◀ here</b></span>`;
}

/** A text coloured as a whole, for languages whose comments or strings span lines. */
export function colouredLines(text: string, language: Language): CodeLine[] {
  return tokenLines(plain(text), language).map((tokens) => ({
    text: tokens.map((t) => t.text).join(""),
    tokens,
  }));
}
