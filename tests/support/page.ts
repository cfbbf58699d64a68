// What tests do in the workbench's page, and what they ask of any page.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

/** Waits until the kernel of the notebook that is shown is idle. */
export async function ready(page: Page): Promise<void> {
  await page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first().waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}

/**
 * Has a page that is opened next mark as "ready" (`performance.mark`) when a cell can be run: the kernel is idle, the cell is
 * there, and what is drawn with it has been painted. A locator looks only every half second, which is no measure of two.
 */
export async function markReady(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const watch = new MutationObserver(() => {
      const cell = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell");
      if (!cell || !document.querySelector(".wb-kernel[data-state=idle]")) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => performance.mark("ready")));
    });
    watch.observe(document, { subtree: true, childList: true, attributes: true });
  });
}

/** Milliseconds from the request for the page to what `markReady` has it mark. */
export function readyAfter(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          for (const { startTime } of list.getEntriesByName("ready")) resolve(startTime);
        }).observe({ type: "mark", buffered: true });
      }),
  );
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

/** Runs a cell, and waits until it is through. */
export async function runCell(page: Page, index: number): Promise<void> {
  await select(page, index);
  await page.keyboard.press("Control+Enter");
  await cellAt(page, index)
    .locator(".jp-InputPrompt", { hasText: /\[\d+\]/ })
    .waitFor();
  await page.locator(".wb-kernel[data-state=idle]").waitFor();
}

/** Asks the page for another kernel, and waits until it is ready. */
export async function restartKernel(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Restart the kernel" }).click();
  await page.locator(".jp-Dialog button", { hasText: "Restart" }).click();
  await ready(page);
}

/** Saves the notebook, and waits until it is saved. */
export async function save(page: Page): Promise<void> {
  await page.keyboard.press("ControlOrMeta+s");
  await page.locator(".wb-saved", { hasText: /^saved$/ }).waitFor();
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
