// The compiler's views beside the notebook, fed by the kernel.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import { accessibilityProblems, cellAt, notebookOf, runCell, select } from "../support/page.ts";

const screenshots = path.resolve("build/screenshots");

const program = `import { T, Schedule } from "tilewright";
const add = T.primFunc({ A: T.buffer([64]), B: T.buffer([64]) }, ({ A, B }) => {
  for (const i of T.serial(64)) {
    T.block("B", () => {
      const vi = T.axis.spatial(64, i);
      B[vi] = A[vi] + 1;
    });
  }
});
const sch = new Schedule(T.module({ add }));
{
  const [i] = sch.getLoops(sch.getBlock("B", "add"));
  const [outer] = sch.split(i, [null, 8]);
  sch.parallel(outer);
}`;
const second = `const wide = new Schedule(T.module({ add }));
{
  const [i] = wide.getLoops(wide.getBlock("B", "add"));
  const [outer, inner] = wide.split(i, [null, 16]);
  wide.vectorize(inner);
}`;
const pipelines = `import { BlockBuilder, PassRecorder, R, runPipeline } from "tilewright";
const run = (bias: boolean) => {
  const w = R.const(new Float32Array(64).fill(0.5), "f32", [8, 8]);
  const x = R.var("x", R.tensor([4, 8]));
  const bb = new BlockBuilder();
  bb.function("main", [x], () => {
    const y = bb.emit(R.matmul(x, w));
    bb.emitFuncOutput(bb.emit(R.nn.relu(bias ? bb.emit(R.exp(y)) : y)));
  });
  const recorder = new PassRecorder();
  runPipeline(bb.get(), { recorder });
  return recorder;
};
const plain = run(false);
const biased = run(true);`;
const search = `import { tuneTir } from "tilewright";
const goOn = new Promise<void>((resolve) => { (globalThis as { goOn?: () => void }).goOn = resolve; });
const found = await tuneTir(add, { numTrials: 3, strategy: "replayFunc", confirm: 0 });
await goOn;`;

describe("browser: the compiler's views", function () {
  this.timeout(300_000);
  const bench = new Workbench();
  before(() => {
    mkdirSync(screenshots, { recursive: true });
  });

  it("what was and what is stand one above the other where there is no room for two columns", async () => {
    const { page, problems } = await open("narrow.ipynb", [program, "sch"]);
    await runCell(page, 0);
    await runCell(page, 1);
    const step = cellAt(page, 1).locator(".tw-step[open]").last();
    const [was, is] = [step.locator("td.tw-del").last(), step.locator("td.tw-add").last()];
    const places = async () => {
      const [before, after] = await Promise.all([was.boundingBox(), is.boundingBox()]);
      assert.ok(before !== null && after !== null);
      return { before, after };
    };
    await page.setViewportSize({ width: 1900, height: 800 });
    const wide = await places();
    assert.ok(wide.after.x > wide.before.x + wide.before.width / 2, "two columns");
    await page.setViewportSize({ width: 390, height: 844 });
    const narrow = await places();
    assert.ok(Math.abs(narrow.after.x - narrow.before.x) < 2, "one column");
    assert.ok(narrow.after.x + narrow.after.width <= 390, "all of it is on the page");
    const gaps = await step.locator("tr:visible").evaluateAll((rows) =>
      rows.map((row) => {
        const lines = [...row.querySelectorAll("td:not(.tw-ln)")].map((line) => line.getBoundingClientRect());
        return row.getBoundingClientRect().height - lines.reduce((sum, { height }) => sum + height, 0);
      }),
    );
    assert.ok(gaps.length > 0);
    assert.ok(Math.max(...gaps) < 1, `there is no room between lines: ${gaps.join(", ")}`);
    assert.deepEqual(problems, []);
  });

  const open = (name: string, cells: string[]) => bench.notebook(name, notebookOf(cells));
  const body = (page: Page, text: string | RegExp) =>
    page.locator(".wb-view-body", { hasText: text }).waitFor();
  const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true });

  it("shows a schedule that no cell displayed: steps by the keyboard, program and tree, WAT, WGSL, estimate", async () => {
    const { page, problems } = await open("schedule.ipynb", [program, second]);
    await runCell(page, 0);
    const steps = page.locator(".wb-steps li");
    await steps.nth(1).waitFor();
    assert.match(
      await page.getByRole("combobox", { name: "Look at" }).locator("option:checked").innerText(),
      /^sch \(schedule\)$/,
    );
    await page.keyboard.press(",");
    assert.match(await page.locator(".wb-steps [aria-current]").innerText(), /split/);
    await page.getByLabel("Search steps").fill("parallel(");
    assert.equal(await steps.count(), 1);
    await page.getByLabel("Search steps").fill("");

    await tab(page, "Program").click();
    await body(page, "Loop tree");
    const loop = page.locator(".wb-view-body .tw-linked summary[data-node*='loop:']").first();
    const key = (await loop.getAttribute("data-node"))!.split(" ")[0]!;
    const box = page.locator(`.wb-view-body .tw-linked rect[data-node~="${key}"]`);
    const light = () => box.evaluate((node) => getComputedStyle(node).fillOpacity);
    const before = await light();
    await loop.hover();
    assert.notEqual(await light(), before, "the loop's box lights up with its line");
    await tab(page, "WAT").click();
    await body(page, "(module");
    await tab(page, "WGSL").click();
    await body(page, "@compute");
    await tab(page, "Estimate").click();
    await body(page, "one iteration touches");
    await tab(page, "Blocks").click();
    await page.locator(".wb-view-body svg").first().waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
  });

  it("puts a view into the notebook, with its code and as it looks", async () => {
    const { page, problems } = await open("copy.ipynb", [program]);
    await runCell(page, 0);
    await tab(page, "WAT").click();
    await body(page, "(module");
    await page.getByRole("button", { name: "Copy as output" }).click();
    await cellAt(page, 1).locator(".cm-line", { hasText: "assembly(sch)" }).waitFor();
    await cellAt(page, 1).locator(".jp-OutputArea-output", { hasText: "(module" }).waitFor();
    await runCell(page, 1);
    await cellAt(page, 1).locator(".jp-OutputArea-executeResult", { hasText: "(module" }).waitFor();
    assert.equal(await cellAt(page, 1).locator("[data-mime-type*=stderr]").count(), 0);
    assert.deepEqual(problems, []);
  });

  it("compares two schedules, and two pipelines", async () => {
    const { page, problems } = await open("compare.ipynb", [program, second, pipelines]);
    await runCell(page, 0);
    await runCell(page, 1);
    await page
      .getByLabel("Look at")
      .locator("option:checked", { hasText: "wide (schedule)" })
      .waitFor({ state: "attached" });
    await page.getByRole("combobox", { name: "Compare with" }).selectOption("sch");
    await tab(page, "Side by side").click();
    await body(page, "Difference from wide to sch");
    await tab(page, "WAT").click();
    await page.locator(".wb-beside > section").nth(1).waitFor();
    await page.getByRole("button", { name: "Wide views" }).click();
    await page.screenshot({ path: path.join(screenshots, "compare-1280.png") });

    await runCell(page, 2);
    await page.getByRole("combobox", { name: "Look at" }).selectOption("biased");
    await tab(page, "Passes").waitFor();
    const steps = page.locator(".wb-steps li");
    await steps.nth(3).waitFor();
    const all = await steps.count();
    await page.getByLabel("hide unchanged").check();
    assert.ok((await steps.count()) < all, "passes that changed nothing are hidden");
    await page.getByRole("combobox", { name: "Compare with" }).selectOption("plain");
    await tab(page, "Pipelines").click();
    await body(page, "from one to the other");
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
  });

  it("leaves the list of values alone, it may be open, when a cell that ran again sets the same ones", async () => {
    const { page, problems } = await open("again.ipynb", [program]);
    await runCell(page, 0);
    await page.locator(".wb-steps li").nth(1).waitFor();
    const option = await page.getByLabel("Look at").locator("option:checked").elementHandle();
    const drawn = await page.locator(".wb-view-body > *").first().elementHandle();
    await runCell(page, 0);
    await page.waitForFunction((node) => !node!.isConnected, drawn);
    await page.locator(".wb-view-body > *").first().waitFor();
    assert.ok(await option!.evaluate((node) => node.isConnected), "the list is the one that was there");
    assert.deepEqual(problems, []);
  });

  it("says after a restart that a name is what another cell set since", async () => {
    const { page, problems } = await open("restarted.ipynb", [`${program}\nsch`, program]);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    const entries = page.getByRole("combobox", { name: "Look at" }).locator("option");
    await entries.filter({ hasText: /^output of this cell$/ }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Restart the kernel" }).click();
    await page.locator(".jp-Dialog button", { hasText: "Restart" }).click();
    await cellAt(page, 0).locator(".wb-old-mark").waitFor();
    await select(page, 1);
    await page.keyboard.press("Control+Enter");
    await cellAt(page, 1).locator(".jp-InputPrompt", { hasText: /\[1\]/ }).waitFor();
    await select(page, 0);
    await entries
      .filter({ hasText: /^output of this cell, by an earlier kernel$/ })
      .waitFor({ state: "attached" });
    await entries
      .filter({ hasText: /^sch \(.*\), as it is in the kernel now$/ })
      .waitFor({ state: "attached" });
    await page.getByRole("tab", { name: "Steps" }).waitFor();
    // Views of the kernel's are not among those of the output.
    assert.equal(await page.getByRole("tab", { name: "WAT" }).count(), 0);
    await cellAt(page, 0).click();
    await page.keyboard.press("Control+Enter");
    await entries.filter({ hasText: /^output of this cell$/ }).waitFor({ state: "attached" });
    assert.deepEqual(problems, []);
  });

  it("draws the curve of a search while it runs", async () => {
    const { page, problems } = await open("search.ipynb", [program, search]);
    await runCell(page, 0);
    await page.locator(".wb-steps li").first().waitFor();
    await select(page, 1);
    await page.keyboard.press("Control+Enter");
    // The cell waits after the search, so what is drawn was drawn while it ran.
    await page.locator(".wb-view-body .wb-vega svg, .wb-view-body .wb-vega canvas").first().waitFor();
    await page
      .getByLabel("Look at")
      .locator("option:checked", { hasText: "search" })
      .waitFor({ state: "attached" });
    assert.equal(await page.locator(".wb-kernel").getAttribute("data-state"), "busy");
    await page
      .getByLabel("Look at")
      .locator("option:checked", { hasText: "3 candidates" })
      .waitFor({ state: "attached" });
    await page.keyboard.press("i");
    await page.keyboard.press("i");
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    assert.deepEqual(problems, []);
  });
});
