// Kernels that die and notebooks that are renamed, deleted or solved, in the workbench's page.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { skipBecause } from "../../scripts/skip.ts";
import {
  accessibilityProblems,
  cellAt,
  notebookOf,
  openNotebook,
  ready,
  rewrite,
  select,
  startBrowser,
} from "../support/page.ts";
import { requireSystem } from "../support/system.ts";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

describe("browser: kernels and files of the workbench", function () {
  this.timeout(300_000);
  let browser: Browser;
  let server: RunningServer;

  before(async function () {
    requireSystem(this, "chromium");
    server = await startWorkbench();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const write = (name: string, text: string) => writeFileSync(path.join(server.folder, name), text);
  const kernelId = async (name: string): Promise<string> => {
    const sessions = (await (await server.request("api/sessions")).json()) as {
      path: string;
      kernel: { id: string };
    }[];
    return sessions.find((session) => session.path === name)!.kernel.id;
  };
  const title = (page: Page, name: string) => page.locator(`.wb-chapters a[href="#/${name}"]`);

  it("a kernel whose process is killed starts anew: text stays, outputs are marked as old", async function () {
    if (!existsSync("/proc/self/cmdline")) skipBecause(this, "processes are found under /proc");
    write("killed.ipynb", notebookOf(["const kept = 20; kept", "kept + 1"]));
    const { page } = await openNotebook(browser, server, "killed.ipynb");
    await runAt(page, 0);
    await rewrite(page, 1, '"kept" in globalThis');
    kill(await kernelId("killed.ipynb"));
    await cellAt(page, 0).locator(".wb-old-mark").waitFor();
    await page.locator(".wb-death", { hasText: "variables are gone" }).waitFor();
    await ready(page);
    assert.equal(await cellAt(page, 1).locator(".cm-line").innerText(), '"kept" in globalThis');
    assert.equal(
      await cellAt(page, 1).locator(".wb-old-mark").count(),
      0,
      "a cell without output has no old one",
    );
    await runAt(page, 1);
    await cellAt(page, 1).locator(".jp-OutputArea-output", { hasText: "false" }).waitFor();
    await runAt(page, 0);
    assert.equal(await cellAt(page, 0).locator(".wb-old-mark").count(), 0);
    await page.context().close();
  });

  it("one that dies again and again is shown as dead, and a restart brings it back", async function () {
    if (!existsSync("/proc/self/cmdline")) skipBecause(this, "processes are found under /proc");
    write("dead.ipynb", notebookOf(["1 + 1"]));
    const { page } = await openNotebook(browser, server, "dead.ipynb");
    await rewrite(page, 0, "20 + 1");
    const id = await kernelId("dead.ipynb");
    const killing = setInterval(() => kill(id), 50);
    try {
      await page.locator(".wb-kernel[data-state=dead]").waitFor();
    } finally {
      clearInterval(killing);
    }
    assert.match(await page.locator(".wb-kernel").innerText(), /dead: restart it/);
    assert.equal(await cellAt(page, 0).locator(".cm-line").innerText(), "20 + 1");
    await page.getByRole("button", { name: "Restart the kernel" }).click();
    await page.locator(".jp-Dialog button", { hasText: "Restart" }).click();
    await ready(page);
    await runAt(page, 0);
    await cellAt(page, 0).locator(".jp-OutputArea-output", { hasText: "21" }).waitFor();
    await page.context().close();
  });

  it("lists the kernels that run, and ends one", async () => {
    write("first.ipynb", notebookOf(["1"]));
    write("other.ipynb", notebookOf(["2"]));
    const { page } = await openNotebook(browser, server, "first.ipynb");
    const running = page.locator(".wb-running li");
    await running.filter({ hasText: "first" }).waitFor();
    await title(page, "other.ipynb").click();
    await ready(page);
    await running.filter({ hasText: "other" }).waitFor();
    await page.getByRole("button", { name: "End the kernel of first" }).click();
    await running.filter({ hasText: "first" }).waitFor({ state: "detached" });
    await page.locator(".wb-kernel[data-state=idle]").waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.context().close();
  });

  it("renames and deletes notebooks, open ones too", async () => {
    write("old-name.ipynb", notebookOf(["1"]));
    write("unwanted.ipynb", notebookOf(["2"]));
    const { page, problems } = await openNotebook(browser, server, "old-name.ipynb");
    await title(page, "old-name.ipynb").hover();
    await page.getByRole("button", { name: "Rename old name" }).click();
    await page.locator(".jp-Dialog input").fill("new-name");
    await page.locator(".jp-Dialog button", { hasText: "Rename" }).click();
    await title(page, "new-name.ipynb").waitFor();
    await page.waitForURL(/#\/new-name\.ipynb$/);
    await rewrite(page, 0, "21 * 2");
    await runAt(page, 0);
    await page.keyboard.press("ControlOrMeta+s");
    await page.locator(".wb-saved", { hasText: /^saved$/ }).waitFor();
    assert.match(readFileSync(path.join(server.folder, "new-name.ipynb"), "utf8"), /21 \* 2/);
    assert.ok(!existsSync(path.join(server.folder, "old-name.ipynb")));

    await title(page, "unwanted.ipynb").click();
    await page.waitForURL(/#\/unwanted\.ipynb$/);
    await ready(page);
    await title(page, "unwanted.ipynb").hover();
    await page.getByRole("button", { name: "Delete unwanted" }).click();
    await page.locator(".jp-Dialog button", { hasText: "Delete" }).click();
    await title(page, "unwanted.ipynb").waitFor({ state: "detached" });
    assert.ok(!existsSync(path.join(server.folder, "unwanted.ipynb")));
    await page.waitForURL((url) => !url.hash.includes("unwanted"));
    await page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first().waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("counts the exercises of a chapter, and those whose checks were passed", async () => {
    const { cells, ...rest } = JSON.parse(
      notebookOf(["const answer = 41;", "answer === 42 ? ok : wrong"]),
    ) as { cells: { metadata: object; source: string }[] };
    cells[0]!.metadata = { tags: ["exercise"] };
    cells[1]!.source = `({ [Symbol.for("Jupyter.display")]: () => ({ "text/plain": answer === 42 ? "✓ right" : "✗ wrong" }) })`;
    write("tasks.ipynb", JSON.stringify({ cells, ...rest }));
    const { page, problems } = await openNotebook(browser, server, "tasks.ipynb");
    const entry = title(page, "tasks.ipynb");
    await entry.locator(".wb-label", { hasText: "1 exercise" }).waitFor();
    await runAt(page, 0);
    await runAt(page, 1);
    await entry.locator(".wb-progress", { hasText: "0 of 1 solved" }).waitFor();
    await rewrite(page, 0, "const answer = 42;");
    await runAt(page, 0);
    await runAt(page, 1);
    await entry.locator(".wb-done").waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
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

/** Runs a cell, and waits until it is through. */
async function runAt(page: Page, index: number): Promise<void> {
  await select(page, index);
  await page.keyboard.press("Control+Enter");
  await cellAt(page, index)
    .locator(".jp-InputPrompt", { hasText: /\[\d+\]/ })
    .waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}
