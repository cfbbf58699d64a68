// A server that goes away while its page is open, and comes back: nothing that was written is lost.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import { cellAt, notebookOf, ready, restartKernel, rewrite, select } from "../support/page.ts";
import { answers } from "../support/server.ts";

describe("browser: a server that goes away", function () {
  this.timeout(300_000);
  const bench = new Workbench();
  let second: ChildProcess | undefined;

  afterEach(async () => {
    if (second?.exitCode !== null || second.signalCode !== null) return;
    const ended = once(second, "exit");
    second.kill();
    await ended;
  });

  it("saves what was written meanwhile, and starts a kernel, once the page knows the new server", async () => {
    const { page } = await bench.notebook("away.ipynb", notebookOf(["const a = 20; a", "a + 1"]));
    const { server } = bench;
    await run(page, 0, "20");
    const ended = once(server.process, "exit");
    server.process.kill("SIGKILL");
    await ended;
    const banner = page.locator(".wb-banner");
    await banner.filter({ hasText: "The server does not answer" }).waitFor();
    await rewrite(page, 1, "a + 22 // written meanwhile");
    // It waits, for a kernel that is no more.
    await page.keyboard.press("Control+Enter");

    // Started anew, a server has a token of its own.
    const token = `${server.token}-2`;
    const options = ["start", server.folder, "--no-browser", "--port", String(server.port), "--token", token];
    second = spawn(process.execPath, [path.resolve("dist/kernel/cli.js"), ...options], {
      env: server.env,
      cwd: server.folder,
      stdio: "ignore",
    });
    await answers(`${server.url}api?token=${token}`, second);
    await banner.filter({ hasText: "Open the address that it printed" }).waitFor();
    const other = await page.context().newPage();
    await other.goto(`${server.url}?token=${token}#try-it`);
    await other.locator(".wb-try-form").waitFor({ state: "attached" });

    await banner.filter({ hasText: "The server was started anew, and with it the kernel" }).waitFor();
    await page.locator(".wb-saved", { hasText: /^saved$/ }).waitFor();
    assert.match(readFileSync(bench.file("away.ipynb"), "utf8"), /written meanwhile/);
    assert.equal(await page.locator(".jp-Dialog").count(), 0);
    // Not busy with the cell that was asked of the old kernel.
    await ready(page);
    await run(page, 0, "20");
    await run(page, 1, "42");
  });
});

describe("browser: a kernel that is restarted while a cell runs", function () {
  this.timeout(300_000);
  const bench = new Workbench();

  it("is idle when it is there again", async () => {
    const { page, problems } = await bench.notebook(
      "restarted.ipynb",
      notebookOf(["console.log('begun'); await new Promise(() => {});", "6 * 7"]),
    );
    await select(page, 0);
    await page.keyboard.press("Shift+Enter");
    await cellAt(page, 0).locator(".jp-OutputArea-output", { hasText: "begun" }).waitFor();
    await page.locator(".wb-kernel[data-state=busy]").waitFor();
    await restartKernel(page);
    await run(page, 1, "42");
    assert.deepEqual(problems, []);
  });
});

/** Runs a cell, and waits for its output. */
async function run(page: Page, index: number, output: string): Promise<void> {
  await select(page, index);
  await page.keyboard.press("Control+Enter");
  await cellAt(page, index)
    .locator(".jp-OutputArea-output", { hasText: new RegExp(`^\\s*${output}\\s*$`) })
    .waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}
