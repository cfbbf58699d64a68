// The page of an executed chapter, seen in a real browser.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { requireSystem } from "../support/system.ts";
import { chapters, execute } from "./support.ts";

/** Nothing but the page itself: no updates, no network of the browser's own. */
const quiet = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
];

describe("notebooks: the page in a browser", () => {
  let browser: Browser;
  before(async function () {
    this.timeout(60_000);
    requireSystem(this, "chromium");
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: quiet });
  });
  after(() => browser?.close());

  for (const chapter of chapters) {
    it(`${chapter}: pictures and plots are there, nothing is complained of`, async function () {
      this.timeout(300_000);
      const { html, cells } = await execute(chapter);
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("requestfailed", (request) => complaints.push(`not loaded: ${request.url()}`));
      await page.goto(pathToFileURL(html).href, { waitUntil: "load" });
      const seen = await page.evaluate(() => ({
        title: document.title,
        headings: document.querySelectorAll("h1, h2").length,
        pictures: [...document.querySelectorAll(".outputs svg, .outputs img")].map((picture) => {
          const { width, height } = picture.getBoundingClientRect();
          return { width, height, broken: picture instanceof HTMLImageElement && picture.naturalWidth === 0 };
        }),
        widerThanPage: document.documentElement.scrollWidth > window.innerWidth,
      }));
      await page.close();
      assert.deepEqual(complaints, []);
      assert.ok(seen.title.length > 5 && seen.headings >= 3, JSON.stringify(seen));
      const drawn = cells.filter(({ mimes }) => mimes.includes("image/svg+xml")).length;
      assert.ok(drawn >= 1, "the chapter has a picture or a plot");
      const visible = seen.pictures.filter(({ width, height }) => width > 20 && height > 20);
      assert.ok(visible.length >= drawn, `${visible.length} pictures are visible, ${drawn} were drawn`);
      assert.ok(!seen.pictures.some(({ broken }) => broken), "no picture is broken");
      assert.ok(!seen.widerThanPage, "the page does not scroll sideways");
    });
  }
});
