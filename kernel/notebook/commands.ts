// What the commands `run`, `check` and `strip` print, and their exit codes: 0 when all is well, 1 when a notebook
// fails or differs, 2 (the command line's own) when there is none.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { makeFolder } from "../../lib/deploy/folder.node.ts";
import { readBytes } from "../failure.ts";
import { stripAnsi } from "./ansi.ts";
import { checkNotebook } from "./check.ts";
import { type Notebook, readNotebook } from "./format.ts";
import { injectParameters, parseParameter, undeclaredParameters } from "./parameters.ts";
import { printProgress } from "./progress.ts";
import { earlierRun } from "./resume.ts";
import { runNotebook, title } from "./run.ts";
import { saveText } from "./save.ts";
import { stripText } from "./strip.ts";

/** The options of `tilewright run`, as the command line gives them. */
export interface RunFlags {
  output?: string;
  html?: string;
  param: string[];
  timeout?: number;
  resume?: boolean;
}

/** `tilewright run`; gives the exit code. */
export async function runCommand(file: string, flags: RunFlags): Promise<number> {
  const parameters = flags.param.map(parseParameter);
  const planned = readNotebook(file);
  // What is missing is told before anything runs.
  const page = flags.html === undefined ? undefined : await pageWriter(flags.html, file);
  for (const name of undeclaredParameters(planned, parameters))
    console.error(`note: the cell tagged "parameters" declares no ${name}`);
  for (const target of [flags.output, flags.html]) {
    if (target === undefined) continue;
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory())
      throw new Error(`${target} is a folder; name a file in it`);
    makeFolder(path.dirname(path.resolve(target)));
  }
  if (flags.resume) {
    if (flags.output === undefined) throw new Error("--resume needs --output, the notebook to go on with");
    injectParameters(planned, parameters);
    const { complete, why } = earlierRun(flags.output, planned, parameters);
    console.log(why);
    if (complete) {
      await page?.(readNotebook(flags.output));
      return 0;
    }
  }
  const { notebook, failure } = await stoppable((signal) =>
    runNotebook(file, {
      ...(flags.output !== undefined && { output: flags.output }),
      ...(flags.timeout !== undefined && { timeout: flags.timeout }),
      parameters,
      progress: printProgress(process.stdout),
      signal,
    }),
  );
  await page?.(notebook);
  if (!failure) return 0;
  tellFailure(file, failure);
  return 1;
}

/** `tilewright check`; gives the exit code. */
export async function checkCommand(
  files: string[],
  flags: { timeout?: number; tolerance?: number },
): Promise<number> {
  let code = 0;
  for (const file of files) {
    const progress = printProgress(process.stderr);
    const { cells, failure } = await stoppable((signal) =>
      checkNotebook(file, { ...flags, ...(process.stderr.isTTY && { progress }), signal }),
    );
    for (const { index, cell, differences } of cells) {
      for (const { where, diff } of differences) {
        console.log(`✗ ${file}: cell ${index}, ${where}: ${title(cell)}`);
        for (const line of diff) console.log(`    ${coloured(line)}`);
      }
    }
    const count = (rule: string) => cells.filter((cell) => cell.rule === rule).length;
    const different = cells.filter(({ differences }) => differences.length > 0).length;
    const same = cells.length - different - count("ignore") - count("not stored");
    const counts = [
      `${same} as stored`,
      `${different} different`,
      count("ignore") > 0 && `${count("ignore")} ignored`,
      count("not stored") > 0 && `${count("not stored")} without stored outputs`,
    ];
    const good = different === 0 && !failure;
    console.log(`${good ? "✓" : "✗"} ${file}: ${counts.filter(Boolean).join(", ")}`);
    if (failure) tellFailure(file, failure);
    if (!good) code = 1;
  }
  return code;
}

/** `tilewright strip`; gives the exit code. The file "-" stands for standard input and output: a filter, as Git wants it. */
export function stripCommand(files: string[], { check = false }: { check?: boolean }): number {
  // All are read before the first is written: one that is no notebook leaves the others alone.
  const texts = files.map((file) => {
    const text = file === "-" ? readFileSync(0, "utf8") : readBytes(file).toString("utf8");
    return { file, text, stripped: stripText(text, file === "-" ? "standard input" : file) };
  });
  let code = 0;
  for (const { file, text, stripped } of texts) {
    if (check) {
      if (stripped === text) continue;
      console.log(`${file} has outputs`);
      code = 1;
    } else if (file === "-") process.stdout.write(stripped);
    else if (stripped !== text) {
      saveText(file, stripped);
      console.log(`stripped ${file}`);
    }
  }
  return code;
}

/** What writes the page of an executed notebook. */
async function pageWriter(html: string, file: string): Promise<(notebook: Notebook) => Promise<unknown>> {
  const [{ writePage }, { pageScripts }] = await Promise.all([
    import("../export/write.ts"),
    import("../export/scripts.ts"),
  ]);
  const scripts = pageScripts();
  return (notebook) => writePage(html, notebook, file, scripts);
}

/** Says on the error stream which cell failed, and why. */
export function tellFailure(
  file: string,
  failure: { index: number; error: string; traceback: string[] },
): void {
  const traceback = failure.traceback.join("\n");
  if (traceback !== "") console.error(process.stderr.isTTY ? traceback : stripAnsi(traceback));
  console.error(`\n${file}: cell ${failure.index} failed: ${failure.error}`);
}

/** The first Ctrl-C stops the running cell and ends the run in good order; the second one ends the process. */
export async function stoppable<R>(run: (signal: AbortSignal) => Promise<R>): Promise<R> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, stop);
  try {
    return await run(controller.signal);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
  }
}

function coloured(line: string): string {
  if (!process.stdout.isTTY) return line;
  const colour = line.startsWith("-") ? 31 : line.startsWith("+") ? 32 : 2;
  return `\u001b[${colour}m${line}\u001b[0m`;
}
