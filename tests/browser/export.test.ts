// The page's own button for exporting, and what it gives, opened from the disk without a network.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Workbench } from "../support/browser.ts";
import { notebookOf, select } from "../support/page.ts";

describe("browser: export", function () {
  this.timeout(300_000);
  const bench = new Workbench();

  it("downloads the notebook as a page that works by itself", async () => {
    const spec = {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      data: { values: [1, 2, 3].map((n) => ({ n, square: n * n })) },
      mark: "bar",
      encoding: { x: { field: "n", type: "ordinal" }, y: { field: "square", type: "quantitative" } },
    };
    const output = {
      output_type: "display_data",
      data: { "application/vnd.vegalite.v5+json": spec, "text/plain": "squares" },
      metadata: {},
    };
    const hostile = {
      output_type: "display_data",
      data: {
        "text/html":
          "<p>seen</p><img src=\"data:,x\" onerror=\"document.title='run'\"><script>document.title='run'</script>",
      },
      metadata: {},
    };
    const { page, problems } = await bench.notebook(
      "squares.ipynb",
      notebookOf(["squares"], [output, hostile]),
    );
    const downloaded = page.waitForEvent("download", { timeout: 120_000 });
    await page.getByRole("button", { name: /^Export as HTML/ }).click();
    const download = await downloaded;
    assert.equal(download.suggestedFilename(), "squares.html");
    const file = bench.file("squares.html");
    await download.saveAs(file);
    assert.deepEqual(problems, []);

    const { page: alone, problems: complaints } = await bench.page({ offline: true, warnings: true });
    await alone.goto(pathToFileURL(file).href);
    await alone.locator("[data-drawn] svg").waitFor();
    const bars = alone.locator("[data-drawn] svg .mark-rect path");
    assert.equal(await bars.count(), 3);
    await alone.getByText("seen", { exact: true }).waitFor();
    assert.equal(await alone.title(), "squares");
    assert.deepEqual(complaints, []);
  });

  it("shows controls as they were when it was exported", async () => {
    const cell =
      'import { IntSlider } from "tilewright/notebook";\nnew IntSlider({ min: 0, max: 8, value: 3, description: "tile" })';
    const { page, problems } = await bench.notebook("slider.ipynb", notebookOf([cell]));
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    const handle = page.getByRole("slider");
    await handle.waitFor({ timeout: 120_000 });
    await handle.focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".widget-readout", { hasText: "4" }).waitFor({ timeout: 120_000 });
    const downloaded = page.waitForEvent("download", { timeout: 120_000 });
    await page.getByRole("button", { name: /^Export as HTML/ }).click();
    const file = bench.file("slider.html");
    await (await downloaded).saveAs(file);
    assert.match(readFileSync(file, "utf8"), /tile<\/span>[\s\S]*<output>4<\/output>/);
    assert.deepEqual(problems, []);
  });
});
