// The exported page of every executed chapter, opened from the disk in a real browser that has no network.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type OpenPage, Pages } from "../support/browser.ts";
import { accessibilityProblems } from "../support/page.ts";
import { chapters, execute } from "./support.ts";

const screenshots = path.resolve("build/screenshots");

describe("notebooks: the page in a browser", function () {
  this.timeout(300_000);
  const pages = new Pages();
  before(() => {
    mkdirSync(screenshots, { recursive: true });
  });

  /** Opens a chapter's page without a network; what goes wrong is noted. */
  async function open(chapter: string): Promise<OpenPage> {
    const { html } = await execute(chapter);
    const opened = await pages.page({ offline: true, warnings: true });
    const { page } = opened;
    await page.goto(pathToFileURL(html).href, { waitUntil: "load" });
    await page.waitForFunction(() => document.querySelectorAll("[data-plot]:not([data-drawn])").length === 0);
    return opened;
  }

  for (const chapter of chapters) {
    it(`${chapter}: pictures and plots are there, nothing is complained of`, async () => {
      const { cells } = await execute(chapter);
      const { page, problems } = await open(chapter);
      const seen = await page.evaluate(() => ({
        title: document.title,
        headings: document.querySelectorAll("h1, h2").length,
        pictures: [...document.querySelectorAll(".outputs svg, .outputs img")].map((picture) => {
          const { width, height } = picture.getBoundingClientRect();
          return { width, height, broken: picture instanceof HTMLImageElement && picture.naturalWidth === 0 };
        }),
        plots: document.querySelectorAll(".plot-drawing svg").length,
        widerThanPage: document.documentElement.scrollWidth > window.innerWidth,
      }));
      assert.deepEqual(problems, []);
      assert.ok(seen.title.length > 5 && seen.headings >= 3, JSON.stringify(seen));
      const drawn = cells.filter(({ mimes }) => mimes.includes("image/svg+xml")).length;
      assert.ok(drawn >= 1, "the chapter has a picture or a plot");
      const plots = cells.flatMap(({ mimes }) => mimes.filter((mime) => /vnd\.vega/.test(mime))).length;
      assert.equal(seen.plots, plots, "Vega has drawn every plot");
      const visible = seen.pictures.filter(({ width, height }) => width > 20 && height > 20);
      assert.ok(visible.length >= drawn, `${visible.length} pictures are visible, ${drawn} were drawn`);
      assert.ok(!seen.pictures.some(({ broken }) => broken), "no picture is broken");
      assert.ok(!seen.widerThanPage, "the page does not scroll sideways");
      assert.deepEqual(await accessibilityProblems(page), []);
    });
  }

  it("goes through the steps of a schedule with the arrow keys, and lights up what belongs together", async () => {
    const { page, problems } = await open("03-tensor-program-case-study");
    const display = page.locator(".tw:has(.step-bar)").last();
    const steps = display.locator("details.tw-step");
    const count = await steps.count();
    assert.ok(count >= 3, `${count} steps`);
    const current = display.locator(".tw-step[aria-current=step]");
    const number = display.locator(".step-count");
    assert.equal(await number.innerText(), `step ${count} of ${count}`);
    await current.locator("summary").first().focus();
    await page.keyboard.press("ArrowUp");
    assert.equal(await number.innerText(), `step ${count - 1} of ${count}`);
    assert.ok(await current.locator(".tw-diff:visible").first().isVisible());
    assert.equal(await display.locator("details.tw-step[open]").count(), 1);
    await page.keyboard.press("Home");
    assert.equal(await number.innerText(), `step 1 of ${count}`);
    await page.screenshot({ path: path.join(screenshots, "export-steps-1280.png") });
    await page.keyboard.press("ArrowDown");
    assert.match(await current.innerText(), /^\s*2\s/);

    const line = page.locator(".tw [data-node]").first();
    await line.hover();
    await page.locator(".tw .lit").first().waitFor();
    assert.deepEqual(problems, []);
  });

  it("has a theme of its own, contents that fold where there is no room, and paper without them", async () => {
    const { page, problems } = await open("01-introduction");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    const button = page.getByRole("button", { name: /^Theme/ });
    await button.click();
    assert.equal(await ground(), light);
    await button.click();
    assert.notEqual(await ground(), light);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.screenshot({ path: path.join(screenshots, "export-dark-1280.png") });
    await page.getByRole("link", { name: "Does it work?" }).click();
    await page.locator(".contents a[aria-current]", { hasText: "Does it work?" }).waitFor();

    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator("details.side:not([open])").waitFor();
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: path.join(screenshots, "export-390.png") });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the narrow page is ${overflow} pixels too wide`);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.emulateMedia({ media: "print" });
    assert.ok(!(await page.locator(".bar").isVisible()));
    assert.deepEqual(problems, []);
  });
});
