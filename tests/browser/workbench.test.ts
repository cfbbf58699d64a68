// The built page and the real server, used as a reader uses them.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import {
  accessibilityProblems,
  cellAt,
  markReady,
  notebookOf,
  ready,
  readyAfter,
  restartKernel,
  rewrite,
  save,
  select,
} from "../support/page.ts";

const screenshots = path.resolve("build/screenshots");

describe("browser: the workbench", function () {
  this.timeout(300_000);
  const bench = new Workbench();
  before(() => {
    mkdirSync(screenshots, { recursive: true });
    const chapter = "01-introduction.ipynb";
    copyFileSync(path.join("notebooks", chapter), bench.file(chapter));
  });

  it("runs chapter 1 to the end, steps through a schedule with the keyboard, and is accessible", async () => {
    const { page, problems } = await bench.page();
    await markReady(page);
    await page.goto(bench.address("/01-introduction.ipynb"));
    await ready(page);
    const after = await readyAfter(page);
    console.log(`      first cell can be run ${Math.round(after)} ms after the page is asked for`);
    const bytes = await page.evaluate(() =>
      (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
        .filter(({ name }) => /\.(js|css)(\?|$)/.test(name))
        .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    );
    console.log(`      after ${Math.round(bytes / 1024)} KB of scripts and styles, compressed`);
    assert.ok(bytes > 100_000 && bytes < 2_000_000, "what the page loads at its start stays under 2 MB");
    await page.screenshot({ path: path.join(screenshots, "open-1280.png") });
    await page.getByRole("button", { name: "Run all cells", exact: true }).click();
    await page.locator(".wb-chapters [aria-current] .wb-done").waitFor({ timeout: 280_000 });
    assert.equal(
      await page.locator(".jp-RenderedText[data-mime-type*=stderr], .jp-RenderedError").count(),
      0,
    );
    assert.equal(await page.locator(".wb-stale-mark").count(), 0);
    assert.match(await page.title(), /Introduction.* · Tilewright/);

    const cells = page.locator(".jp-Cell");
    const withSteps = await cells.evaluateAll((all) =>
      all.findIndex((cell) => cell.querySelector(".tw-step")),
    );
    await select(page, withSteps);
    const current = page.locator(".wb-steps [aria-current] code");
    await current.filter({ hasText: "decomposeReduction" }).waitFor();
    await page.locator(".wb-steps").focus();
    await page.keyboard.press("ArrowUp");
    assert.match(await current.innerText(), /sch\.reorder/);
    assert.match(await page.locator(".wb-view-body").innerText(), /loops reordered/);
    await page.keyboard.press("ArrowDown");
    assert.match(await current.innerText(), /decomposeReduction/);

    assert.deepEqual(await accessibilityProblems(page), []);
    await page.screenshot({ path: path.join(screenshots, "steps-1280.png") });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator(".wb-steps").waitFor({ state: "hidden" });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the narrow page is ${overflow} pixels too wide`);
    await page.screenshot({ path: path.join(screenshots, "steps-390.png") });
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
  });

  it("marks cells whose inputs changed, and takes the marks away when they ran again", async () => {
    const { page, problems } = await bench.notebook(
      "stale.ipynb",
      notebookOf(["const a = 1;", "const b = a + 1;", "b * 10", "[1].map((a) => a)"]),
    );
    const marks = page.locator(".wb-stale-mark");
    await runAll(page, "20");
    await rewrite(page, 0, "const a = 5;");
    await page.locator(".wb-stale-count", { hasText: "3 stale" }).waitFor();
    assert.match(await marks.nth(0).innerText(), /edited since it ran/);
    assert.match(await marks.nth(1).innerText(), /a comes from code cell 1, which is stale/);
    assert.match(await marks.nth(2).innerText(), /b comes from code cell 2/);
    // The last cell's `a` is its own.
    assert.equal(await cellAt(page, 3).locator(".wb-stale-mark").count(), 0);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await page.locator(".wb-stale-count", { hasText: "2 stale" }).waitFor();
    assert.match(await marks.nth(0).innerText(), /a was set again in code cell 1 after this ran/);
    await select(page, 1);
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    await page.locator(".wb-stale-count").waitFor({ state: "hidden" });
    assert.equal((await cellAt(page, 2).locator(".jp-OutputArea-output").innerText()).trim(), "60");
    assert.deepEqual(problems, []);
  });

  it("interrupts an endless loop, restarts without losing text, and finds everything after a reload", async () => {
    const { page, problems } = await bench.notebook(
      "loop.ipynb",
      notebookOf(["let kept = 1;", "kept = 2; await 0; while (true) {}", "kept"]),
    );
    await select(page, 0);
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Control+Enter");
    await page.locator(".wb-kernel[data-state=busy]").waitFor();
    // Completion is answered while the cell runs.
    await select(page, 2);
    await page.keyboard.press("Enter");
    await page.keyboard.press("End");
    await page.keyboard.type(".toFix");
    await page.keyboard.press("Tab");
    await page.locator(".jp-Completer-item", { hasText: "toFixed" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".jp-CodeCell .cm-line", { hasText: "kept.toFixed" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("i");
    await page.keyboard.press("i");
    // Not the kernel's state: the end of the completion was an idle one, too.
    await cellAt(page, 1).locator(".jp-OutputArea-output", { hasText: "Interrupted" }).waitFor();
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    await rewrite(page, 2, "kept + 40");
    await page.keyboard.press("Control+Enter");
    await cellAt(page, 2).locator(".jp-OutputArea-output", { hasText: "42" }).waitFor();

    await restartKernel(page);
    await rewrite(page, 1, "kept = 3; // rewritten");
    await select(page, 0);
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    await cellAt(page, 2).locator(".jp-OutputArea-output", { hasText: "43" }).waitFor();
    await save(page);
    await page.reload();
    await ready(page);
    assert.equal(await cellAt(page, 1).locator(".cm-line").innerText(), "kept = 3; // rewritten");
    assert.equal((await cellAt(page, 2).locator(".jp-OutputArea-output").innerText()).trim(), "43");
    const stored: unknown = JSON.parse(readFileSync(bench.file("loop.ipynb"), "utf8"));
    assert.match(JSON.stringify(stored), /rewritten/);
    assert.deepEqual(problems, []);
  });

  it("verifies stored outputs from a new kernel, and says which differ", async () => {
    const { page, problems } = await bench.notebook(
      "verify.ipynb",
      notebookOf(["const n = 4; n", "Math.random()", "n + 1"]),
    );
    await runAll(page, "5");
    await page.getByRole("button", { name: /^Verify/ }).click();
    const dialog = page.locator(".jp-Dialog .wb-verdict");
    await dialog.waitFor();
    assert.match(await dialog.innerText(), /2 cells gave the same again, 1 differ/);
    assert.match(await dialog.locator("summary").innerText(), /^Cell 2: the result differs/);
    assert.deepEqual(problems, []);
  });

  it("shows a kernel that died as dead, and starts another without losing unsaved text", async () => {
    const { page } = await bench.notebook("dead.ipynb", notebookOf(["1 + 1"]));
    await rewrite(page, 0, "20 + 1");
    const id = await bench.kernelOf("dead.ipynb");
    await bench.server.request(`api/kernels/${id}`, { method: "DELETE" });
    await page.locator(".wb-kernel[data-state=dead]").waitFor();
    await restartKernel(page);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await cellAt(page, 0).locator(".jp-OutputArea-output", { hasText: "21" }).waitFor();
  });

  it("runs no script that stands in the outputs of a foreign notebook", async () => {
    const html = "<b>bold</b><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>";
    const data = { "text/html": html, "application/javascript": "window.ran = 3" };
    const output = { output_type: "display_data", metadata: {}, data };
    const { page } = await bench.notebook("foreign.ipynb", notebookOf(["1"], [output]));
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => (globalThis as { ran?: number }).ran), undefined);
  });

  it("types and scrolls in a notebook of 300 cells", async () => {
    const cells = Array.from({ length: 300 }, (_, n) => `const value${n} = ${n};\nvalue${n} * 2 // of ${n}`);
    const { page, problems } = await bench.notebook("large.ipynb", notebookOf(cells));
    await select(page, 3);
    await page.keyboard.press("Enter");
    await page.evaluate(() => {
      const times: number[] = [];
      Object.assign(globalThis, { times });
      document.addEventListener(
        "keydown",
        ({ timeStamp }) =>
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => times.push(performance.now() - timeStamp);
            port2.postMessage(0);
          }),
        true,
      );
    });
    // As fast as somebody types: 15 letters a second.
    await page.keyboard.type("const typed = 12345; // and so on, for a while", { delay: 65 });
    const times = await page.evaluate(() => (globalThis as unknown as { times: number[] }).times);
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)]!;
    console.log(
      `      300 cells: from key to paint ${median.toFixed(1)} ms in the median of ${times.length}`,
    );
    assert.ok(times.length > 40);
    await page.keyboard.press("Escape");
    await page.locator(".jp-Notebook .jp-WindowedPanel-outer").evaluate((outer) => outer.scrollTo(0, 1e6));
    await page.locator(".cm-line", { hasText: "of 299" }).waitFor();
    assert.deepEqual(problems, []);
  });
});

/** Runs all cells, and waits for a text in the outputs. */
async function runAll(page: Page, text: string): Promise<void> {
  await page.getByRole("button", { name: "Run all cells", exact: true }).click();
  await page.locator(".jp-OutputArea-output", { hasText: new RegExp(`^\\s*${text}\\s*$`) }).waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}
