import { isObject, type JsonObject } from "../protocol/messages.ts";
import { hasTag } from "./format.ts";
import { parseNotebook } from "./validate.ts";

/** Metadata of cells that only say how the latest run went or looked. */
const traces = ["execution", "ExecuteTime", "collapsed", "scrolled"];

/**
 * The text of a notebook without outputs, execution counts and what else a run leaves behind; everything else stays as
 * it is, ids too. Cells tagged `keep_output` keep theirs. Gives the same text, to the letter, when there is nothing to
 * strip. Throws an error that names `file` when the text is no notebook.
 */
export function stripText(text: string, file: string): string {
  const notebook = parseNotebook(text, file);
  const before = JSON.stringify(notebook);
  delete notebook.metadata.tilewright;
  // What cells keep may show them.
  if (!notebook.cells.some((cell) => hasTag(cell, "keep_output"))) delete notebook.metadata.widgets;
  for (const cell of notebook.cells) {
    for (const name of traces) delete cell.metadata[name];
    if (isObject(cell.metadata.jupyter)) {
      delete cell.metadata.jupyter.outputs_hidden;
      if (Object.keys(cell.metadata.jupyter).length === 0) delete cell.metadata.jupyter;
    }
    if (cell.cell_type === "code" && !hasTag(cell, "keep_output")) clear(cell);
  }
  if (JSON.stringify(notebook) === before) return text;
  const indent = /^\{\n([ \t]+)/.exec(text)?.[1] ?? " ";
  return `${JSON.stringify(notebook, null, indent)}\n`;
}

function clear(cell: JsonObject): void {
  cell.outputs = [];
  cell.execution_count = null;
}
