import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../paths.ts";
import { stripAnsi } from "./ansi.ts";
import { notebookHtml } from "./html.ts";
import { parseParameter } from "./parameters.ts";
import { runNotebook } from "./run.ts";

/** The options of `tilewright run`, as the command line gives them. */
export interface RunFlags {
  output?: string;
  html?: string;
  param: string[];
  timeout?: number;
}

/** `tilewright run`; gives the exit code. */
export async function runCommand(file: string, flags: RunFlags): Promise<number> {
  for (const target of [flags.output, flags.html]) {
    if (target !== undefined) mkdirSync(path.dirname(path.resolve(target)), { recursive: true });
  }
  const { notebook, failure } = await runNotebook(file, {
    ...(flags.output !== undefined && { output: flags.output }),
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    parameters: flags.param.map(parseParameter),
    progress: (line) => console.log(line),
  });
  if (flags.html !== undefined) {
    writeFileSync(flags.html, notebookHtml(notebook, path.basename(file, ".ipynb")));
  }
  if (!failure) return 0;
  const traceback = failure.traceback.join("\n");
  console.error(process.stderr.isTTY ? traceback : stripAnsi(traceback));
  console.error(`\n${file}: cell ${failure.index} failed: ${failure.error}`);
  return 1;
}

/** `tilewright start`: runs the first chapter and says where the result is. */
export async function startCommand(): Promise<number> {
  const chapter = "01-introduction";
  const folder = path.join(packageRoot, "build");
  const output = path.join(folder, `${chapter}.ipynb`);
  const html = path.join(folder, `${chapter}.html`);
  const code = await runCommand(path.join(packageRoot, "notebooks", `${chapter}.ipynb`), {
    output,
    html,
    param: [],
  });
  console.log(`\nExecuted notebook: ${output}\nAs a page:         ${pathToFileURL(html).href}`);
  return code;
}
