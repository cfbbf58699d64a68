// The executed course as a static site: crawled, and read in a browser from the disk.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Pages } from "../support/browser.ts";
import { accessibilityProblems } from "../support/page.ts";
import { filesIn, linkProblems } from "../support/site.ts";
import { cli, executedNotebook, notebooks, scratchFolder } from "./support.ts";

const run = promisify(execFile);
const screenshots = path.resolve("build/screenshots");

describe("notebooks: the course as a site", function () {
  this.timeout(1_200_000);
  let site: string;
  before(async () => {
    const folder = mkdtempSync(path.join(scratchFolder(), "site-"));
    const course = path.join(folder, "course");
    site = path.join(folder, "site");
    mkdirSync(screenshots, { recursive: true });
    cpSync("notebooks", course, { recursive: true });
    for (const name of notebooks)
      copyFileSync(await executedNotebook(name), path.join(course, `${name}.ipynb`));
    const { stdout, stderr } = await run(process.execPath, [cli, "export", "--course", course, "-o", site]);
    assert.match(stdout, new RegExp(`${notebooks.length} chapters`));
    assert.equal(stderr, "", "every cell of every chapter has been run");
  });

  it("has a page for every notebook, and no link that leads nowhere", () => {
    assert.deepEqual(linkProblems(site), []);
    const files = filesIn(site);
    for (const name of notebooks) {
      assert.ok(files.includes(`${name}.html`) && files.includes(`notebooks/${name}.ipynb`), name);
      const page = readFileSync(path.join(site, `${name}.html`), "utf8");
      assert.doesNotMatch(page, /(?:src|href)="(?:\/|file:|https?:\/\/(?!github\.com))/, name);
    }
    const shared = files.filter((file) => file.startsWith("assets/"));
    assert.deepEqual(shared.map((file) => file.replace(/\.[0-9a-f]{10}\./, ".")).sort(), [
      "assets/page.css",
      "assets/page.js",
      "assets/plots.js",
      "assets/search.js",
    ]);
    const bytes = files.reduce((sum, file) => sum + statSync(path.join(site, file)).size, 0);
    const search = statSync(path.join(site, shared.find((file) => file.includes("search"))!)).size;
    console.log(`      ${(bytes / (1 << 20)).toFixed(1)} MiB, search ${(search / 1024).toFixed(0)} KiB`);
    assert.ok(search < 400 << 10, "the index of the search is small");
  });

  describe("in a browser", () => {
    const pages = new Pages();

    it("is read from the disk: index, a chapter, the next one, and what a search finds", async () => {
      const { page, problems } = await pages.page({ offline: true, warnings: true });
      await page.goto(pathToFileURL(path.join(site, "index.html")).href);
      await page.screenshot({ path: path.join(screenshots, "site-index-1280.png") });
      await page.getByRole("link", { name: /^1 · / }).click();
      await page.locator("[data-plot][data-drawn]").first().waitFor();
      await page.screenshot({ path: path.join(screenshots, "site-chapter-1280.png") });
      await page.locator(".pager a[rel=next]").click();
      await page.locator("h1", { hasText: /^2 · / }).waitFor();
      await page.waitForLoadState("load");

      await page.locator(".search:not([hidden])").waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("reverseComputeAt");
      const found = page.locator(".search-results a", { hasText: "reverseComputeAt" }).first();
      await found.waitFor();
      await page.screenshot({ path: path.join(screenshots, "site-search-1280.png") });
      const target = (await found.getAttribute("href"))!;
      await found.click();
      await page.waitForURL((url) => url.href.endsWith(target));
      await page.setViewportSize({ width: 390, height: 844 });
      await page.screenshot({ path: path.join(screenshots, "site-390.png") });
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
      assert.deepEqual(problems, []);
      // It asks for the page's style sheet, which the page's own rules forbid: after what is complained of was looked at.
      assert.deepEqual(await accessibilityProblems(page), []);
    });
  });
});
