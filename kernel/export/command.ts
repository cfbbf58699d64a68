// `tilewright export`: notebooks as pages that need neither a kernel nor a network.
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { makeFolder } from "../../lib/deploy/folder.node.ts";
import { stoppable, tellFailure } from "../notebook/commands.ts";
import { type Notebook, readNotebook } from "../notebook/format.ts";
import { printProgress } from "../notebook/progress.ts";
import { runNotebook } from "../notebook/run.ts";
import { asideOf } from "../notebook/save.ts";
import { packageRoot } from "../paths.ts";
import { courseSite, type Site } from "./course.ts";
import { type PageScripts, pageScripts } from "./scripts.ts";
import { writePage } from "./write.ts";

/** The options of `tilewright export`, as the command line gives them. */
export interface ExportFlags {
  output?: string;
  execute?: boolean;
  course?: boolean;
  title?: string;
  timeout?: number;
}

/** `tilewright export`; gives the exit code. `scripts` are those of the pages. */
export async function exportCommand(
  given: string | undefined,
  flags: ExportFlags,
  scripts: PageScripts = pageScripts(),
): Promise<number> {
  if (flags.course) return exportCourse(given ?? path.join(packageRoot, "notebooks"), flags, scripts);
  if (given === undefined) throw new Error("name the notebook to export, or --course for all of a folder");
  if (existsSync(given) && statSync(given).isDirectory())
    throw new Error(`${given} is a folder; --course exports all notebooks of a folder`);
  const output = flags.output ?? `${given.replace(/\.ipynb$/, "")}.html`;
  refuseToReplace(output, [given]);
  const { notebook, failed } = await read(given, flags);
  makeFolder(path.dirname(path.resolve(output)));
  const { html, rendered } = await writePage(output, notebook, given, scripts);
  tellUnrun(given, rendered);
  console.log(`${output}: ${size(Buffer.byteLength(html))}`);
  return failed ? 1 : 0;
}

async function exportCourse(folder: string, flags: ExportFlags, scripts: PageScripts): Promise<number> {
  const output = flags.output ?? "site";
  const files = readdirSync(folder).filter((name) => name.endsWith(".ipynb"));
  files.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (files.length === 0) throw new Error(`there is no notebook in ${folder}`);
  refuseFolder(output, folder);
  // All are read before the first is run.
  for (const file of files) readNotebook(path.join(folder, file));
  let code = 0;
  const chapters: { file: string; notebook: Notebook }[] = [];
  for (const file of files) {
    const { notebook, failed, stopped } = await read(path.join(folder, file), flags);
    if (failed) code = 1;
    if (stopped) return 1;
    chapters.push({ file, notebook });
  }
  const site = await courseSite(chapters, folder, flags.title ?? "Tilewright: the course", scripts);
  for (const chapter of site.chapters) tellUnrun(chapter.file, chapter);
  const bytes = writeSite(output, site);
  console.log(
    `${output}: ${chapters.length} chapters, ${size(bytes)}; open ${path.join(output, "index.html")}`,
  );
  return code;
}

/** A notebook as it is stored, or executed. */
async function read(
  file: string,
  { execute, timeout }: ExportFlags,
): Promise<{ notebook: Notebook; failed: boolean; stopped: boolean }> {
  if (!execute) return { notebook: readNotebook(file), failed: false, stopped: false };
  console.log(file);
  let stopped = false;
  const { notebook, failure } = await stoppable((signal) => {
    signal.addEventListener("abort", () => (stopped = true));
    return runNotebook(file, {
      ...(timeout !== undefined && { timeout }),
      progress: printProgress(process.stdout),
      signal,
    });
  });
  if (failure) tellFailure(file, failure);
  return { notebook, failed: failure !== undefined, stopped };
}

/** Makes the folder of a site beside its place and puts it there whole; gives the bytes of its files. */
function writeSite(output: string, { texts, copies }: Site): number {
  makeFolder(path.dirname(path.resolve(output)));
  const [made, old] = [asideOf(path.resolve(output)), asideOf(path.resolve(output))];
  let bytes = 0;
  try {
    for (const [name, text] of texts) {
      const file = path.join(made, name);
      makeFolder(path.dirname(file));
      writeFileSync(file, text);
      bytes += Buffer.byteLength(text);
    }
    for (const [name, from] of copies) {
      const file = path.join(made, name);
      makeFolder(path.dirname(file));
      cpSync(from, file);
      bytes += statSync(file).size;
    }
    if (existsSync(output)) renameSync(output, old);
    renameSync(made, output);
  } finally {
    rmSync(made, { recursive: true, force: true });
    // Where the new folder could not be put in place, the old one goes back.
    if (existsSync(old) && !existsSync(output)) renameSync(old, output);
    rmSync(old, { recursive: true, force: true });
  }
  return bytes;
}

/** A page may not take the place of what it is made of, nor of any notebook. */
function refuseToReplace(output: string, inputs: readonly string[]): void {
  const same = (file: string) =>
    existsSync(file) && existsSync(output) && realpathSync(file) === realpathSync(output);
  if (inputs.some(same) || output.endsWith(".ipynb"))
    throw new Error(`${output} is a notebook; name another file with -o`);
  if (existsSync(output) && statSync(output).isDirectory())
    throw new Error(`${output} is a folder; name a file with -o`);
}

/** A site takes the place of an older site, or of nothing: never of the notebooks, and never of somebody's other files. */
function refuseFolder(output: string, folder: string): void {
  if (!existsSync(output)) return;
  if (!statSync(output).isDirectory()) throw new Error(`${output} is a file; name a folder with -o`);
  const [site, course] = [realpathSync(output), realpathSync(folder)];
  if (site === course || course.startsWith(site + path.sep))
    throw new Error(`${output} holds the notebooks; name another folder with -o`);
  const index = path.join(site, "index.html");
  const isSite =
    existsSync(index) && readFileSync(index, "utf8").includes('<meta name="generator" content="tilewright">');
  if (readdirSync(site).length > 0 && !isSite)
    throw new Error(
      `${output} holds something that is no exported course; name another folder with -o, or empty it`,
    );
}

function tellUnrun(file: string, { ran, cells }: { ran: number; cells: number }): void {
  if (ran < cells)
    console.error(
      `note: ${file}: ${cells - ran} of ${cells} code cells have not been run; --execute runs them first`,
    );
}

function size(bytes: number): string {
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
