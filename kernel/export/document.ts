// The frame of an exported page: head, bar on top, columns.
import { escapeHtml } from "../session/engine/table.ts";
import type { Heading } from "./markdown.ts";
import type { RenderedNotebook } from "./notebook.ts";

/** A page to be written. */
export interface Document {
  title: string;
  /** Where what the page loads may come from: sources of a policy. */
  scriptSources: string;
  styleSources: string;
  /** Style sheets and scripts of the head, as markup. */
  head: string;
  /** What stands in the bar on top, left of the theme's button. */
  bar: string;
  /** The column on the left; none when empty. */
  side: string;
  main: string;
  /** Data and scripts at the end, as markup. */
  end?: string;
}

/** The text of a page. Its policy lets it load nothing from elsewhere and run nothing but its own scripts. */
export function documentHtml({
  title,
  scriptSources,
  styleSources,
  head,
  bar,
  side,
  main,
  end = "",
}: Document): string {
  const policy = [
    "default-src 'none'",
    `script-src ${scriptSources}`,
    `style-src 'unsafe-inline' ${styleSources}`.trim(),
    "img-src data:",
    "media-src data:",
    "font-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="tilewright">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
${head}
</head>
<body>
<a class="skip" href="#text">Skip to the text</a>
<header class="bar">${bar}<button type="button" class="theme-button" aria-label="Theme" hidden>${themeDrawing}</button></header>
<div class="columns${side === "" ? " single" : ""}">
${side === "" ? "" : `<details class="side" open><summary>Contents</summary>${side}</details>`}
<main id="text" tabindex="-1">
${main}
</main>
</div>
${end}
</body>
</html>
`;
}

const themeDrawing =
  '<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M8 2.5a5.5 5.5 0 1 0 0 11z" fill="currentColor"/><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor"/></svg>';

/** The table of contents of a page: headings of the levels 2 and 3. A fold, which is open where there is room. */
export function contentsHtml(headings: readonly Heading[]): string {
  const shown = headings.filter(({ level }) => level === 2 || level === 3);
  if (shown.length === 0) return "";
  const items = shown.map(
    ({ level, text, id }) =>
      `<li class="level-${level}"><a href="#${escapeHtml(encodeURIComponent(id))}">${escapeHtml(text)}</a></li>`,
  );
  return `<nav class="contents" aria-label="In this chapter"><h2>In this chapter</h2><ul>${items.join("")}</ul></nav>`;
}

/** The data of a page's plots, for the script that draws them; nothing when there is no plot. */
export function plotData({ plots }: RenderedNotebook): string {
  if (!plots.some((spec) => spec !== undefined)) return "";
  const json = JSON.stringify(plots.map((spec) => spec ?? null)).replaceAll("<", "\\u003c");
  return `<script type="application/json" class="plot-specs">${json}</script>`;
}
