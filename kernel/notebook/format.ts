// Notebooks as files: nbformat 4.5.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { saveText } from "./save.ts";
import { parseNotebook } from "./validate.ts";

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
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  const raw = parseNotebook(text, file);
  const cells = raw.cells.map((cell): Cell => {
    const common = {
      ...cell,
      id: typeof cell.id === "string" ? cell.id : newId(),
      source: joined(cell.source),
    };
    if (cell.cell_type !== "code") return common;
    const outputs = ((cell.outputs as JsonObject[] | undefined) ?? []).map(joinedOutput);
    const execution_count = typeof cell.execution_count === "number" ? cell.execution_count : null;
    return { ...common, execution_count, outputs };
  });
  // Cells have ids since 4.5.
  return { ...raw, nbformat_minor: Math.max(5, raw.nbformat_minor), cells };
}

/** Writes a notebook, in one go. */
export function writeNotebook(file: string, notebook: Notebook): void {
  const cells = notebook.cells.map((cell) => ({
    ...cell,
    source: lines(cell.source),
    ...(cell.outputs && { outputs: cell.outputs.map(splitOutput) }),
  }));
  saveText(file, `${JSON.stringify({ ...notebook, cells }, null, 1)}\n`);
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

function joinedOutput(output: JsonObject): Output {
  if (output.output_type === "stream") return { ...output, text: joined(output.text) } as Output;
  if (!isObject(output.data)) return output as Output;
  const data = Object.entries(output.data).map(([mime, part]) => [mime, isText(mime) ? joined(part) : part]);
  return { ...output, data: Object.fromEntries(data) } as Output;
}

function splitOutput(output: Output): JsonObject {
  if (output.output_type === "stream") return { ...output, text: lines(output.text) };
  if (output.output_type === "error") return { ...output };
  const split = (mime: string, part: unknown) =>
    isText(mime) && typeof part === "string" && !mime.startsWith("image/png") ? lines(part) : part;
  const data = Object.entries(output.data).map(([mime, part]) => [mime, split(mime, part)]);
  return { ...output, data: Object.fromEntries(data) };
}

function isText(mime: string): boolean {
  return !/[/+]json$/.test(mime);
}
