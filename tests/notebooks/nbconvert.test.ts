// The course in a real Jupyter: every chapter executed and exported by nbconvert. It is the second run of each chapter, so
// its outputs have to be those of the first, which was `tilewright run`: what `tilewright check` compares.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { compareOutputs, ruleOf } from "../../kernel/notebook/compare.ts";
import { readNotebook } from "../../kernel/notebook/format.ts";
import { codeCells } from "../../kernel/notebook/run.ts";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { requireSystem, systemPython } from "../support/system.ts";
import { chapters, cli, execute, scratchFolder } from "./support.ts";

const run = promisify(execFile);

/** What does not come again: no more of a chapter's cells than this part may be left out of the comparison. */
const LEAST_COMPARED = 3 / 4;

describe("notebooks: in Jupyter", () => {
  let env: NodeJS.ProcessEnv;
  /** The chapters that nbconvert has executed. */
  const executed = new Map<string, string>();
  before(async function () {
    this.timeout(60_000);
    requireSystem(this, "jupyter-nbconvert");
    env = jupyterEnvironment(mkdtempSync(path.join(scratchFolder(), "jupyter-")));
    await run(process.execPath, [cli, "install", "--user"], { env });
  });

  const nbconvert = (args: readonly string[], cwd: string) =>
    run(systemPython, ["-m", "nbconvert", ...args], { env, cwd, maxBuffer: 1 << 26 });

  for (const chapter of chapters) {
    it(`${chapter} is executed by jupyter nbconvert, and gives what tilewright run gave`, async function () {
      this.timeout(900_000);
      const { output } = await execute(chapter);
      const folder = path.dirname(output);
      await nbconvert(
        ["--to", "notebook", "--execute", `${chapter}.ipynb`, "--output", "jupyter.ipynb"].concat(
          "--ExecutePreprocessor.timeout=240",
        ),
        folder,
      );
      const file = path.join(folder, "jupyter.ipynb");
      executed.set(chapter, file);
      const [before, now] = [output, file].map((name) => codeCells(readNotebook(name)));
      assert.equal(now!.length, before!.length);
      let compared = 0;
      for (const [n, cell] of now!.entries()) {
        const rule = ruleOf(before![n]!);
        const differences = compareOutputs(before![n]!.outputs ?? [], cell.outputs ?? [], rule);
        assert.deepEqual(differences, [], cell.source);
        if (rule.kind !== "ignore") compared++;
      }
      assert.ok(compared >= 10 && compared >= LEAST_COMPARED * now!.length, `${compared} cells are compared`);
    });
  }

  it("what it executed is exported to HTML, with the speed tables and the pictures", async function () {
    this.timeout(300_000);
    const files = [...executed.values()];
    assert.ok(files.length > 0, "no chapter was executed");
    await nbconvert(["--to", "html", ...files], scratchFolder());
    for (const [chapter, file] of executed) {
      const html = readFileSync(file.replace(/ipynb$/, "html"), "utf8");
      assert.match(html, /GFLOP\/s/, `${chapter}: the speed table is there`);
      assert.match(html, /<svg|data:image/, `${chapter}: pictures are there`);
      assert.doesNotMatch(html, /class="[^"]*output_error/, chapter);
    }
  });
});
