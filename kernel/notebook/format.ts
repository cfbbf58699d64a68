// Notebooks as files: nbformat 4.5.

import { randomBytes } from "node:crypto";
import { readBytes } from "../failure.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { saveText } from "./save.ts";
import { parseNotebook, type RawCell, type RawNotebook } from "./validate.ts";

/** An output of a cell, as nbformat stores it. */
export type Output =
  | { output_type: "stream"; name: string; text: string }
  | { output_type: "display_data"; data: JsonObject; metadata: JsonObject }
  | { output_type: "execute_result"; data: JsonObject; metadata: JsonObject; execution_count: number | null }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

/** A cell; `source` is one string while in memory. */
export interface Cell {
  id: string;
  cell_type: "code" | "markdown" | "raw";
  source: string;
  metadata: JsonObject;
  execution_count?: number | null;
  outputs?: Output[];
}

/** A notebook. */
export interface Notebook {
  nbformat: 4;
  nbformat_minor: number;
  metadata: JsonObject;
  cells: Cell[];
}

/** Reads a notebook of any 4.x version. Throws an error that names the file, and the place, when it is none. */
export function readNotebook(file: string): Notebook {
  const text = readBytes(file).toString("utf8");
  const raw = joinedNotebook(parseNotebook(text, file));
  const cells = raw.cells.map((cell): Cell => {
    const common = {
      ...cell,
      id: typeof cell.id === "string" ? cell.id : newId(),
      source: joined(cell.source),
    };
    if (cell.cell_type !== "code") return common;
    const execution_count = typeof cell.execution_count === "number" ? cell.execution_count : null;
    return { ...common, execution_count, outputs: (cell.outputs as Output[] | undefined) ?? [] };
  });
  // Cells have ids since 4.5.
  return { ...raw, nbformat_minor: Math.max(5, raw.nbformat_minor), cells };
}

/** Writes a notebook, in one go. */
export function writeNotebook(file: string, notebook: Notebook): void {
  saveText(file, notebookText(notebook));
}

/** The notebook with each multi-line text in one string, nothing else changed. */
export function joinedNotebook(raw: RawNotebook): RawNotebook {
  const cells = raw.cells.map((cell) => ({
    ...cell,
    source: joined(cell.source),
    ...(isObject(cell.attachments) && { attachments: mapValues(cell.attachments, joinedBundle) }),
    ...(Array.isArray(cell.outputs) && { outputs: cell.outputs.map(joinedOutput) }),
  }));
  return { ...raw, cells };
}

/** The text of a notebook's file: multi-line text in lists of lines, indented by one space. */
export function notebookText(notebook: Notebook | RawNotebook): string {
  const cells = notebook.cells.map((cell: Cell | RawCell) => ({
    ...cell,
    source: lines(joined(cell.source)),
    ...("attachments" in cell &&
      isObject(cell.attachments) && { attachments: mapValues(cell.attachments, splitBundle) }),
    ...(Array.isArray(cell.outputs) && { outputs: cell.outputs.map(splitOutput) }),
  }));
  return `${JSON.stringify({ ...notebook, cells }, null, 1)}\n`;
}

/** Whether a cell carries a tag. */
export function hasTag(cell: { metadata: JsonObject }, tag: string): boolean {
  return Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes(tag);
}

/** An identifier for a new cell. */
export function newId(): string {
  return randomBytes(4).toString("hex");
}

/** Multi-line text is stored as a list of lines, or as one string; in memory it is one string. */
function joined(text: unknown): string {
  return Array.isArray(text) ? text.join("") : typeof text === "string" ? text : "";
}

function lines(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

function joinedOutput(output: JsonObject): JsonObject {
  if (output.output_type === "stream") return { ...output, text: joined(output.text) };
  return isObject(output.data) ? { ...output, data: joinedBundle(output.data) } : output;
}

function splitOutput(output: Output | JsonObject): JsonObject {
  if (output.output_type === "stream") return { ...output, text: lines(joined(output.text)) };
  return "data" in output && isObject(output.data)
    ? { ...output, data: splitBundle(output.data) }
    : { ...output };
}

function joinedBundle(bundle: unknown): unknown {
  return isObject(bundle)
    ? mapValues(bundle, (part, mime) => (isJson(mime) ? part : joinedLines(part)))
    : bundle;
}

function splitBundle(bundle: unknown): unknown {
  return isObject(bundle)
    ? mapValues(bundle, (part, mime) => (hasLines(mime) && typeof part === "string" ? lines(part) : part))
    : bundle;
}

function mapValues(object: JsonObject, map: (value: unknown, key: string) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

function joinedLines(part: unknown): unknown {
  return Array.isArray(part) ? part.join("") : part;
}

function isJson(mime: string): boolean {
  return /[/+]json$/.test(mime);
}

/** Representations that nbformat stores as a list of lines. */
function hasLines(mime: string): boolean {
  return mime.startsWith("text/") || mime === "application/javascript" || mime === "image/svg+xml";
}
