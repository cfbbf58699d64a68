import { isObject, type JsonObject, type Message, stringField } from "../protocol/messages.ts";
import type { Notebook } from "./format.ts";

/** How Jupyter stores the models of widgets in a notebook's metadata. */
export const widgetStateType = "application/vnd.jupyter.widget-state+json";

interface Model {
  model_name: string;
  model_module: string;
  model_module_version: string;
  state: JsonObject;
  buffers?: JsonObject[];
}

/** Follows the widgets of a kernel, as a front end does, so that a notebook can show them when the kernel is gone. */
export class WidgetStates {
  readonly #models = new Map<string, Model>();

  /** Takes a message of the kernel; returns whether it changed anything. */
  add({ header, content, buffers }: Message): boolean {
    const id = stringField(content, "comm_id");
    const data = isObject(content.data) ? content.data : {};
    const state = isObject(data.state) ? data.state : undefined;
    if (header.msg_type === "comm_open" && content.target_name === "jupyter.widget" && state) {
      const name = (field: string) => String(state[field] ?? "");
      const model: Model = {
        model_name: name("_model_name"),
        model_module: name("_model_module"),
        model_module_version: name("_model_module_version"),
        state: {},
      };
      this.#models.set(id, model);
      update(model, state, data.buffer_paths, buffers);
      return true;
    }
    const model = this.#models.get(id);
    if (!model) return false;
    if (header.msg_type === "comm_close") return this.#models.delete(id);
    if (header.msg_type !== "comm_msg" || data.method !== "update" || !state) return false;
    update(model, state, data.buffer_paths, buffers);
    return true;
  }

  /** Puts the models into a notebook's metadata, in the place of those of an earlier run. */
  store(notebook: Notebook): void {
    delete notebook.metadata.widgets;
    if (this.#models.size === 0) return;
    const state = Object.fromEntries(this.#models);
    notebook.metadata.widgets = { [widgetStateType]: { version_major: 2, version_minor: 0, state } };
  }
}

/** Traits that are bytes stand beside the state, as text. */
function update(model: Model, state: JsonObject, paths: unknown, buffers: readonly Uint8Array[]): void {
  Object.assign(model.state, state);
  for (const [index, path] of (Array.isArray(paths) ? paths : []).entries()) {
    const bytes = buffers[index];
    if (!Array.isArray(path) || !bytes) continue;
    const key = JSON.stringify(path);
    const others = (model.buffers ?? []).filter((one) => JSON.stringify(one.path) !== key);
    model.buffers = [...others, { path, encoding: "base64", data: Buffer.from(bytes).toString("base64") }];
  }
}
