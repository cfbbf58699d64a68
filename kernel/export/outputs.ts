import { ansiToHtml } from "../notebook/ansi.ts";
import type { Output } from "../notebook/format.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { escapeHtml } from "../session/engine/table.ts";
import { markdownHtml } from "./markdown.ts";
import type { Typesetter } from "./math.ts";
import { plotIn } from "./plots.ts";
import { sanitize } from "./sanitize.ts";
import { widgetHtml } from "./widgets.ts";

/** What the outputs of one page share. */
export interface OutputPage {
  math: Typesetter | undefined;
  /** Plots met so far; the page draws the nth one into the element that names it. */
  plots: { spec: JsonObject; lite: boolean }[];
  /** The models of widgets by id, as the notebook's metadata keep them. */
  widgets: JsonObject;
  /** Style sheets that stand in the page already. */
  styles: Set<string>;
  /** Displays so far: each has ids of its own. */
  displays: number;
}

/** An output of a cell as HTML. */
export function outputHtml(output: Output, page: OutputPage): string {
  if (output.output_type === "stream") {
    return `<pre class="stream ${output.name === "stderr" ? "stderr" : "stdout"}">${ansiToHtml(output.text)}</pre>`;
  }
  if (output.output_type === "error") {
    const traceback =
      output.traceback.length > 0 ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`;
    return `<pre class="error">${ansiToHtml(traceback)}</pre>`;
  }
  const kind = output.output_type === "execute_result" ? "result" : "display";
  return `<div class="${kind}">${bundleHtml(output.data, page)}</div>`;
}

/** The richest representation that a page without a kernel can have. */
function bundleHtml(data: JsonObject, page: OutputPage): string {
  const text = (mime: string) => (typeof data[mime] === "string" ? (data[mime] as string) : undefined);
  const clean = (html: string) => {
    page.displays += 1;
    return sanitize(html, { prefix: `d${page.displays}-`, styles: page.styles });
  };
  const widget = data["application/vnd.jupyter.widget-view+json"];
  if (isObject(widget)) {
    const shown = widgetHtml(String(widget.model_id), page.widgets, {
      output: (output) => outputHtml(output, page),
      html: clean,
    });
    if (shown !== undefined) return shown;
  }
  const plot = plotIn(data);
  if (plot) return plotHtml(page.plots.push(plot) - 1, text("image/svg+xml"), text("text/plain"), clean);
  const html = text("text/html") ?? text("image/svg+xml");
  if (html !== undefined) return clean(html);
  const picture = pictureHtml(data, text("text/plain"));
  if (picture !== undefined) return picture;
  const markdown = text("text/markdown");
  if (markdown !== undefined) {
    page.displays += 1;
    return `<div class="markdown">${markdownHtml(markdown, { math: page.math, prefix: `d${page.displays}-` })}</div>`;
  }
  const tex = text("text/latex");
  if (tex !== undefined && page.math) {
    const [, display, inline] = /^\s*(?:\$\$([\s\S]+)\$\$|\$([^$]+)\$)\s*$/.exec(tex) ?? [];
    return page.math(display ?? inline ?? tex, inline === undefined);
  }
  const plain = text("text/plain");
  const json = data["application/json"];
  if (plain === undefined && json !== undefined)
    return `<pre class="plain">${escapeHtml(JSON.stringify(json, null, 2))}</pre>`;
  return `<pre class="plain">${ansiToHtml(plain ?? "")}</pre>`;
}

function pictureHtml(data: JsonObject, said = "picture"): string | undefined {
  for (const mime of ["image/png", "image/jpeg", "image/gif", "image/webp"]) {
    const base64 = typeof data[mime] === "string" ? data[mime].replace(/\s/g, "") : "";
    if (/^[A-Za-z0-9+/]+=*$/.test(base64))
      return `<img alt="${escapeHtml(said.slice(0, 200))}" src="data:${mime};base64,${base64}">`;
  }
  return undefined;
}

/** The picture that was drawn when the cell ran stands there until, and unless, the page draws the plot itself. */
function plotHtml(
  index: number,
  svg: string | undefined,
  text: string | undefined,
  clean: (html: string) => string,
): string {
  const picture = svg === undefined ? "" : clean(svg);
  const words =
    text === undefined
      ? ""
      : `<details class="as-text"><summary>as text</summary><pre>${escapeHtml(text)}</pre></details>`;
  return `<div class="plot"><div class="plot-picture" data-plot="${index}">${picture}</div>${words}</div>`;
}
