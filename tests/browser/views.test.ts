// The compiler's views beside the notebook, fed by the kernel.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import {
  accessibilityProblems,
  cellAt,
  notebookOf,
  openNotebook,
  select,
  startBrowser,
} from "../support/page.ts";
import { requireSystem } from "../support/system.ts";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

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
  let browser: Browser;
  let server: RunningServer;

  before(async function () {
    requireSystem(this, "chromium");
    mkdirSync(screenshots, { recursive: true });
    server = await startWorkbench();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = (name: string, cells: string[]) => {
    writeFileSync(path.join(server.folder, name), notebookOf(cells));
    return openNotebook(browser, server, name);
  };
  const body = (page: Page, text: string | RegExp) =>
    page.locator(".wb-view-body", { hasText: text }).waitFor();
  const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true });

  it("shows a schedule that no cell displayed: steps by the keyboard, program and tree, WAT, WGSL, estimate", async () => {
    const { page, problems } = await open("schedule.ipynb", [program, second]);
    await runAt(page, 0);
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
    await page.context().close();
  });

  it("puts a view into the notebook, with its code and as it looks", async () => {
    const { page, problems } = await open("copy.ipynb", [program]);
    await runAt(page, 0);
    await tab(page, "WAT").click();
    await body(page, "(module");
    await page.getByRole("button", { name: "Copy as output" }).click();
    await cellAt(page, 1).locator(".cm-line", { hasText: "assembly(sch)" }).waitFor();
    await cellAt(page, 1).locator(".jp-OutputArea-output", { hasText: "(module" }).waitFor();
    await runAt(page, 1);
    await cellAt(page, 1).locator(".jp-OutputArea-executeResult", { hasText: "(module" }).waitFor();
    assert.equal(await cellAt(page, 1).locator("[data-mime-type*=stderr]").count(), 0);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("compares two schedules, and two pipelines", async () => {
    const { page, problems } = await open("compare.ipynb", [program, second, pipelines]);
    await runAt(page, 0);
    await runAt(page, 1);
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

    await runAt(page, 2);
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
    await page.context().close();
  });

  it("draws the curve of a search while it runs", async () => {
    const { page, problems } = await open("search.ipynb", [program, search]);
    await runAt(page, 0);
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
    await page.context().close();
  });
});

/** Runs a cell, and waits until it is through. */
async function runAt(page: Page, index: number): Promise<void> {
  await select(page, index);
  await page.keyboard.press("Control+Enter");
  await cellAt(page, index)
    .locator(".jp-InputPrompt", { hasText: /\[\d+\]/ })
    .waitFor();
}
