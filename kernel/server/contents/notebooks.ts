// Notebooks between their files and the interface: text in one piece there, in lines here.
import { joinedNotebook, notebookText } from "../../notebook/format.ts";
import { parseNotebook, type RawNotebook } from "../../notebook/validate.ts";
import { HttpError } from "../errors.ts";
import { sorted, withoutTransient } from "./canonical.ts";
import type { TrustStore } from "./trust.ts";

/** A notebook's content from its file's bytes, each code cell marked as trusted or not. */
export function notebookContent(bytes: Buffer, apiPath: string, trust: TrustStore): RawNotebook {
  let notebook: RawNotebook;
  try {
    notebook = joinedNotebook(parseNotebook(bytes.toString("utf8").replace(/^\uFEFF/, ""), apiPath));
  } catch (error) {
    throw new HttpError(400, `Unreadable Notebook: ${(error as Error).message}`);
  }
  const trusted = trust.isTrusted(notebook);
  const cells = notebook.cells.map((cell) =>
    cell.cell_type === "code" ? { ...cell, metadata: { ...cell.metadata, trusted } } : cell,
  );
  return { ...notebook, cells };
}

/**
 * The text of a notebook that a client saves, in Jupyter's own layout: keys sorted, one space of indentation, text in
 * lines, nothing of this session. Throws a 400 `HttpError` when it is no notebook.
 */
export function savedNotebook(content: unknown, apiPath: string): { notebook: RawNotebook; text: string } {
  let notebook: RawNotebook;
  try {
    notebook = joinedNotebook(parseNotebook(JSON.stringify(content) ?? "", apiPath));
  } catch (error) {
    throw new HttpError(400, `Not saved: ${(error as Error).message}`);
  }
  return { notebook, text: notebookText(sorted(withoutTransient(notebook)) as RawNotebook) };
}

/** A new notebook. */
export function emptyNotebook(): RawNotebook {
  return { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
}
