// Notebooks as files: nbformat 4.5.
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { isObject, type JsonObject } from "../protocol/messages.ts";

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

/** Reads a notebook of any 4.x version. Throws an error that names the file when it is none. */
export function readNotebook(file: string): Notebook {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (!isObject(value) || value.nbformat !== 4 || !Array.isArray(value.cells)) {
    throw new Error(`${file} is not a notebook of format 4`);
  }
  const cells = value.cells.map((cell: JsonObject): Cell => {
    const type: Cell["cell_type"] =
      cell.cell_type === "markdown" || cell.cell_type === "raw" ? cell.cell_type : "code";
    const common = {
      id: typeof cell.id === "string" ? cell.id : newId(),
      cell_type: type,
      source: joined(cell.source),
      metadata: isObject(cell.metadata) ? cell.metadata : {},
    };
    return type === "code"
      ? {
          ...common,
          execution_count: null,
          outputs: (Array.isArray(cell.outputs) ? cell.outputs : []).map(joinedOutput),
        }
      : { ...cell, ...common };
  });
  const metadata = isObject(value.metadata) ? value.metadata : {};
  return { nbformat: 4, nbformat_minor: 5, metadata, cells };
}

/** Writes a notebook aside and puts it in place, so that a reader never sees half a file. */
export function writeNotebook(file: string, notebook: Notebook): void {
  const cells = notebook.cells.map((cell) => ({
    ...cell,
    source: lines(cell.source),
    ...(cell.outputs && { outputs: cell.outputs.map(splitOutput) }),
  }));
  const aside = `${file}.${process.pid}.tmp`;
  writeFileSync(aside, `${JSON.stringify({ ...notebook, cells }, null, 1)}\n`);
  renameSync(aside, file);
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
