// The page's own button for exporting, and what it gives, opened from the disk without a network.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { notebookOf, openNotebook, select, startBrowser } from "../support/page.ts";
import { requireSystem } from "../support/system.ts";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

describe("browser: export", function () {
  this.timeout(300_000);
  let browser: Browser;
  let server: RunningServer;
  before(async function () {
    requireSystem(this, "chromium");
    server = await startWorkbench();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

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
    writeFileSync(path.join(server.folder, "squares.ipynb"), notebookOf(["squares"], [output, hostile]));
    const { page, problems } = await openNotebook(browser, server, "squares.ipynb");
    const downloaded = page.waitForEvent("download", { timeout: 120_000 });
    await page.getByRole("button", { name: /^Export as HTML/ }).click();
    const download = await downloaded;
    assert.equal(download.suggestedFilename(), "squares.html");
    const file = path.join(server.folder, "squares.html");
    await download.saveAs(file);
    assert.deepEqual(problems, []);
    await page.context().close();

    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, offline: true });
    const alone = await context.newPage();
    alone.setDefaultTimeout(120_000);
    const complaints: string[] = [];
    alone.on("console", (message) => complaints.push(message.text()));
    alone.on("pageerror", (error) => complaints.push(String(error)));
    await alone.goto(pathToFileURL(file).href);
    await alone.locator("[data-drawn] svg").waitFor();
    const bars = alone.locator("[data-drawn] svg .mark-rect path");
    assert.equal(await bars.count(), 3);
    await alone.getByText("seen", { exact: true }).waitFor();
    assert.equal(await alone.title(), "squares");
    assert.deepEqual(complaints, []);
    await context.close();
  });

  it("shows controls as they were when it was exported", async () => {
    const cell =
      'import { IntSlider } from "tilewright/notebook";\nnew IntSlider({ min: 0, max: 8, value: 3, description: "tile" })';
    writeFileSync(path.join(server.folder, "slider.ipynb"), notebookOf([cell]));
    const { page, problems } = await openNotebook(browser, server, "slider.ipynb");
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    const handle = page.getByRole("slider");
    await handle.waitFor({ timeout: 120_000 });
    await handle.focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".widget-readout", { hasText: "4" }).waitFor({ timeout: 120_000 });
    const downloaded = page.waitForEvent("download", { timeout: 120_000 });
    await page.getByRole("button", { name: /^Export as HTML/ }).click();
    const file = path.join(server.folder, "slider.html");
    await (await downloaded).saveAs(file);
    assert.match(readFileSync(file, "utf8"), /tile<\/span>[\s\S]*<output>4<\/output>/);
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});
