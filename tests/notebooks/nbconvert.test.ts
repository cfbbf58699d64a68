// The course in a real Jupyter: every chapter executed and exported by nbconvert.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { requireSystem, systemPython } from "../support/system.ts";
import { chapters, cli, scratchFolder } from "./support.ts";

const run = promisify(execFile);

describe("notebooks: in Jupyter", () => {
  let env: NodeJS.ProcessEnv;
  let folder: string;
  before(async function () {
    this.timeout(60_000);
    requireSystem(this, "jupyter-nbconvert");
    folder = mkdtempSync(path.join(scratchFolder(), "jupyter-"));
    cpSync("notebooks", folder, { recursive: true });
    env = jupyterEnvironment(folder);
    await run(process.execPath, [cli, "install", "--user"], { env });
  });

  for (const chapter of chapters) {
    it(`${chapter} is executed by jupyter nbconvert`, async function () {
      this.timeout(300_000);
      const args = ["--to", "html", "--execute", `${chapter}.ipynb`, "--ExecutePreprocessor.timeout=240"];
      await run(systemPython, ["-m", "nbconvert", ...args], { env, cwd: folder, maxBuffer: 1 << 26 });
      const html = readFileSync(path.join(folder, `${chapter}.html`), "utf8");
      assert.match(html, /GFLOP\/s/, "the speed table is there");
      assert.match(html, /<svg|data:image/, "pictures are there");
      assert.doesNotMatch(html, /class="[^"]*output_error/);
    });
  }
});
