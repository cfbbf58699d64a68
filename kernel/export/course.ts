// All notebooks of a folder as one static site: an index, a page for each chapter, what they share, and the notebooks.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Notebook } from "../notebook/format.ts";
import { escapeHtml } from "../session/engine/table.ts";
import { courseStyle } from "./course-style.ts";
import { contentsHtml, documentHtml, plotData } from "./document.ts";
import { type RenderedNotebook, renderNotebook } from "./notebook.ts";
import { fileBelow, pictureData } from "./page.ts";
import type { PageScripts } from "./scripts.ts";
import { searchIndex, searchScript } from "./search-index.ts";
import { pageStyle } from "./style.ts";

/** A notebook of the course. */
export interface Chapter {
  /** Its file's name, with `.ipynb`. */
  file: string;
  notebook: Notebook;
}

/** A site: what stands in its files by their names, and files that are copied, by theirs. */
export interface Site {
  texts: Map<string, string>;
  copies: Map<string, string>;
  chapters: RenderedChapter[];
}

/** A chapter as the site has it. */
export interface RenderedChapter extends RenderedNotebook {
  page: string;
  file: string;
  exercises: number;
}

/** Addresses of what all pages load. */
interface Assets {
  style: string;
  page: string;
  plots: string;
  search: string;
}

/** Makes the site of the chapters, which stand in `folder`. Every address in it is relative. */
export async function courseSite(
  chapters: readonly Chapter[],
  folder: string,
  title: string,
  scripts: PageScripts,
): Promise<Site> {
  const copies = new Map<string, string>();
  const rendered: RenderedChapter[] = [];
  for (const { file, notebook } of chapters) {
    const parts = await renderNotebook(notebook, path.basename(file, ".ipynb"), {
      picture: (address) => pictureData(folder, address),
      link: (address) => linkTo(address, folder, chapters, copies),
    });
    const exercises = notebook.cells.filter(
      ({ metadata: { tags } }) => Array.isArray(tags) && tags.includes("exercise"),
    );
    rendered.push({ ...parts, file, page: pageOf(file), exercises: exercises.length });
    copies.set(`notebooks/${file}`, path.join(folder, file));
    for (const module of modulesOf(notebook, folder))
      copies.set(`notebooks/${module}`, path.join(folder, module));
  }
  const texts = new Map<string, string>();
  const asset = (name: string, text: string): string => {
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
    const file = `assets/${name.replace(".", `.${hash}.`)}`;
    texts.set(file, text);
    return file;
  };
  const hasPlots = rendered.some((one) => plotData(one) !== "");
  const assets: Assets = {
    style: asset("page.css", pageStyle + courseStyle),
    page: asset("page.js", scripts.page),
    plots: hasPlots ? asset("plots.js", scripts.plots) : "",
    search: asset("search.js", searchScript(searchIndex(rendered))),
  };
  texts.set("index.html", indexHtml(rendered, title, assets));
  for (const [at, chapter] of rendered.entries())
    texts.set(chapter.page, chapterHtml(chapter, at, rendered, title, assets));
  return { texts, copies, chapters: rendered };
}

/** Links to chapters lead to their pages; files beside the notebooks come with the site. */
function linkTo(
  address: string,
  folder: string,
  chapters: readonly Chapter[],
  copies: Map<string, string>,
): string | undefined {
  const [, name = "", rest = ""] = /^([^?#]*)([\s\S]*)$/.exec(address)!;
  const chapter = chapters.find(({ file }) => file === decoded(name));
  if (chapter) return `${encodeURIComponent(pageOf(chapter.file))}${rest.replace(/^\?[^#]*/, "")}`;
  const file = fileBelow(folder, name);
  if (!file) return undefined;
  copies.set(`notebooks/${decoded(name)}`, file);
  return `notebooks/${name}${rest}`;
}

function decoded(name: string): string {
  try {
    return path.posix.normalize(decodeURIComponent(name));
  } catch {
    return name;
  }
}

/** Modules beside a notebook that its cells import, and those that these import: it does not run without them. */
function modulesOf({ cells }: Notebook, folder: string): string[] {
  const found = new Set<string>();
  const add = (code: string, from: string): void => {
    for (const [, name] of code.matchAll(/\bfrom\s+["'](\.\.?\/[\w./-]+\.(?:ts|js|mjs|json))["']/g)) {
      const module = path.posix.join(from, name!);
      const file = fileBelow(folder, encodeURI(module));
      if (!file || found.has(module)) continue;
      found.add(module);
      add(readFileSync(file, "utf8"), path.posix.dirname(module));
    }
  };
  for (const { cell_type, source } of cells) if (cell_type === "code") add(source, "");
  return [...found];
}

/** The page of a chapter; the site's own index keeps its name. */
const pageOf = (file: string): string =>
  `${path.basename(file, ".ipynb").replace(/^index$/i, "$&-chapter")}.html`;
const link = (page: string): string => escapeHtml(encodeURIComponent(page));

function frame(
  title: string,
  course: string,
  assets: Assets,
  parts: { side: string; main: string; end?: string; plots?: boolean },
) {
  const { side, main, end = "", plots = false } = parts;
  return documentHtml({
    title,
    scriptSources: "'self' file:",
    styleSources: "'self' file:",
    head: `<link rel="stylesheet" href="${assets.style}">\n<script src="${assets.page}"></script>`,
    bar: `<a class="name" href="index.html">${escapeHtml(course)}</a>
<form class="search" role="search" hidden><input type="search" placeholder="Search" aria-label="Search all chapters" data-index="${assets.search}" autocomplete="off"></form>
<div class="search-results" role="region" aria-label="Found" hidden></div>`,
    side,
    main,
    end: plots ? `${end}\n<script src="${assets.plots}"></script>` : end,
  });
}

function chapterList(chapters: readonly RenderedChapter[], current?: RenderedChapter): string {
  const items = chapters.map(
    (chapter) =>
      `<li><a href="${link(chapter.page)}"${chapter === current ? ' aria-current="page"' : ""}>${escapeHtml(chapter.title)}</a></li>`,
  );
  return `<nav class="chapters" aria-label="Chapters"><h2>Chapters</h2><ul>${items.join("")}</ul></nav>`;
}

function chapterHtml(
  chapter: RenderedChapter,
  at: number,
  chapters: readonly RenderedChapter[],
  course: string,
  assets: Assets,
): string {
  const data = plotData(chapter);
  const step = (to: RenderedChapter | undefined, rel: string, word: string) =>
    to
      ? `<a rel="${rel}" href="${link(to.page)}"><span>${word}</span>${escapeHtml(to.title)}</a>`
      : "<span></span>";
  const pager = `<nav class="pager" aria-label="Chapters before and after">${step(chapters[at - 1], "prev", "Before")}${step(chapters[at + 1], "next", "Next")}</nav>`;
  const download = `<p class="download"><a href="notebooks/${link(chapter.file)}" download>Download this chapter as a notebook</a></p>`;
  return frame(`${chapter.title} · ${course}`, course, assets, {
    side: contentsHtml(chapter.headings) + chapterList(chapters, chapter),
    main: `${chapter.body}\n${download}\n${pager}`,
    end: data,
    plots: data !== "",
  });
}

function indexHtml(chapters: readonly RenderedChapter[], course: string, assets: Assets): string {
  const items = chapters.map(({ title, summary, page, file, exercises, headings }) => {
    const parts = headings.filter(({ level }) => level === 2);
    const facts = [
      exercises > 0 ? `${exercises} exercises` : parts.length > 0 ? `${parts.length} sections` : "",
      `<a href="notebooks/${link(file)}" download>notebook</a>`,
    ];
    return `<li><h2><a href="${link(page)}">${escapeHtml(title)}</a></h2><p>${escapeHtml(summary)}</p><p class="facts">${facts.filter(Boolean).join(" · ")}</p></li>`;
  });
  const ran = chapters.some((chapter) => chapter.ran > 0);
  const lead = ran
    ? "Every page shows what its cells printed and drew when they ran: steps of schedules, programs, graphs and plots can be opened and gone through here, without a kernel. The notebooks behind them can be downloaded, run and changed."
    : "The notebooks as they are written, without what their cells print and draw. They can be downloaded, run and changed.";
  return frame(course, course, assets, {
    side: "",
    main: `<h1>${escapeHtml(course)}</h1>\n<p class="lead">${lead}</p>\n<ol class="course">${items.join("\n")}</ol>`,
  });
}
