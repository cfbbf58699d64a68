// Controls of the kernel's (`tilewright/notebook`) in the workbench's own page.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Workbench } from "../support/browser.ts";
import {
  accessibilityProblems,
  cellAt,
  notebookOf,
  ready,
  restartKernel,
  save,
  select,
} from "../support/page.ts";

const cells = [
  `import * as w from "tilewright/notebook";
w.interact(({ n, loud }) => html\`<b class="square">\${n * n}</b>\${loud ? "!" : ""}\`, { n: [0, 10, 1, 4], loud: false })`,
  `const slider = new w.IntSlider({ description: "size", min: 0, max: 10, value: 3 });
slider.onChange((value) => console.log("now", value));
slider`,
  `const press = new w.Button({ description: "press" });
let pressed = 0;
press.onClick(() => { pressed += 1; slider.value = 9; console.log("pressed", pressed); });
press`,
  `const bar = new w.IntProgress({ description: "done", max: 4 });
display(bar);
for (let i = 1; i <= 3; i++) { await 0; bar.value = i; }`,
];

describe("browser: controls in the workbench", function () {
  this.timeout(300_000);
  const bench = new Workbench();

  it("moves a slider, and the output changes; presses a button; shows progress; lives on over a reload", async () => {
    const { page, problems } = await bench.notebook("controls.ipynb", notebookOf(cells));
    await page.getByRole("button", { name: "Run all cells", exact: true }).click();
    const square = (text: string) => cellAt(page, 0).locator(".square", { hasText: new RegExp(`^${text}$`) });
    await square("16").waitFor();
    await cellAt(page, 0).getByRole("slider", { name: "n" }).focus();
    await page.keyboard.press("ArrowRight");
    await square("25").waitFor();
    await page.keyboard.press("ArrowRight");
    await square("36").waitFor();
    assert.equal(await cellAt(page, 0).locator(".square").count(), 1, "only the latest result is shown");
    await cellAt(page, 0).locator("input[type=checkbox]").click();
    await cellAt(page, 0).locator(".jp-OutputArea-output", { hasText: "36!" }).first().waitFor();

    await cellAt(page, 1).getByRole("slider", { name: "size" }).focus();
    await page.keyboard.press("ArrowRight");
    await shows(page, 1, /now 4/);
    await cellAt(page, 2).getByRole("button", { name: "press" }).click();
    await shows(page, 2, /pressed 1/);
    // The button moved the slider of the cell above, whose listener spoke.
    await cellAt(page, 1).locator(".widget-readout", { hasText: "9" }).waitFor();
    await cellAt(page, 3).locator(".progress-bar[style*='75%']").waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);

    // A page that is opened again finds the controls of the kernel that runs on.
    await save(page);
    await page.reload();
    await ready(page);
    await cellAt(page, 0).getByRole("slider", { name: "n" }).focus();
    await page.keyboard.press("ArrowRight");
    await square("49").waitFor();

    // A kernel that was started anew has no controls: what they showed stands there, and running the cell brings them back.
    await restartKernel(page);
    await select(page, 0);
    await page.keyboard.press("Control+Enter");
    await square("16").waitFor();
    await cellAt(page, 0).getByRole("slider", { name: "n" }).focus();
    await page.keyboard.press("ArrowRight");
    await square("25").waitFor();
    assert.deepEqual(problems, []);
  });

  it("shows the first result where no kernel has the control", async () => {
    const output = {
      output_type: "execute_result",
      execution_count: 1,
      metadata: {},
      data: {
        "application/vnd.jupyter.widget-view+json": { version_major: 2, version_minor: 0, model_id: "gone" },
        "text/html": "<i>what it showed</i>",
        "text/plain": "n = 4",
      },
    };
    const { page, problems } = await bench.notebook("stored.ipynb", notebookOf(["1"], [output]));
    await cellAt(page, 0).locator("i", { hasText: "what it showed" }).waitFor();
    assert.deepEqual(problems, []);
  });
});

/** Waits until the text below a cell matches. */
async function shows(page: Page, cell: number, text: RegExp): Promise<void> {
  await cellAt(page, cell).locator(".jp-OutputArea-output", { hasText: text }).first().waitFor();
}
