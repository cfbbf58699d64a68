import { isObject, type JsonObject, type Message, stringField } from "../protocol/messages.ts";
import type { Cell, Output } from "./format.ts";

/** Collects what a kernel publishes into the outputs of cells, as a front end does. */
export class OutputCollector {
  /** Outputs by display id, for updates; an id may stand in several cells. */
  readonly #displays = new Map<string, { data: JsonObject; metadata: JsonObject }[]>();
  readonly #clearNext = new Set<Cell>();

  /** Adds a message to a cell's outputs; returns whether anything changed. */
  add(cell: Cell, message: Message): boolean {
    const { content } = message;
    const type = message.header.msg_type;
    if (type === "clear_output") {
      if (content.wait === true) this.#clearNext.add(cell);
      else cell.outputs = [];
      return true;
    }
    if (type === "update_display_data") {
      for (const shown of this.#displays.get(displayId(content)) ?? []) {
        shown.data = objectOf(content.data);
        shown.metadata = objectOf(content.metadata);
      }
      return true;
    }
    const output = toOutput(type, content);
    if (!output) return false;
    if (this.#clearNext.delete(cell)) cell.outputs = [];
    cell.outputs ??= [];
    const last = cell.outputs.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      last.text += output.text;
      return true;
    }
    cell.outputs.push(output);
    const id = displayId(content);
    if (output.output_type === "display_data" && id !== "") {
      this.#displays.set(id, [...(this.#displays.get(id) ?? []), output]);
    }
    return true;
  }
}

function toOutput(type: string, content: JsonObject): Output | undefined {
  const data = objectOf(content.data);
  const metadata = objectOf(content.metadata);
  switch (type) {
    case "stream":
      return {
        output_type: "stream",
        name: stringField(content, "name", "stdout"),
        text: stringField(content, "text"),
      };
    case "display_data":
      return { output_type: "display_data", data, metadata };
    case "execute_result": {
      const count = typeof content.execution_count === "number" ? content.execution_count : null;
      return { output_type: "execute_result", data, metadata, execution_count: count };
    }
    case "error": {
      const traceback = Array.isArray(content.traceback) ? content.traceback.map(String) : [];
      const [ename, evalue] = [stringField(content, "ename"), stringField(content, "evalue")];
      return { output_type: "error", ename, evalue, traceback };
    }
    default:
      return undefined;
  }
}

function displayId(content: JsonObject): string {
  return stringField(objectOf(content.transient), "display_id");
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
