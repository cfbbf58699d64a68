import type { RenderedNotebook } from "./notebook.ts";

/** The text of the chapters by section: what the page searches. */
export type SearchIndex = readonly {
  readonly title: string;
  /** The chapter's file. */
  readonly page: string;
  /** Id of the heading, heading, and the text below it. */
  readonly sections: readonly (readonly [id: string, heading: string, text: string])[];
}[];

/** A section's text beyond this is not searched, in characters. */
const longest = 6000;

/** The index of a site: words alone, without marks, folds and runs of blanks. */
export function searchIndex(chapters: readonly (RenderedNotebook & { page: string })[]): SearchIndex {
  return chapters.map(({ title, page, sections }) => ({
    title,
    page,
    sections: sections.map(({ heading, text }) => [heading.id, heading.text, plain(text).slice(0, longest)]),
  }));
}

/** The script that a page loads: a page opened from a disk may load scripts, and no other files. */
export function searchScript(index: SearchIndex): string {
  return `globalThis.tilewrightSearch=${JSON.stringify(index)};\n`;
}

function plain(text: string): string {
  return text
    .replace(/<\/?(?:details|summary)[^>]*>|^```.*$|\*\*|`/gm, " ")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}
