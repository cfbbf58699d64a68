/**
 * The style of all displays. Every output carries it once, since an output may be opened without the others. Colours
 * follow JupyterLab's theme where its variables are there, else the reader's system; they are never the only sign:
 * where styles are stripped, structure and marks still read as text. The colours of code have a contrast of 4.5 on every
 * ground that a diff puts under them.
 */
import { type Html, html, markup } from "./html.ts";

const LIGHT = `--tw-bg:var(--jp-layout-color0,#fff);--tw-fg:var(--jp-content-font-color1,#1f2328);--tw-dim:var(--jp-content-font-color2,#656d76);--tw-line:var(--jp-border-color2,#d8dee4);--tw-soft:var(--jp-layout-color2,#f3f4f6);--tw-k:#6930c3;--tw-n:#0550ae;--tw-s:#0a6640;--tw-c:#525a63;--tw-f:#6639ba;--tw-t:#8f3300;--tw-red:#cf222e;--tw-green:#1a7f37;--tw-blue:#0969da;--tw-add:#2da44e22;--tw-addw:#2da44e40;--tw-del:#ff575622;--tw-delw:#ff575640;--tw-mov:#8250df1a;--tw-chg:#d4a72c26;--tw-serial:#57606a;--tw-parallel:#0969da;--tw-vectorized:#1a7f37;--tw-unrolled:#bc4c00;--tw-thread:#8250df`;
const DARK = `--tw-bg:var(--jp-layout-color0,#0d1117);--tw-fg:var(--jp-content-font-color1,#e6edf3);--tw-dim:var(--jp-content-font-color2,#9198a1);--tw-line:var(--jp-border-color2,#3d444d);--tw-soft:var(--jp-layout-color2,#1c2129);--tw-k:#d2a8ff;--tw-n:#8fccff;--tw-s:#7ee787;--tw-c:#b4bcc6;--tw-f:#d9c1ff;--tw-t:#ffa657;--tw-red:#ff7b72;--tw-green:#56d364;--tw-blue:#58a6ff;--tw-add:#2ea04333;--tw-addw:#2ea0434d;--tw-del:#f8514933;--tw-delw:#f851494d;--tw-mov:#8957e533;--tw-chg:#bb800933;--tw-serial:#9198a1;--tw-parallel:#58a6ff;--tw-vectorized:#56d364;--tw-unrolled:#f0883e;--tw-thread:#bc8cff`;

const BASE = `
.tw{${LIGHT};background:var(--tw-bg);color:var(--tw-fg);font:13px/1.5 var(--jp-content-font-family,system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif);padding:2px 4px;max-width:100%;overflow-x:auto;text-align:left}
@media(prefers-color-scheme:dark){.tw{${DARK}}}
[data-jp-theme-light=true] .tw,.vscode-light .tw,.tw.tw-light{${LIGHT}}
[data-jp-theme-light=false] .tw,.vscode-dark .tw,.tw.tw-dark{${DARK}}
.tw.tw pre,.tw.tw code,.tw .tw-mono{font-family:var(--jp-code-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace);font-size:12px;line-height:1.5;background:none;color:inherit;padding:0;border:0}
.tw .tw-dim{color:var(--tw-dim)}.tw .tw-red{color:var(--tw-red)}.tw .tw-green{color:var(--tw-green)}.tw .tw-blue{color:var(--tw-blue)}
.tw .tw-head{margin:2px 0 4px}.tw .tw-head b{font-weight:600}
.tw .tw-note{color:var(--tw-dim);font-size:12px;margin:4px 0}
.tw summary{cursor:pointer}.tw summary:focus-visible{outline:2px solid var(--tw-blue);outline-offset:1px}
.tw .tw-more{margin:4px 0}.tw .tw-more>summary{color:var(--tw-dim)}
.tw svg{max-width:100%;height:auto;vertical-align:top}
.tw .tw-k{color:var(--tw-k)}.tw .tw-n{color:var(--tw-n)}.tw .tw-s{color:var(--tw-s)}.tw .tw-c{color:var(--tw-c);font-style:italic}.tw .tw-f{color:var(--tw-f)}.tw .tw-t{color:var(--tw-t)}
.tw mark{background:none;color:inherit;padding:0}`;

const CODE = `
.tw.tw pre.tw-code{margin:0;padding:2px 0 2px 18px;overflow-x:auto;white-space:pre;border:0}
.tw .tw-code details,.tw .tw-code summary{display:block;position:relative}
.tw .tw-code summary{list-style:none}.tw .tw-code summary::-webkit-details-marker{display:none}
.tw .tw-code summary::before{content:"▾";position:absolute;left:-15px;color:var(--tw-dim)}
.tw .tw-code details:not([open])>summary::before{content:"▸"}
.tw .tw-code details:not([open])>summary::after{content:"  … " attr(data-lines) " lines";color:var(--tw-dim)}
.tw .tw-code summary:hover{background:var(--tw-soft)}
.tw mark.tw-err{text-decoration:underline wavy var(--tw-red);text-decoration-skip-ink:none;text-underline-offset:3px}
.tw .tw-errline{background:var(--tw-del)}
.tw .tw-caret{color:var(--tw-red);user-select:none}`;

/** Where there is no room for two columns, what was stands above what is. */
const DIFF = `
.tw .tw-diff{width:100%;min-width:640px;table-layout:fixed;border-collapse:collapse;border:0;margin:0;font-size:12px}
.tw .tw-diff tbody tr:nth-child(n){background:none}
.tw .tw-diff tbody tr td:nth-child(n){padding:0 4px;border:0;text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5;max-width:none}
.tw .tw-diff tbody tr td.tw-ln:nth-child(n){width:3em;text-align:right;color:var(--tw-dim);user-select:none;white-space:nowrap;overflow-wrap:normal}
.tw .tw-diff col.tw-cn{width:3em}
.tw .tw-diff td code{display:inline-block;max-width:100%;box-sizing:border-box;padding-left:calc((var(--tw-i,0) + 2)*1ch);text-indent:calc((var(--tw-i,0) + 2)*-1ch)}
.tw .tw-diff .tw-sign{user-select:none;color:var(--tw-dim)}
.tw .tw-diff tbody td.tw-add:nth-child(n){background:var(--tw-add)}.tw .tw-diff tbody td.tw-del:nth-child(n){background:var(--tw-del)}
.tw .tw-diff tbody td.tw-mov:nth-child(n){background:var(--tw-mov)}.tw .tw-diff tbody td.tw-none:nth-child(n){background:repeating-linear-gradient(-45deg,transparent 0 5px,var(--tw-soft) 5px 6px)}
.tw mark.tw-addw{background:var(--tw-addw);border-radius:2px}.tw mark.tw-delw{background:var(--tw-delw);border-radius:2px}
.tw .tw-tag{display:inline-block;font:11px/1.4 var(--jp-content-font-family,system-ui,sans-serif);color:var(--tw-dim);border:1px solid var(--tw-line);border-radius:8px;padding:0 6px;margin-left:3ch;white-space:nowrap;user-select:none;background:var(--tw-bg)}
.tw .tw-tag.tw-kind{color:var(--tw-unrolled);border-color:currentColor}.tw .tw-tag.tw-moved{color:var(--tw-thread);border-color:currentColor}
.tw .tw-same>summary{color:var(--tw-c);font-size:12px;padding:0 4px;background:var(--tw-soft);border-radius:3px}
.tw .tw-changes{margin:2px 0 6px;padding-left:10px;border-left:3px solid var(--tw-mov);font-size:12.5px}
.tw .tw-tree .tw-row{display:block}.tw .tw-tree .tw-add{background:var(--tw-add)}.tw .tw-tree .tw-mov{background:var(--tw-mov)}.tw .tw-tree .tw-chg{background:var(--tw-chg)}
.tw .tw-unified .tw-add,.tw .tw-unified .tw-del,.tw .tw-unified .tw-mov{display:block}
.tw .tw-unified .tw-add{background:var(--tw-add)}.tw .tw-unified .tw-del{background:var(--tw-del)}.tw .tw-unified .tw-mov{background:var(--tw-mov)}
.tw:has(.tw-diff){container-type:inline-size}
@container(max-width:640px){
.tw .tw-diff,.tw .tw-diff tbody{display:block;min-width:0}
.tw .tw-diff :is(colgroup,td.tw-none),.tw .tw-diff td.tw-ln:has(+td.tw-none),.tw .tw-diff tr:not(:has(.tw-del,.tw-add,.tw-mov,.tw-none)) td:nth-child(n+3){display:none}
.tw .tw-diff tr{display:grid;grid-template-columns:3em minmax(0,1fr);padding:0}
.tw .tw-diff tbody tr td.tw-ln:nth-child(n){width:auto}
}`;

const STEPS = `
.tw .tw-step{border-left:3px solid var(--tw-line);margin:0;padding:0 0 0 6px}.tw .tw-step[open]{border-left-color:var(--tw-blue);padding-bottom:8px}
.tw .tw-step>summary{padding:2px 4px;border-radius:3px}.tw .tw-step>summary:hover{background:var(--tw-soft)}
.tw .tw-step>summary code{font-size:12.5px}
.tw .tw-no{display:inline-block;min-width:1.6em;text-align:right;color:var(--tw-dim);margin-right:.5em}
.tw .tw-did{padding-left:2.5em;color:var(--tw-dim);font-size:12.5px}
.tw .tw-stat{margin-left:1em;font-size:12px;white-space:nowrap}`;

const TABLE = `
.tw table.tw-table{border-collapse:collapse;border:0;margin:4px 0;font-size:12.5px;table-layout:auto;width:auto}
.tw table.tw-table thead th:nth-child(n){text-align:left;font-weight:600;border:0;border-bottom:1px solid var(--tw-line);padding:2px 10px 2px 4px;color:var(--tw-dim);background:none;white-space:nowrap}
.tw table.tw-table tbody tr:nth-child(n){background:none}
.tw table.tw-table tbody td:nth-child(n){text-align:left;border:0;border-bottom:1px solid var(--tw-soft);padding:2px 10px 2px 4px;max-width:none;white-space:nowrap;font-variant-numeric:tabular-nums}
.tw table.tw-table thead th.tw-r:nth-child(n),.tw table.tw-table tbody td.tw-r:nth-child(n){text-align:right;padding:2px 4px 2px 10px}
.tw table.tw-table tbody td.tw-idx:nth-child(n){color:var(--tw-dim);border-right:1px solid var(--tw-line)}`;

const CARD = `
.tw .tw-card{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:flex-start}
.tw .tw-bar{display:inline-block;height:9px;border-radius:2px;background:var(--tw-blue);vertical-align:baseline;opacity:.75}`;

const SIDES = `
.tw .tw-sides{display:flex;flex-wrap:wrap;gap:4px 24px}.tw .tw-side{flex:1 1 320px;min-width:0;overflow-x:auto}
.tw .tw-calls{margin:2px 0;padding-left:2.2em}.tw .tw-calls li::marker{color:var(--tw-dim)}`;

/** A panel is hidden only where one of the choices is checked: where inputs are stripped all of them show. */
const EXPLORE = `
.tw .tw-explore{display:flex;flex-wrap:wrap;gap:2px 6px;align-items:center}
.tw .tw-pickname{color:var(--tw-dim);margin-right:4px}
.tw .tw-pick{order:0;padding:1px 9px 1px 6px;border:1px solid var(--tw-line);border-radius:12px;cursor:pointer}
.tw .tw-pick:has(:checked){border-color:var(--tw-blue);background:var(--tw-soft);font-weight:600}.tw .tw-pick:has(:focus-visible){outline:2px solid var(--tw-blue)}
.tw .tw-panel{order:1;width:100%;min-width:0}
.tw .tw-explore:has(:checked)>.tw-panel{display:none}.tw .tw-explore>.tw-pick:has(:checked)+.tw-panel{display:block}`;

/** Without styles the boxes of a graph are a list of things that open, in order. */
const GRAPH = `
.tw .tw-graph{overflow:auto;max-height:760px;position:relative}.tw .tw-graph:has(.tw-box[open]){min-height:min(520px,80vh)}
.tw .tw-graph svg{position:absolute;left:0;top:0;max-width:none}
.tw .tw-canvas{position:relative}
.tw .tw-box{position:absolute;margin:0}.tw .tw-box[open]{z-index:2}
.tw .tw-box>.tw-face{display:block;box-sizing:border-box;width:100%;height:100%;padding:4px 2px;text-align:center;white-space:nowrap;overflow:hidden;list-style:none;border:1px solid var(--tw-b);border-radius:5px;background:linear-gradient(var(--tw-h),var(--tw-h)),linear-gradient(var(--tw-a),var(--tw-a)),var(--tw-bg)}
.tw .tw-box>.tw-face::-webkit-details-marker{display:none}
.tw .tw-box.tw-group>.tw-face{border-style:dashed}
.tw details.tw-box>.tw-face:hover,.tw .tw-box[open]>.tw-face{box-shadow:0 0 0 2px var(--tw-b)}
.tw .tw-face>*{display:block;font:10.5px/15px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.tw .tw-face>b{font:600 11px/15px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.tw details.tw-box>.tw-face>b::after{content:" ▸";color:var(--tw-dim)}.tw .tw-box[open]>.tw-face>b::after{content:" ▾"}
.tw .tw-inside{position:absolute;top:calc(100% + 4px);box-sizing:border-box;max-height:460px;overflow:auto;padding:6px 10px;text-align:left;background:var(--tw-bg);border:1px solid var(--tw-b);border-radius:5px;box-shadow:0 4px 16px #0004}
.tw .tw-inside .tw-graph{max-height:none}`;

const PARTS = {
  code: CODE,
  diff: CODE + DIFF,
  steps: CODE + DIFF + STEPS,
  table: TABLE,
  card: TABLE + CARD,
  sides: SIDES,
  explore: EXPLORE,
  graph: GRAPH,
};

/** The outermost element of a display, with the style its parts need. */
export function frame(parts: readonly (keyof typeof PARTS)[], body: Html): string {
  const css = BASE + [...new Set(parts.map((p) => PARTS[p]))].join("");
  // MathJax (2 and 3) must not take the dollars of code and names for formulas.
  return html`<div class="tw tex2jax_ignore mathjax_ignore"><style>${markup(css.replaceAll("\n", ""))}</style>${body}</div>`.toString();
}

/**
 * A picture with its text folded beneath, as HTML. Where pictures are stripped the text is what remains; and some
 * converters (nbconvert 6) keep an SVG within HTML but empty one that stands alone.
 */
export function pictureHtml(picture: Html, text: string): string {
  const alternative = html`<details class="tw-more"><summary>as text</summary><pre>${text}</pre></details>`;
  return frame(["code"], html`<div>${picture}</div>${alternative}`);
}
