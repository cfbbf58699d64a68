// Runs that go on while their page is reloaded, or closed and opened again.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import { cellAt, notebookOf, ready, select } from "../support/page.ts";

/** A cell that shows something, changes it when a file is there, and ends then. */
const patient = (file: string) => `import { existsSync } from "node:fs";
import { live } from "tilewright/notebook";
const drawn = (at: string) => ({ [Symbol.for("Jupyter.display")]: () => ({ "text/plain": at }) });
const show = live(({ at }: { at: string; done?: boolean }) => drawn(at));
console.log("begun");
show({ at: "before" });
while (!existsSync("${file}")) await new Promise((after) => setTimeout(after, 20));
show({ at: "after", done: true });
console.log("through");
"value"`;

describe("browser: runs that outlive their page", function () {
  this.timeout(300_000);
  const bench = new Workbench();

  const output = (page: Page, cell: number, text: string | RegExp) =>
    cellAt(page, cell).locator(".jp-OutputArea-output", { hasText: text });
  const runAll = (page: Page) => page.getByRole("button", { name: "Run all cells", exact: true }).click();
  const busy = (page: Page) => page.locator(".wb-kernel[data-state=busy]").waitFor();
  /** The page asks whether it may be left when something is not saved. */
  const letGo = (page: Page) => page.on("dialog", (dialog) => void dialog.accept());

  it("shows what a cell prints and changes over a reload, asks its question again, and runs those that wait", async () => {
    const { page, problems } = await bench.notebook(
      "reload.ipynb",
      notebookOf([patient("go"), "prompt('name?')", "6 * 7"]),
    );
    letGo(page);
    await runAll(page);
    await output(page, 0, "before").waitFor();
    await page.reload();
    await busy(page);
    await page.locator(".wb-run", { hasText: "0 of 3" }).waitFor();
    await page.locator(".wb-running", { hasText: "busy" }).waitFor();
    assert.equal(await output(page, 0, "begun").count(), 1);
    await output(page, 0, "before").waitFor();

    writeFileSync(bench.file("go"), "");
    await output(page, 0, "through").waitFor();
    await output(page, 0, "after").waitFor();
    assert.equal(await output(page, 0, "before").count(), 0, "changed in its place");
    await output(page, 0, "value").waitFor();
    await cellAt(page, 1).locator("input.jp-Stdin-input").waitFor();

    await page.reload();
    await page.locator(".wb-run", { hasText: "0 of 2" }).waitFor();
    await cellAt(page, 1).locator("input.jp-Stdin-input").fill("Ada");
    await page.keyboard.press("Enter");
    await output(page, 1, "'Ada'").waitFor();
    await output(page, 2, "42").waitFor();
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    assert.deepEqual(problems, []);
  });

  it("shows in a new page what a cell did after its page was closed", async () => {
    const { page } = await bench.notebook("close.ipynb", notebookOf([patient("come"), "2 + 3"]));
    letGo(page);
    await runAll(page);
    await output(page, 0, "before").waitFor();
    const context = page.context();
    await page.close({ runBeforeUnload: true });
    while (context.pages().length > 0) await new Promise((after) => setTimeout(after, 20));
    writeFileSync(bench.file("come"), "");
    const id = await bench.kernelOf("close.ipynb");
    for (let state = "busy"; state === "busy"; ) {
      await new Promise((after) => setTimeout(after, 50));
      state = (
        (await (await bench.server.request(`api/kernels/${id}`)).json()) as { execution_state: string }
      ).execution_state;
    }

    const again = await context.newPage();
    await again.goto(`${bench.server.url}#/close.ipynb`);
    await ready(again);
    await output(again, 0, "through").waitFor();
    await output(again, 0, "after").waitFor();
    await output(again, 1, "5").waitFor();
    await again.locator(".wb-saved", { hasText: /^saved$/ }).waitFor();
  });

  it("interrupts after a reload what ran before it, and does not share runs with a second page", async () => {
    const { page, problems } = await bench.notebook(
      "second.ipynb",
      notebookOf(["console.log(1); for (;;) {}"]),
    );
    letGo(page);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await output(page, 0, "1").waitFor();
    const second = await page.context().newPage();
    await second.goto(`${bench.server.url}#/second.ipynb`);
    await cellAt(second, 0).waitFor();
    await page.reload();
    await busy(page);
    await page.getByRole("button", { name: "Interrupt the kernel" }).click();
    await output(page, 0, "Interrupted").waitFor();
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    assert.equal(await output(second, 0, "Interrupted").count(), 0);
    assert.deepEqual(problems, []);
  });

  it("gives up a run whose kernel was started anew while no page was there", async () => {
    const { page } = await bench.notebook("anew.ipynb", notebookOf(["console.log(1); for (;;) {}", "8 * 8"]));
    letGo(page);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await output(page, 0, "1").waitFor();
    await page.goto("about:blank");
    const id = await bench.kernelOf("anew.ipynb");
    await bench.server.request(`api/kernels/${id}/restart`, { method: "POST" });
    await page.goto(`${bench.server.url}#/anew.ipynb`);
    await ready(page);
    await select(page, 1);
    await page.keyboard.press("Control+Enter");
    await output(page, 1, "64").waitFor();
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
  });
});
