// Kernels that die and notebooks that are renamed, deleted or solved, in the workbench's page.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { skipBecause } from "../../scripts/skip.ts";
import { Workbench } from "../support/browser.ts";
import {
  accessibilityProblems,
  cellAt,
  notebookOf,
  ready,
  restartKernel,
  rewrite,
  runCell,
  save,
  select,
} from "../support/page.ts";

describe("browser: kernels and files of the workbench", function () {
  this.timeout(300_000);
  const bench = new Workbench();

  const title = (page: Page, name: string) => page.locator(`.wb-chapters a[href="#/${name}"]`);

  it("a kernel whose process is killed starts anew: text stays, outputs are marked as old", async function () {
    if (!existsSync("/proc/self/cmdline")) skipBecause(this, "processes are found under /proc");
    const { page } = await bench.notebook("killed.ipynb", notebookOf(["const kept = 20; kept", "kept + 1"]));
    await runCell(page, 0);
    await rewrite(page, 1, '"kept" in globalThis');
    kill(await bench.kernelOf("killed.ipynb"));
    await cellAt(page, 0).locator(".wb-old-mark").waitFor();
    await page.locator(".wb-death", { hasText: "variables are gone" }).waitFor();
    await ready(page);
    assert.equal(await cellAt(page, 1).locator(".cm-line").innerText(), '"kept" in globalThis');
    assert.equal(
      await cellAt(page, 1).locator(".wb-old-mark").count(),
      0,
      "a cell without output has no old one",
    );
    await runCell(page, 1);
    await cellAt(page, 1).locator(".jp-OutputArea-output", { hasText: "false" }).waitFor();
    await runCell(page, 0);
    assert.equal(await cellAt(page, 0).locator(".wb-old-mark").count(), 0);
  });

  it("one that dies again and again is shown as dead, and a restart brings it back", async function () {
    if (!existsSync("/proc/self/cmdline")) skipBecause(this, "processes are found under /proc");
    const { page } = await bench.notebook("dead.ipynb", notebookOf(["1 + 1"]));
    await rewrite(page, 0, "20 + 1");
    const id = await bench.kernelOf("dead.ipynb");
    const killing = setInterval(() => kill(id), 50);
    try {
      await page.locator(".wb-kernel[data-state=dead]").waitFor();
    } finally {
      clearInterval(killing);
    }
    assert.match(await page.locator(".wb-kernel").innerText(), /dead: restart it/);
    assert.equal(await cellAt(page, 0).locator(".cm-line").innerText(), "20 + 1");
    await restartKernel(page);
    await runCell(page, 0);
    await cellAt(page, 0).locator(".jp-OutputArea-output", { hasText: "21" }).waitFor();
  });

  it("lists the kernels that run, and ends one", async () => {
    bench.write("first.ipynb", notebookOf(["1"]));
    bench.write("other.ipynb", notebookOf(["2"]));
    const { page } = await bench.notebook("first.ipynb");
    const running = page.locator(".wb-running li");
    await running.filter({ hasText: "first" }).waitFor();
    await title(page, "other.ipynb").click();
    await ready(page);
    await running.filter({ hasText: "other" }).waitFor();
    await page.getByRole("button", { name: "End the kernel of first" }).click();
    await running.filter({ hasText: "first" }).waitFor({ state: "detached" });
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
  });

  it("keeps what the reader points at while its lists are drawn anew", async () => {
    bench.write("pointed.ipynb", notebookOf(["await new Promise((done) => setTimeout(done, 1500))"]));
    bench.write("aim.ipynb", notebookOf(["2"]));
    const { page } = await bench.notebook("pointed.ipynb");
    const state = page.locator(".wb-running li", { hasText: "pointed" }).locator(".wb-progress");
    const progress = title(page, "pointed.ipynb").locator(".wb-progress");
    await state.filter({ hasText: "idle" }).waitFor();
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await state.filter({ hasText: "busy" }).waitFor();
    const stop = page.getByRole("button", { name: "End the kernel of pointed" });
    await stop.focus();
    await title(page, "aim.ipynb").hover();
    await page.mouse.down();
    await stop.focus();
    await state.filter({ hasText: "idle" }).waitFor();
    await progress.filter({ hasText: "done" }).waitFor();
    assert.ok(await stop.evaluate((node) => node === document.activeElement), "the focus is where it was");
    await page.mouse.up();
    await page.waitForURL(/#\/aim\.ipynb$/);
    await ready(page);
  });

  it("renames and deletes notebooks, open ones too", async () => {
    bench.write("old-name.ipynb", notebookOf(["1"]));
    bench.write("unwanted.ipynb", notebookOf(["2"]));
    const { page, problems } = await bench.notebook("old-name.ipynb");
    await title(page, "old-name.ipynb").hover();
    await page.getByRole("button", { name: "Rename old name" }).click();
    await page.locator(".jp-Dialog input").fill("new-name");
    await page.locator(".jp-Dialog button", { hasText: "Rename" }).click();
    await title(page, "new-name.ipynb").waitFor();
    await page.waitForURL(/#\/new-name\.ipynb$/);
    await rewrite(page, 0, "21 * 2");
    await runCell(page, 0);
    await save(page);
    assert.match(readFileSync(bench.file("new-name.ipynb"), "utf8"), /21 \* 2/);
    assert.ok(!existsSync(bench.file("old-name.ipynb")));

    await title(page, "unwanted.ipynb").click();
    await page.waitForURL(/#\/unwanted\.ipynb$/);
    await ready(page);
    await title(page, "unwanted.ipynb").hover();
    await page.getByRole("button", { name: "Delete unwanted" }).click();
    await page.locator(".jp-Dialog button", { hasText: "Delete" }).click();
    await title(page, "unwanted.ipynb").waitFor({ state: "detached" });
    assert.ok(!existsSync(bench.file("unwanted.ipynb")));
    await page.waitForURL((url) => !url.hash.includes("unwanted"));
    await page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first().waitFor();
    assert.deepEqual(problems, []);
  });

  it("counts the exercises of a chapter, and those whose checks were passed", async () => {
    const { cells, ...rest } = JSON.parse(
      notebookOf(["const answer = 41;", "answer === 42 ? ok : wrong"]),
    ) as { cells: { metadata: object; source: string }[] };
    cells[0]!.metadata = { tags: ["exercise"] };
    cells[1]!.source = `({ [Symbol.for("Jupyter.display")]: () => ({ "text/plain": answer === 42 ? "✓ right" : "✗ wrong" }) })`;
    const { page, problems } = await bench.notebook("tasks.ipynb", JSON.stringify({ cells, ...rest }));
    const entry = title(page, "tasks.ipynb");
    await entry.locator(".wb-label", { hasText: "1 exercise" }).waitFor();
    await runCell(page, 0);
    await runCell(page, 1);
    await entry.locator(".wb-progress", { hasText: "0 of 1 solved" }).waitFor();
    await rewrite(page, 0, "const answer = 42;");
    await runCell(page, 0);
    await runCell(page, 1);
    await entry.locator(".wb-done").waitFor();
    assert.deepEqual(problems, []);
  });
});

/** Kills the process of a kernel, as the system does when memory runs out; nothing when there is none at the moment. */
function kill(id: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (line.includes("--connection-file") && line.some((word) => word.endsWith(`${id}.json`)))
        process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended while it was looked at.
    }
  }
}
