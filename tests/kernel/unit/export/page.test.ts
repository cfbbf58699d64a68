import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { markdownHtml } from "../../../../kernel/export/markdown.ts";
import { loadTypesetter } from "../../../../kernel/export/math.ts";
import { notebookPage } from "../../../../kernel/export/page.ts";
import { scriptHash } from "../../../../kernel/export/scripts.ts";
import type { Cell, Notebook, Output } from "../../../../kernel/notebook/format.ts";

const scripts = { page: "console.log('page');", plots: "console.log('plots');" };

function code(source: string, outputs: Output[] = [], tags: string[] = []): Cell {
  return { id: "x", cell_type: "code", source, metadata: { tags }, execution_count: 1, outputs };
}
const text = (source: string): Cell => ({ id: "m", cell_type: "markdown", source, metadata: {} });
const display = (data: { [mime: string]: unknown }): Output => ({
  output_type: "display_data",
  data,
  metadata: {},
});
const notebook = (cells: Cell[], metadata = {}): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata,
  cells,
});
const html = async (cells: Cell[], metadata = {}) =>
  (await notebookPage(notebook(cells, metadata), "file", os.tmpdir(), scripts)).html;

const spec = {
  $schema: "https://vega.github.io/schema/vega-lite/v5.json",
  data: { values: [{ a: "</script><script>x", b: 1 }] },
  mark: "bar",
  encoding: { x: { field: "a", type: "nominal" }, y: { field: "b", type: "quantitative" } },
};

describe("kernel unit: exported pages", function () {
  this.timeout(60_000);

  it("hold nothing that a notebook made and that runs", async () => {
    const page = await html([
      text("# Title\n<script>x</script>\n\n[l](javascript:x)"),
      code("const a = '<b>';", [
        display({ "text/html": "<p onclick='x()'>ok<script>bad()</script></p>" }),
        { output_type: "error", ename: "E", evalue: "v", traceback: ["\u001b[31mE\u001b[39m: <v>"] },
        { output_type: "stream", name: "stdout", text: "<i>&" },
      ]),
    ]);
    assert.match(page, /<title>Title<\/title>/);
    assert.doesNotMatch(page, /onclick|javascript:|bad\(\)|<script>x/);
    assert.match(page, /<span class="ansi-red">E<\/span>: &#60;v&#62;/);
    assert.match(page, /<pre class="stream stdout">&#60;i&#62;&#38;/);
    assert.match(page, /hljs-keyword/);
  });

  it("may run their own scripts and load nothing", async () => {
    const page = await html([text("# Title\n\n## Part\n\n## Part")]);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    assert.match(policy, /^default-src 'none'/);
    assert.ok(policy.includes(`script-src ${scriptHash(scripts.page)};`));
    assert.deepEqual([...page.matchAll(/<script[^>]*>/g)].length, 1);
    assert.doesNotMatch(page, /<(?:link|script)[^>]+(?:href|src)=/);
    // Headings of the same name are different places.
    assert.match(
      page,
      /href="#Part">Part<[\s\S]*href="#Part-2">Part<[\s\S]*<h2 id="Part">[\s\S]*<h2 id="Part-2">/,
    );
  });

  it("carry what draws plots once, and only with a plot", async () => {
    const plot = display({
      "application/vnd.vegalite.v5+json": spec,
      "image/svg+xml": "<svg><title>bars</title></svg>",
      "text/plain": "a 1",
    });
    const page = await html([code("1", [plot, plot])]);
    assert.equal(page.split(scripts.plots).length, 2);
    assert.ok(page.includes(scriptHash(scripts.plots)));
    const [, data] = /class="plot-specs">(.*?)<\/script>/.exec(page)!;
    const specs = JSON.parse(data!);
    assert.equal(specs.length, 2);
    assert.match(specs[0].$schema, /\/vega\/v6/);
    assert.equal(page.split('data-plot="').length, 3);
    assert.match(page, /<title>bars<\/title>[\s\S]*<summary>as text<\/summary><pre>a 1/);
    assert.ok(!(await html([code("1")])).includes(scripts.plots));
  });

  it("show the stored picture of a plot that is none", async () => {
    const broken = { ...spec, mark: { type: "no such mark" } };
    const plot = display({ "application/vnd.vegalite.v5+json": broken, "image/svg+xml": "<svg></svg>" });
    const page = await html([code("1", [plot])]);
    assert.ok(!page.includes(scripts.plots));
    assert.match(page, /data-plot="0"><svg>/);
  });

  it("show widgets as they were", async () => {
    const models = {
      box: {
        model_name: "VBoxModel",
        state: { children: ["IPY_MODEL_slider", "IPY_MODEL_out", "IPY_MODEL_box"] },
      },
      slider: { model_name: "IntSliderModel", state: { min: 0, max: 10, value: 4, description: "<n>" } },
      out: {
        model_name: "OutputModel",
        state: { outputs: [{ output_type: "stream", name: "stdout", text: "four" }] },
      },
    };
    const view = { "application/vnd.jupyter.widget-view+json": { model_id: "box" }, "text/plain": "VBox" };
    const widgets = { "application/vnd.jupyter.widget-state+json": { version_major: 2, state: models } };
    const page = await html([code("1", [display(view)])], { widgets });
    assert.match(page, /&#60;n&#62;[\s\S]*left:40\.0%[\s\S]*<output>4<\/output>[\s\S]*four/);
    // Without the state of its models a widget is its text.
    assert.match(await html([code("1", [display(view)])]), /<pre class="plain">VBox<\/pre>/);
  });

  it("take in pictures from the notebook's folder, and from nowhere else", async () => {
    const root = mkdtempSync(path.join(os.tmpdir(), "tilewright-export-"));
    try {
      const folder = path.join(root, "course");
      mkdirSync(folder);
      const png = Buffer.from("89504e470d0a1a0a", "hex");
      for (const file of ["course/a b.png", "secret.png"]) writeFileSync(path.join(root, file), png);
      symlinkSync(path.join(root, "secret.png"), path.join(folder, "link.png"));
      const cell = text("![a](a%20b.png) ![b](../secret.png) ![c](link.png) ![d](gone.png) [e](a%20b.png)");
      const { html } = await notebookPage(notebook([cell]), "n", folder, scripts);
      const pictures = [...html.matchAll(/<img [^>]*>/g)].map(([tag]) => tag);
      assert.match(pictures[0]!, /src="data:image\/png;base64,iVBORw0KGgo="/);
      assert.ok(
        pictures.slice(1).every((tag) => !tag.includes("src")),
        pictures.join(),
      );
      assert.doesNotMatch(html, /<a href[^>]*>e</);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it("have formulas as MathML, and dollars as dollars", async () => {
    const math = await loadTypesetter();
    const made = (source: string) => markdownHtml(source, { math });
    assert.match(made("a $x^2$ b"), /<math[\s\S]*<msup>/);
    assert.match(made("$$\n\\sum_i x_i\n$$"), /<math[^>]*display="block"/);
    assert.match(made("\\begin{align}a&=b\\end{align}"), /<math/);
    for (const plain of ["it costs $5 and $6", "`$x$`", "```\n$x$\n```", "a $ b $ c"])
      assert.doesNotMatch(made(plain), /<math/, plain);
    assert.match(made("$\\href{javascript:alert(1)}{x}$"), /<math/);
    assert.doesNotMatch(made("$\\href{javascript:alert(1)}{x}$"), /href="javascript/);
    assert.match(made("$\\nosuchcommand$"), /nosuchcommand/);
  });

  it("fold hints and solutions", () => {
    const made = markdownHtml(
      "<details><summary>Solution</summary>\n\n```ts solution\nconst a = 1;\n```\n\n</details>",
    );
    assert.match(made, /<details><summary>Solution<\/summary>[\s\S]*hljs-keyword[\s\S]*<\/details>/);
  });
});
