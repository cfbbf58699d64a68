import { isObject, type JsonObject } from "../protocol/messages.ts";

/** A notebook as its file has it: checked as far as this program relies on it, everything else left as it is. */
export interface RawNotebook extends JsonObject {
  nbformat: 4;
  nbformat_minor: number;
  metadata: JsonObject;
  cells: RawCell[];
}

/** A cell as its file has it. */
export interface RawCell extends JsonObject {
  cell_type: "code" | "markdown" | "raw";
  source: string | string[];
  metadata: JsonObject;
}

const outputTypes = ["stream", "display_data", "execute_result", "error"];

/** Parses the text of a notebook. Throws an error that names `file`, and the cell where there is one, when it is none. */
export function parseNotebook(text: string, file: string): RawNotebook {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const conflict = /^(<{7}|={7}|>{7})/m.test(text) ? " (it holds conflict marks of a merge)" : "";
    throw new Error(`${file} is not a notebook: no JSON${conflict}: ${(error as Error).message}`);
  }
  const wrong = (what: string): never => {
    throw new Error(`${file} is not a notebook of format 4: ${what}`);
  };
  if (!isObject(value)) return wrong("it is no JSON object");
  if (value.nbformat !== 4) return wrong(`nbformat is ${JSON.stringify(value.nbformat)}`);
  if (!Array.isArray(value.cells)) return wrong("it has no list of cells");
  const metadata = value.metadata ?? {};
  if (!isObject(metadata)) return wrong("its metadata are no object");
  const cells = value.cells.map((cell: unknown, index) =>
    checkedCell(cell, (what) => wrong(`cell ${index + 1}: ${what}`)),
  );
  const minor = typeof value.nbformat_minor === "number" ? value.nbformat_minor : 0;
  return { ...value, nbformat: 4, nbformat_minor: minor, metadata, cells };
}

function checkedCell(cell: unknown, wrong: (what: string) => never): RawCell {
  if (!isObject(cell)) return wrong("it is no JSON object");
  const type = cell.cell_type;
  if (type !== "code" && type !== "markdown" && type !== "raw")
    return wrong(`cell_type is ${JSON.stringify(type)}`);
  const source = cell.source ?? "";
  if (!isMultiline(source)) return wrong("its source is neither text nor a list of lines");
  const metadata = cell.metadata ?? {};
  if (!isObject(metadata)) return wrong("its metadata are no object");
  if (type === "code") checkOutputs(cell.outputs ?? [], wrong);
  return { ...cell, cell_type: type, source, metadata };
}

function checkOutputs(outputs: unknown, wrong: (what: string) => never): void {
  if (!Array.isArray(outputs)) return wrong("its outputs are no list");
  for (const output of outputs) {
    if (!isObject(output) || !outputTypes.includes(String(output.output_type)))
      return wrong("an output is of no known type");
    if (output.output_type === "stream" && !isMultiline(output.text))
      return wrong("a stream's text is neither text nor a list of lines");
    if (output.data !== undefined && !isObject(output.data)) return wrong("an output's data are no object");
  }
}

function isMultiline(value: unknown): value is string | string[] {
  return (
    typeof value === "string" || (Array.isArray(value) && value.every((line) => typeof line === "string"))
  );
}
