import path from "node:path";
import type { Notebook } from "../notebook/format.ts";
import { saveText } from "../notebook/save.ts";
import { notebookPage, type Page } from "./page.ts";
import type { PageScripts } from "./scripts.ts";

/** Writes the page of a notebook, which was read from `file`, in one go. */
export async function writePage(
  output: string,
  notebook: Notebook,
  file: string,
  scripts: PageScripts,
): Promise<Page> {
  const page = await notebookPage(
    notebook,
    path.basename(file, ".ipynb"),
    path.dirname(path.resolve(file)),
    scripts,
  );
  saveText(output, page.html);
  return page;
}
