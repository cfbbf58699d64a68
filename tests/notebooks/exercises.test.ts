// Exercises: left as they are, each check says so and gives hints; with the solutions put in, each check passes.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { readNotebook } from "../../kernel/notebook/format.ts";
import { cli, executedNotebook, scratchFolder } from "./support.ts";

const run = promisify(execFile);
const notebooks = readdirSync("notebooks").filter((name) => /^\d\dx-.*\.ipynb$/.test(name));

interface RawCell {
  readonly cell_type: string;
  readonly metadata: { readonly tags?: readonly string[] };
  source: string | string[];
}

const sourceOf = (c: RawCell): string => [c.source].flat().join("");

/** Puts the solution that is folded away below an exercise into the exercise's cell. */
function solved(cells: RawCell[]): number {
  let open: RawCell | undefined;
  let count = 0;
  for (const c of cells) {
    if (c.metadata.tags?.includes("exercise")) open = c;
    const solution =
      c.cell_type === "markdown" ? /```ts solution\n([\s\S]*?)```/.exec(sourceOf(c))?.[1] : undefined;
    if (solution === undefined) continue;
    assert.ok(open, "a solution without an exercise before it");
    open.source = solution;
    open = undefined;
    count++;
  }
  assert.equal(open, undefined, "an exercise without a solution");
  return count;
}

const cellsOf = (file: string) => (JSON.parse(readFileSync(file, "utf8")) as { cells: RawCell[] }).cells;

/** The outputs of every cell. */
const outputsIn = (file: string): string[] =>
  readNotebook(file).cells.map((c) => JSON.stringify(c.outputs ?? []));

/** Runs a notebook whose cells were changed, and gives their outputs. */
async function outputs(name: string, change: (cells: RawCell[]) => void): Promise<string[]> {
  const folder = mkdtempSync(path.join(scratchFolder(), "exercise-"));
  cpSync("notebooks", folder, { recursive: true });
  const file = path.join(folder, name);
  const notebook = JSON.parse(readFileSync(file, "utf8")) as { cells: RawCell[] };
  change(notebook.cells);
  writeFileSync(file, JSON.stringify(notebook));
  const output = path.join(folder, "out.ipynb");
  await run(process.execPath, [cli, "run", file, "-o", output], { maxBuffer: 1 << 26 });
  return outputsIn(output);
}

const marks = (texts: readonly string[], mark: string): number =>
  texts.filter((t) => t.includes(`${mark} `)).length;

describe("notebooks: exercises", function () {
  this.timeout(300_000);
  for (const name of notebooks) {
    it(`${name}: unsolved, every check says what is missing`, async () => {
      const cells = cellsOf(path.join("notebooks", name));
      const exercises = cells.filter((c) => c.metadata.tags?.includes("exercise")).length;
      const texts = outputsIn(await executedNotebook(path.basename(name, ".ipynb")));
      assert.ok(exercises >= 3);
      assert.equal(marks(texts, "✗"), exercises);
      assert.ok(texts.some((t) => /for a hint/.test(t)));
    });

    it(`${name}: with the solutions put in, every check passes`, async () => {
      let exercises = 0;
      const texts = await outputs(name, (cells) => {
        exercises = solved(cells);
      });
      assert.equal(marks(texts, "✓"), exercises);
      assert.equal(marks(texts, "✗"), 0);
    });
  }
});
