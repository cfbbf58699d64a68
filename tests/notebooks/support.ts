// The chapters of the course, run once each for all tests of this folder.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { readNotebook, writeNotebook } from "../../kernel/notebook/format.ts";
import { collectPrograms, roundTrips } from "./programs.ts";

const run = promisify(execFile);

/** The built command line, as a reader starts it. */
export const cli: string = path.resolve("dist/kernel/cli.js");

/** Names of the chapters' files, without `.ipynb`. */
export const chapters: string[] = readdirSync("notebooks")
  .filter((name) => /^\d\d-.*\.ipynb$/.test(name))
  .map((name) => path.basename(name, ".ipynb"))
  .sort();

/** The same of all notebooks of the course, exercises too. */
export const notebooks: string[] = readdirSync("notebooks")
  .filter((name) => name.endsWith(".ipynb"))
  .map((name) => path.basename(name, ".ipynb"))
  .sort();

let scratch: string | undefined;

/** A folder that is removed when the tests end. */
export function scratchFolder(): string {
  if (scratch === undefined) {
    const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-notebooks-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    scratch = folder;
  }
  return scratch;
}

/** A chapter's outputs as text, cell by cell, and where its executed notebook and its page are. */
export interface Executed {
  output: string;
  html: string;
  stdout: string;
  cells: { source: string; text: string; mimes: string[] }[];
}

const executed = new Map<string, Promise<Executed>>();

/**
 * Runs a copy of a chapter through `tilewright run`, once. The copy has cells of ours between the chapter's own, which
 * collect every program, and one at the end that sends them through the script.
 */
export function execute(chapter: string): Promise<Executed> {
  let result = executed.get(chapter);
  if (!result) {
    result = executeOnce(chapter);
    executed.set(chapter, result);
  }
  return result;
}

async function executeOnce(chapter: string): Promise<Executed> {
  const folder = mkdtempSync(path.join(scratchFolder(), "run-"));
  cpSync("notebooks", folder, { recursive: true });
  // The packages that a reader of a checkout has.
  symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"), "junction");
  const file = path.join(folder, `${chapter}.ipynb`);
  const notebook = JSON.parse(readFileSync(file, "utf8"));
  const cell = (source: string, tags: readonly string[] = []) => ({
    id: `added-${Math.random().toString(36).slice(2)}`,
    cell_type: "code",
    metadata: { tags },
    execution_count: null,
    outputs: [],
    source,
  });
  const cells = notebook.cells.flatMap((own: { cell_type: string; source: string | string[] }) =>
    own.cell_type === "code"
      ? [own, ...collectPrograms([own.source].flat().join("")).map((source) => cell(source))]
      : [own],
  );
  // How many programs there are is up to what a search tries.
  notebook.cells = [cell(roundTrips.before), ...cells, cell(roundTrips.after, ["check-ignore"])];
  writeFileSync(file, JSON.stringify(notebook));
  const [output, html] = [path.join(folder, "out.ipynb"), path.join(folder, "out.html")];
  const { stdout } = await run(process.execPath, [cli, "run", file, "-o", output, "--html", html], {
    maxBuffer: 1 << 26,
  });
  const result = readNotebook(output).cells.map((done) => ({
    source: done.source,
    text: (done.outputs ?? []).map(textOf).join("\n"),
    mimes: (done.outputs ?? []).flatMap((o) => ("data" in o ? Object.keys(o.data) : [])),
  }));
  return { output, html, stdout, cells: result };
}

/** The executed notebook of a chapter as its author would have it: without the cells of ours. Gives its file. */
export async function executedNotebook(chapter: string): Promise<string> {
  const { output } = await execute(chapter);
  const notebook = readNotebook(output);
  notebook.cells = notebook.cells.filter(({ id }) => !id.startsWith("added-"));
  const file = path.join(path.dirname(output), "executed.ipynb");
  writeNotebook(file, notebook);
  return file;
}

function textOf(
  output: NonNullable<ReturnType<typeof readNotebook>["cells"][number]["outputs"]>[number],
): string {
  if (output.output_type === "stream") return output.text;
  if (output.output_type === "error") return output.traceback.join("\n");
  return String(output.data["text/plain"] ?? "");
}
