// Chapters and exercises give the same answers when they are run again: `tilewright check`, with the outputs of the run before
// it. (What Jupyter makes of the chapters is compared by the same rules, in nbconvert.test.ts.) What a search finds, and what only
// measures, carries a tag or is masked; kernel/notebook/mask.ts says how.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { cli, execute, notebooks } from "./support.ts";

const run = promisify(execFile);

describe("notebooks: run again", () => {
  it("there are the nine chapters and the exercises", () => {
    for (const number of ["01", "02", "03", "03x", "04", "04x", "05", "06", "07", "08", "09"])
      assert.ok(
        notebooks.some((name) => name.startsWith(`${number}-`)),
        `chapter ${number}`,
      );
  });

  for (const name of notebooks) {
    it(`${name} passes tilewright check`, async function () {
      this.timeout(900_000);
      // With the cells of ours: they make nodes, too, and some cells of the course print the numbers of theirs.
      const { output: file } = await execute(name);
      const { stdout } = await run(process.execPath, [cli, "check", path.basename(file)], {
        cwd: path.dirname(file),
        maxBuffer: 1 << 26,
      }).catch((error: { stdout: string; stderr: string }) => {
        throw new Error(`${error.stdout}\n${error.stderr}`);
      });
      const [, same, ignored = "0"] =
        /✓ .*: (\d+) as stored, 0 different(?:, (\d+) ignored)?/.exec(stdout) ?? [];
      assert.ok(Number(same) >= 10, stdout);
      assert.ok(Number(ignored) <= Number(same) / 4, `${ignored} of ${same} cells are not compared`);
      assert.doesNotMatch(stdout, /without stored outputs/);
    });
  }
});
