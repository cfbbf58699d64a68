// "Try it", used as a reader uses it: a file is dropped, looked at, and taken along as a bundle and as a notebook.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { fromOnnx } from "../../lib/frontend/onnx/index.ts";
import { type NDArray, ndarray, numbersOf } from "../../lib/ir/index.ts";
import { runInNode, withFolder } from "../lib/deploy/support.ts";
import { oracle } from "../lib/runtime/vm-support.ts";
import { type OpenPage, Workbench } from "../support/browser.ts";
import { model } from "../support/onnx-model.ts";
import { accessibilityProblems } from "../support/page.ts";
import { smallCnn } from "../support/small-cnn.ts";
import { unzip } from "../support/unzip.ts";

const screenshots = path.resolve("build/screenshots");
/** For what a slow machine does; what hangs ends here. */
const patience = 240_000;

describe("browser: Try it", function () {
  this.timeout(600_000);
  const bench = new Workbench();
  before(() => {
    mkdirSync(screenshots, { recursive: true });
  });

  async function open(): Promise<OpenPage> {
    const opened = await bench.open("try-it");
    opened.page.setDefaultTimeout(patience);
    await opened.page.locator(".wb-try-form").waitFor({ state: "attached" });
    return opened;
  }

  /** Drops files onto the panel, as a file manager does. */
  async function drop(page: Page, files: readonly { name: string; bytes: Uint8Array }[]): Promise<void> {
    const given = files.map(({ name, bytes }) => ({ name, bytes: [...bytes] }));
    await page.locator(".wb-try").evaluate((panel, all) => {
      const transfer = new DataTransfer();
      for (const { name, bytes } of all) transfer.items.add(new File([Uint8Array.from(bytes)], name));
      for (const type of ["dragenter", "dragover", "drop"])
        panel.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, given);
  }

  const status = (page: Page, text: string | RegExp) =>
    page.locator(".wb-try-status").filter({ hasText: text }).waitFor();

  async function shoot(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
  }

  it("a dropped model: sizes, graph, an option, a bundle that runs, a notebook that runs", async () => {
    const { page, problems } = await open();
    assert.deepEqual(await accessibilityProblems(page), []);
    await drop(page, [{ name: "small.onnx", bytes: smallCnn() }]);
    await status(page, /leaves sizes open: batch/);
    assert.match(await page.locator(".wb-try-summary").innerText(), /x: f32\[batch, 4, 8, 8\]/);
    await page.getByLabel("Size batch").fill("2");
    await page.locator(".wb-try-passes summary").click();
    await page.locator(".wb-try-passes label", { hasText: "fuseOps" }).locator("input").uncheck();
    await page.getByRole("button", { name: "Compile and measure" }).click();
    await status(page, "Done.");

    const tab = (name: string) => page.getByRole("tab", { name, exact: true });
    const shown = page.locator(".wb-try [role=tabpanel]:visible");
    await shown.locator("svg").first().waitFor();
    assert.match(await shown.innerText(), /nn\.conv2d/);
    await shoot(page, "try-it-1280");
    // With the keyboard from tab to tab.
    await tab("Graph").focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await tab("Passes").getAttribute("aria-selected"), "true");
    assert.match(await shown.innerText(), /foldConstant/);
    assert.doesNotMatch(await shown.innerText(), /fuseOps/);
    assert.deepEqual(await accessibilityProblems(page), []);
    await tab("Times").click();
    // Without fusion there are more steps than groups.
    assert.match(await shown.innerText(), /in \d+ steps/);
    await tab("Bundle").click();
    assert.match(await shown.innerText(), /kernels\.wasm/);

    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download bundle" }).click();
    const download = await downloading;
    assert.equal(download.suggestedFilename(), "small-bundle.zip");
    await withFolder(async (folder) => {
      for (const [name, bytes] of unzip(readFileSync(await download.path())))
        writeFileSync(path.join(folder, name), bytes);
      const x = Array.from({ length: 2 * 4 * 8 * 8 }, (_, i) => Math.cos(i));
      const got = await runInNode(folder, { x: { data: x, shape: [2, 4, 8, 8], array: "Float32Array" } });
      const given = ndarray("f32", [2, 4, 8, 8], new Uint8Array(Float32Array.from(x).buffer));
      const [scores] = oracle(fromOnnx(smallCnn(2)), [given]) as NDArray[];
      const want = numbersOf(scores!);
      assert.equal(got.scores!.data.length, want.length);
      assert.ok(got.scores!.data.every((v, i) => Math.abs(v - want[i]!) < 1e-5));
    });

    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator(".wb-left").waitFor({ state: "hidden" });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the narrow page is ${overflow} pixels too wide`);
    await tab("Graph").click();
    assert.deepEqual(await accessibilityProblems(page), []);
    await shoot(page, "try-it-390");
    await page.setViewportSize({ width: 1280, height: 800 });

    // Options that were changed are not those of the bundle.
    await page.getByLabel("Size batch").fill("3");
    await page.getByRole("button", { name: "Download bundle" }).and(page.locator(":disabled")).waitFor();
    await page.getByRole("button", { name: "Make notebook" }).click();
    await page.locator(".jp-NotebookPanel .jp-Cell").first().waitFor();
    assert.match(page.url(), /#\/models\/small\.ipynb$/);
    assert.equal(await page.locator(".wb-try").isVisible(), false);
    await page.locator(".wb-chapters [aria-current]", { hasText: "small" }).waitFor();
    assert.deepEqual(problems, []);

    const notebook = bench.file("models/small.ipynb");
    assert.match(readFileSync(notebook, "utf8"), /batch: 3/);
    const out = bench.file("ran.ipynb");
    const cli = path.resolve("dist/kernel/cli.js");
    const { env } = bench.server;
    await promisify(execFile)(process.execPath, [cli, "run", notebook, "-o", out], { env });
    const differences = [...readFileSync(out, "utf8").matchAll(/largestDifference: ([\d.e+-]+|NaN)/g)];
    assert.equal(differences.length, 2);
    for (const [, difference] of differences) assert.ok(Number(difference) < 1e-5, difference);
    assert.ok(existsSync(bench.file("models/small-bundle/manifest.json")));
  });

  it("files that are no models, and nodes that nobody knows, are told; what is chosen next works", async () => {
    const { page, problems } = await open();
    const problem = page.locator(".wb-try-problem");
    // With the keyboard.
    const choosing = page.waitForEvent("filechooser");
    await page.locator(".wb-try-file").focus();
    await page.keyboard.press("Enter");
    const buffer = Buffer.from("this is no model");
    const mimeType = "application/octet-stream";
    await (await choosing).setFiles({ name: "junk.onnx", mimeType, buffer });
    await status(page, "It ended with an error.");
    assert.ok((await problem.innerText()).length > 10);
    for (const name of ["Compile and measure", "Make notebook"])
      assert.equal(await page.getByRole("button", { name }).isDisabled(), true, name);
    assert.deepEqual(await accessibilityProblems(page), []);

    const strange = model({
      inputs: { x: ["f32", [2]] },
      outputs: ["y"],
      nodes: [
        { op: "Frobnicate", in: ["x"], out: ["a"], name: "<b>first</b>" },
        { op: "Defenestrate", in: ["a"], out: ["y"] },
      ],
    });
    await drop(page, [{ name: "strange.onnx", bytes: strange }]);
    const rows = problem.locator("tbody tr");
    await rows.nth(1).waitFor();
    assert.match(await rows.nth(0).innerText(), /node 0 \(Frobnicate "<b>first<\/b>"\)/);
    assert.match(await rows.nth(1).innerText(), /Defenestrate/);
    await shoot(page, "try-it-problems-1280");

    await drop(page, [{ name: "small.onnx", bytes: smallCnn(1) }]);
    await status(page, "Done.");
    assert.equal(await problem.isVisible(), false);
    assert.deepEqual(problems, []);
  });

  it("a graph wider than the page begins at its first box", async () => {
    const { page, problems } = await open();
    const names = Array.from({ length: 24 }, (_, i) => `a${i}`);
    const wide = model({
      inputs: { x: ["f32", [4]] },
      outputs: names,
      nodes: names.map((name) => ({ op: "Relu", in: ["x"], out: [name] })),
    });
    await drop(page, [{ name: "wide.onnx", bytes: wide }]);
    await status(page, "Done.");
    const graph = page.locator(".wb-try [role=tabpanel]:visible .tw-graph");
    await page.waitForFunction(() => {
      const place = document.querySelector(".wb-try [role=tabpanel]:not([hidden]) .tw-graph");
      return place !== null && place.scrollLeft > 0;
    });
    const [place, box] = await Promise.all([
      graph.boundingBox(),
      graph.locator(".tw-box", { hasText: /^\s*x/ }).boundingBox(),
    ]);
    assert.ok(place !== null && box !== null);
    assert.ok(box.x >= place.x && box.x + box.width <= place.x + place.width, "the input is in view");
    assert.deepEqual(problems, []);
  });

  it("a search draws its curve, and can be cancelled", async () => {
    const { page, problems } = await open();
    await drop(page, [{ name: "small.onnx", bytes: smallCnn(1) }]);
    await status(page, "Done.");
    await page.getByRole("spinbutton", { name: "Search" }).fill("100000");
    await page.getByRole("button", { name: "Compile and measure" }).click();
    await page.getByRole("tab", { name: "Search", exact: true }).click();
    await page.locator(".wb-try-plot :is(canvas, svg)").first().waitFor();
    await status(page, /Search: [1-9]\d* of 100000 candidates/);
    await page.getByRole("button", { name: "Cancel" }).click();
    await status(page, "Cancelled.");
    await page.locator(".wb-try-steps [data-state=stopped]", { hasText: "Search" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Compile and measure" }).isEnabled(), true);
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
  });
});
