// Controls in a real page: Jupyter Notebook in a browser, with ipywidgets' own models and views.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { skipBecause } from "../../scripts/skip.ts";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { answers, freePort } from "../support/server.ts";
import { requireSystem, systemPython } from "../support/system.ts";

const cli = path.resolve("dist/kernel/cli.js");
const token = "only-for-this-test";
const bundle = path.resolve("tests/compat/node_modules/@jupyter-widgets/html-manager/dist/libembed-amd.js");

/** The cells of the notebook, each after a line `// %%`; the tests look at them by their numbers. */
const cells = readFileSync("tests/compat/widgets/cells.txt", "utf8")
  .split(/^\/\/ %%\n/m)
  .slice(1)
  .map((text) => text.trim());

describe("compat: controls in Jupyter Notebook's page, with ipywidgets' own front end", function () {
  this.timeout(60_000);
  let folder: string;
  let server: ChildProcess;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  before(async function () {
    requireSystem(this, "jupyter-notebook");
    requireSystem(this, "chromium");
    if (!existsSync(bundle)) {
      console.error(
        "\nNOT TESTED: controls in a real page need @jupyter-widgets/html-manager in tests/compat\n",
      );
      skipBecause(this, "needs @jupyter-widgets/html-manager in tests/compat");
    }
    folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-widgets-"));
    const env = jupyterEnvironment(folder);
    execFileSync(process.execPath, [cli, "install", "--user"], { env });
    const custom = path.join(String(env.JUPYTER_CONFIG_DIR), "custom");
    mkdirSync(custom, { recursive: true });
    copyFileSync("tests/compat/widgets/custom.js", path.join(custom, "custom.js"));
    copyFileSync(bundle, path.join(custom, "widgets.js"));
    writeFileSync(path.join(folder, "controls.ipynb"), JSON.stringify(notebook()));
    const port = await freePort();
    const options = { ip: "127.0.0.1", port, port_retries: 0, token, notebook_dir: folder };
    const flags = { ...options, open_browser: "False", allow_root: "True", trust_xheaders: "False" };
    const args = Object.entries(flags).map(([name, value]) => `--NotebookApp.${name}=${value}`);
    server = spawn(systemPython, ["-m", "notebook", ...args], { env, cwd: folder, stdio: "ignore" });
    await answers(`http://127.0.0.1:${port}/api?token=${token}`);
    browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
      ],
    });
    page = await browser.newPage({ viewport: { width: 1200, height: 1600 } });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${port}/notebooks/controls.ipynb?token=${token}`);
    await ready();
  });

  after(async () => {
    await page?.evaluate("Jupyter.notebook.session.delete()").catch(() => undefined);
    await browser?.close();
    if (server) {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await ended;
    }
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const ready = () => page.waitForFunction("window.widgetManager && Jupyter.notebook.kernel.is_connected()");
  const output = (cell: number) => page.locator(".cell").nth(cell).locator(".output_wrapper");

  /** Runs a cell with the page's own command, and waits for its number. */
  async function run(cell: number): Promise<void> {
    await page.evaluate(
      `Jupyter.notebook.get_cell(${cell}).clear_output(); Jupyter.notebook.execute_cells([${cell}])`,
    );
    await page.waitForFunction(`typeof Jupyter.notebook.get_cell(${cell}).input_prompt_number === "number"`);
  }

  /** Waits until the text below a cell matches. */
  async function shows(cell: number, text: RegExp): Promise<void> {
    let seen = "";
    for (const end = Date.now() + 40_000; Date.now() < end; await page.waitForTimeout(50)) {
      seen = await output(cell).innerText();
      if (text.test(seen)) return;
    }
    assert.match(seen, text);
  }

  it("draws a slider, and its listener hears each step of it", async () => {
    await run(0);
    const handle = output(0).locator(".noUi-handle");
    await handle.waitFor();
    await shows(0, /size\s+3$/);
    await handle.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await shows(0, /now 4\s+now 5/);
  });

  it("drags a slider of an interaction, and what its function gives follows", async () => {
    await run(1);
    await shows(1, /16/);
    const handle = output(1).locator(".noUi-handle");
    const track = await output(1).locator(".noUi-target").boundingBox();
    const grip = await handle.boundingBox();
    assert.ok(track && grip);
    await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
    await page.mouse.down();
    await page.mouse.move(track.x + track.width + 20, track.y + track.height / 2, { steps: 12 });
    await page.mouse.up();
    await shows(1, /100/);
    await output(1).locator("input[type=checkbox]").click();
    await shows(1, /100!/);
    assert.equal(await output(1).locator("b").count(), 1, "only the latest result is shown");
  });

  it("presses a button: its handler displays, and moves another control", async () => {
    await run(2);
    const button = output(2).locator("button");
    await button.click();
    await shows(2, /pressed 1/);
    await button.click();
    await shows(2, /pressed 2/);
    await shows(0, /size\s+9/);
  });

  it("moves a progress bar", async () => {
    await run(3);
    await page.waitForFunction(
      () => document.querySelector<HTMLElement>(".progress-bar")?.style.width === "75%",
      undefined,
      { timeout: 15_000 },
    );
  });

  it("chooses and types; the cells have the values", async () => {
    await run(4);
    await output(4).locator("select").selectOption("two");
    await output(4).locator("input[type=text]").fill("b");
    await output(4).locator("input[type=text]").blur();
    await page.waitForTimeout(300);
    await run(5);
    await shows(5, /\[ 9, 2, 2, 'b' \]/);
  });

  it("finds its controls again when the page is opened anew", async () => {
    await page.evaluate("Jupyter.notebook.save_notebook()");
    await page.reload();
    await ready();
    await shows(0, /size\s+9/);
    await output(0).locator(".noUi-handle").focus();
    await page.keyboard.press("ArrowLeft");
    await run(5);
    await shows(5, /\[ 8, 2, 2, 'b' \]/);
  });

  it("complains of nothing", () => assert.deepEqual(complaints, []));
});

function notebook(): object {
  const code = (source: string) => ({
    cell_type: "code",
    execution_count: null,
    metadata: {},
    outputs: [],
    source,
  });
  const kernelspec = { name: "tilewright", display_name: "TypeScript", language: "typescript" };
  return { cells: cells.map(code), metadata: { kernelspec }, nbformat: 4, nbformat_minor: 4 };
}
