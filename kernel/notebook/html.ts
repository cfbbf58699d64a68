import hljs from "highlight.js/lib/core";
import typescript from "highlight.js/lib/languages/typescript";
import { Marked } from "marked";
import { escapeHtml } from "../session/engine/table.ts";
import { ansiToHtml } from "./ansi.ts";
import type { Cell, Notebook, Output } from "./format.ts";
import { sanitize } from "./sanitize.ts";
import { pageStyle } from "./style.ts";

hljs.registerLanguage("typescript", typescript);

/** An executed notebook as one page that needs no script, no network and no kernel. */
export function notebookHtml(notebook: Notebook, title: string): string {
  const heading = /^#\s+(.+)$/m.exec(
    notebook.cells.find((cell) => cell.cell_type === "markdown")?.source ?? "",
  );
  const body = notebook.cells.map(cellHtml).join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<title>${escapeHtml(heading?.[1] ?? title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

function cellHtml(cell: Cell): string {
  if (cell.cell_type === "markdown")
    return `<section class="markdown">${markdownHtml(cell.source)}</section>`;
  if (cell.cell_type === "raw" || cell.source.trim() === "") return "";
  const code = highlighted(cell.source);
  const outputs = (cell.outputs ?? []).map(outputHtml).join("\n");
  return `<section class="code"><div class="input"><span class="prompt">${cell.execution_count ?? " "}</span><pre><code>${code}</code></pre></div>
${outputs === "" ? "" : `<div class="outputs">${outputs}</div>`}</section>`;
}

function outputHtml(output: Output): string {
  if (output.output_type === "stream") {
    return `<pre class="stream ${output.name === "stderr" ? "stderr" : "stdout"}">${ansiToHtml(output.text)}</pre>`;
  }
  if (output.output_type === "error")
    return `<pre class="error">${ansiToHtml(output.traceback.join("\n"))}</pre>`;
  return `<div class="${output.output_type === "execute_result" ? "result" : "display"}">${bundleHtml(output.data)}</div>`;
}

/** The richest representation that needs no script. */
function bundleHtml(data: { [mime: string]: unknown }): string {
  const text = (mime: string) => (typeof data[mime] === "string" ? (data[mime] as string) : undefined);
  const html = text("text/html") ?? text("image/svg+xml");
  if (html !== undefined) return sanitize(html);
  for (const mime of ["image/png", "image/jpeg", "image/gif", "image/webp"]) {
    const base64 = text(mime)?.replace(/\s/g, "");
    if (base64 && /^[A-Za-z0-9+/=]+$/.test(base64)) return `<img alt="" src="data:${mime};base64,${base64}">`;
  }
  const markdown = text("text/markdown");
  if (markdown !== undefined) return `<div class="markdown">${markdownHtml(markdown)}</div>`;
  return `<pre class="plain">${ansiToHtml(text("text/plain") ?? "")}</pre>`;
}

const marked = new Marked({
  gfm: true,
  renderer: {
    code({ text, lang }) {
      const known = /^(ts|typescript|js|javascript)\b/.test(lang ?? "");
      return `<pre><code>${known ? highlighted(text) : escapeHtml(text)}</code></pre>`;
    },
  },
});

function markdownHtml(source: string): string {
  return sanitize(marked.parse(source, { async: false }));
}

function highlighted(code: string): string {
  return hljs.highlight(code, { language: "typescript" }).value;
}
