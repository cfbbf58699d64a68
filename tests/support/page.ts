// The workbench's page in a headless browser, for tests.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import type { RunningServer } from "./workbench.ts";

/** Starts a browser that asks nobody for anything. `webgpu`: with WebGPU, on the driver in software that it brings. */
export function startBrowser({ webgpu = false } = {}): Promise<Browser> {
  const args = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    ...(webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : []),
  ];
  return chromium.launch({ executablePath: "/usr/bin/chromium", args });
}

/** An open page, and what went wrong in it. */
export interface OpenPage {
  page: Page;
  /** Errors on the page's console, uncaught errors, and answers that are errors. */
  problems: string[];
}

/** A page of its own, with nothing in it yet. */
export async function watchedPage(browser: Browser): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  // For what hangs, not for slow machines.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  return { page, problems };
}

/** Opens the page at a notebook, and waits until a cell can be run. */
export async function openNotebook(browser: Browser, server: RunningServer, name: string): Promise<OpenPage> {
  const opened = await watchedPage(browser);
  await opened.page.goto(`${server.url}?token=${server.token}#/${name}`);
  await ready(opened.page);
  return opened;
}

/** Waits until the kernel of the notebook that is shown is idle. */
export async function ready(page: Page): Promise<void> {
  await page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first().waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}

/** The cell at a place, 0 for the first, of the notebook that is shown. */
export function cellAt(page: Page, index: number) {
  return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(index);
}

/** Makes a cell the active one, in command mode. */
export async function select(page: Page, index: number): Promise<void> {
  await cellAt(page, index).locator(".jp-InputPrompt").first().click();
}

/** Replaces the text of a code cell, as a person does, and goes back to command mode. */
export async function rewrite(page: Page, index: number, text: string): Promise<void> {
  await select(page, index);
  await page.keyboard.press("Enter");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Escape");
}

/** What axe calls serious or critical in the page, a line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async () => {
    type Violation = { id: string; impact: string; nodes: { html: string }[] };
    type Axe = { run(root: Document): Promise<{ violations: Violation[] }> };
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run(document);
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`);
  });
}

/** A notebook of code cells with these texts. */
export function notebookOf(sources: readonly string[], outputs: readonly object[] = []): string {
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { display_name: "TypeScript (Tilewright)", language: "typescript", name: "tilewright" },
    },
    cells: sources.map((source, index) => ({
      cell_type: "code",
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: index === 0 ? outputs : [],
      source,
    })),
  });
}
