// The views beside the notebook of what ran: plans of memory, profiles, timings, graphs, searches; and after a reload.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import { accessibilityProblems, notebookOf, ready, runCell, save, select } from "../support/page.ts";

const network = `import { BlockBuilder, build, R, runPipeline, Tensor } from "tilewright";
const input = R.var("x", R.tensor([4, 8]));
const weight = R.const(new Float32Array(64).fill(0.5), "f32", [8, 8]);
const bb = new BlockBuilder();
bb.function("main", [input], () => {
  const y = bb.emit(R.matmul(input, weight));
  bb.emitFuncOutput(bb.emit(R.matmul(bb.emit(R.nn.softmax(y, { axis: -1 })), weight)));
});
const network = bb.get();`;
const run = `const lib = await build(network);
const plan = lib.memoryPlan("main");
const profile = await lib.profile("main", [Tensor.random([4, 8])]);
const timing = await lib.time("main", [Tensor.random([4, 8])], { repeats: 2, minMs: 1 });`;
const search = `import { T, tuneTir } from "tilewright";
const product = T.primFunc(
  { A: T.buffer([32, 32]), B: T.buffer([32, 32]), C: T.buffer([32, 32]) },
  ({ A, B, C }) => {
    for (const [i, j, k] of T.grid(32, 32, 32)) {
      T.block("C", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => { C[vi][vj] = 0; });
        C[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
  },
);
let found: unknown;
await tuneTir(product, {
  ...{ numTrials: 12, trialsPerRound: 4, confirm: 0 },
  onProgress: (progress) => { found = progress; },
});`;

describe("browser: the views of what ran", function () {
  this.timeout(600_000);
  const bench = new Workbench();

  const open = (name: string, cells: string[]) => bench.notebook(name, notebookOf(cells));
  const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true });
  const body = (page: Page, text: string | RegExp) =>
    page.locator(".wb-view-body", { hasText: text }).waitFor();
  const plot = async (page: Page, text: string) => {
    await body(page, text);
    await page.locator(".wb-view-body svg").first().waitFor();
  };
  /** Waits until this is what the panel came to look at by itself. */
  const shows = (page: Page, name: string) =>
    page
      .getByLabel("Look at")
      .locator("option:checked", { hasText: new RegExp(`^${name} \\(`) })
      .waitFor({ state: "attached" });
  /** Chooses what is looked at, when it can be chosen. */
  const look = (page: Page, name: string) =>
    page.getByRole("combobox", { name: "Look at" }).selectOption(name);

  it("a graph, its plan of memory, a timeline, and a roofline with a timing; again after a reload", async () => {
    const { page, problems } = await open("ran.ipynb", [network, run]);
    await runCell(page, 0);
    await shows(page, "network");
    await tab(page, "Graph").click();
    await body(page, "nn.softmax");

    await runCell(page, 1);
    await shows(page, "timing");
    await look(page, "plan");
    await tab(page, "Memory plan").click();
    await body(page, "arena of 256 B");
    await page.locator(".wb-view-body svg rect").first().waitFor();
    await look(page, "profile");
    await tab(page, "Timeline").click();
    await body(page, "in 3 steps");
    await page
      .locator(".wb-view-body svg title", { hasText: "matmul" })
      .first()
      .waitFor({ state: "attached" });
    await look(page, "timing");
    await tab(page, "Roofline").click();
    await plot(page, "arithmetic intensity");
    assert.deepEqual(await accessibilityProblems(page), []);

    // The kernel runs on, and has what the cells set, though the page has seen none of them run.
    await save(page);
    await page.reload();
    await ready(page);
    await select(page, 1);
    await shows(page, "timing");
    await look(page, "plan");
    await tab(page, "Memory plan").click();
    await body(page, "arena of 256 B");
    await select(page, 0);
    await shows(page, "network");
    await tab(page, "Graph").click();
    await body(page, "nn.softmax");
    assert.deepEqual(problems, []);
  });

  it("predictions and the space of a search that is over", async () => {
    const { page, problems } = await open("found.ipynb", [search]);
    await runCell(page, 0);
    await look(page, "found");
    await tab(page, "Tuning curve").click();
    await plot(page, "Search");
    await tab(page, "Predictions").click();
    await plot(page, "Predicted against measured");
    await tab(page, "Space").click();
    await plot(page, "Candidates in the space");
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
  });
});
