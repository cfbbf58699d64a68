// A notebook as the parts of a page: its body, headings, plots, and what can be searched for in it.
import { type Cell, hasTag, type Notebook } from "../notebook/format.ts";
import { widgetStateType } from "../notebook/widget-states.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { codeHtml } from "./code.ts";
import { type Heading, markdownHtml } from "./markdown.ts";
import { loadTypesetter, mayHaveMath } from "./math.ts";
import { type OutputPage, outputHtml } from "./outputs.ts";
import { compilePlot, type VegaSpec } from "./plots.ts";

/** What stands under one heading, as text. */
export interface Section {
  heading: Heading;
  text: string;
}

/** The parts of a notebook's page. */
export interface RenderedNotebook {
  title: string;
  /** The first paragraph below the title, as plain text. */
  summary: string;
  body: string;
  headings: Heading[];
  sections: Section[];
  /** Vega specifications by the number in `data-plot`; undefined where only the stored picture can be shown. */
  plots: (VegaSpec | undefined)[];
  /** Cells that were run, and cells that could have been. */
  ran: number;
  cells: number;
}

/** How addresses in a notebook's text become addresses in the page. */
export interface Addresses {
  /** A picture beside the notebook, as an address that the page can show. */
  picture(address: string): string | undefined;
  /** A link to something beside the notebook; undefined leaves its text alone. */
  link(address: string): string | undefined;
}

/** Renders a notebook. `name` is its title when it has no heading. */
export async function renderNotebook(
  notebook: Notebook,
  name: string,
  addresses: Addresses,
): Promise<RenderedNotebook> {
  const texts = notebook.cells.flatMap((cell) => [
    ...(cell.cell_type === "markdown" ? [cell.source] : []),
    ...(cell.outputs ?? []).flatMap((output) =>
      "data" in output
        ? [output.data["text/latex"] === undefined ? "" : "$$", String(output.data["text/markdown"] ?? "")]
        : [],
    ),
  ]);
  const math = texts.some(mayHaveMath) ? await loadTypesetter() : undefined;
  const page: OutputPage = {
    ...{ math, plots: [], widgets: widgetModels(notebook), styles: new Set(), displays: 0 },
  };
  const headings: Heading[] = [];
  const sections: Section[] = [{ heading: { level: 1, text: name, id: "" }, text: "" }];
  const ids = new Set<string>();
  const heading = (level: number, text: string): string => {
    const id = unused(text.replace(/\s+/g, "-") || "section", ids);
    headings.push({ level, text, id });
    sections.push({ heading: { level, text, id }, text: "" });
    return id;
  };
  const body = notebook.cells.map((cell) => {
    const section = sections.at(-1)!;
    if (cell.cell_type === "markdown") {
      const pictures = (address: string) => attachment(cell, address) ?? addresses.picture(address);
      const html = markdownHtml(cell.source, { math, heading, picture: pictures, link: addresses.link });
      spread(cell.source, sections, sections.indexOf(section));
      return `<section class="markdown">${html}</section>`;
    }
    if (cell.cell_type === "raw" || cell.source.trim() === "") return "";
    section.text += `${cell.source}\n`;
    return codeCellHtml(cell, page);
  });
  const title = headings.find(({ level }) => level === 1)?.text ?? headings[0]?.text ?? name;
  const code = notebook.cells.filter((cell) => cell.cell_type === "code" && cell.source.trim() !== "");
  return {
    title,
    summary: firstParagraph(notebook),
    body: body.filter((html) => html !== "").join("\n"),
    headings,
    sections: sections.filter(({ text, heading: { id } }) => text.trim() !== "" || id !== ""),
    plots: await Promise.all(page.plots.map(compilePlot)),
    ran: code.filter(({ execution_count }) => typeof execution_count === "number").length,
    cells: code.length,
  };
}

function codeCellHtml(cell: Cell, page: OutputPage): string {
  const exercise = hasTag(cell, "exercise") ? " exercise" : "";
  const outputs = (cell.outputs ?? []).map((output) => outputHtml(output, page)).join("\n");
  const prompt = `<span class="prompt" aria-hidden="true">${cell.execution_count ?? " "}</span>`;
  return `<section class="code${exercise}"><div class="input">${prompt}<pre><code>${codeHtml(cell.source)}</code></pre></div>
${outputs === "" ? "" : `<div class="outputs">${outputs}</div>`}</section>`;
}

/** Gives the text of a markdown cell to the sections that its headings began; what stands before them to the one at `from`. */
function spread(source: string, sections: Section[], from: number): void {
  let fenced = false;
  let at = from;
  for (const line of source.split("\n")) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    else if (!fenced && /^ {0,3}#{1,6}\s/.test(line) && at + 1 < sections.length) at += 1;
    else sections[at]!.text += `${line}\n`;
  }
}

/** The plain text of the first paragraph that is no heading. */
function firstParagraph({ cells }: Notebook): string {
  const source = cells.find(({ cell_type }) => cell_type === "markdown")?.source ?? "";
  const paragraph = source
    .split(/\n\s*\n/)
    .find((part) => !/^\s*(#|```|<|>|[-*|]|\d+\.)/.test(part) && part.trim());
  return (
    (paragraph ?? "")
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[`*_]/g, "")
      .replace(/\s+/g, " ")
      .trim()
      // What leads over to something that is not here.
      .replace(/[,:;]$/, " …")
  );
}

function attachment(cell: Cell, address: string): string | undefined {
  const name = /^attachment:(.+)$/.exec(address)?.[1];
  const { attachments } = cell as Cell & { attachments?: JsonObject };
  const bundle = name !== undefined && isObject(attachments) ? attachments[decodeURI(name)] : undefined;
  if (!isObject(bundle)) return undefined;
  const [mime, data] = Object.entries(bundle)[0] ?? [];
  return mime?.startsWith("image/") && typeof data === "string"
    ? `data:${mime};base64,${data.replace(/\s/g, "")}`
    : undefined;
}

function widgetModels({ metadata }: Notebook): JsonObject {
  const widgets = isObject(metadata.widgets) ? metadata.widgets : {};
  const stored = widgets[widgetStateType];
  return isObject(stored) && isObject(stored.state) ? stored.state : {};
}

/** The name, or with a number behind it when it is taken. */
function unused(name: string, taken: Set<string>): string {
  let id = name;
  for (let count = 2; taken.has(id); count++) id = `${name}-${count}`;
  taken.add(id);
  return id;
}
