import type { JsonObject } from "../../protocol/messages.ts";
import { displaySymbol } from "../engine/bundle.ts";
import type { Comm, CommData } from "../engine/comms.ts";
import type { MimeBundle } from "../types.ts";
import { session } from "./session.ts";

/** The version of the widget messaging protocol, which a front end checks before it makes a model. */
const protocol = { version: "2.1.0" };

/** Where the front end finds a model and its view. */
export interface ModelName {
  name: string;
  module?: string;
  moduleVersion?: string;
  /** The view's name where it is not the model's with another ending; null for models without one. */
  view?: string | null;
}

/** Open widgets by the id of their comm, for front ends that connect later and ask for all there is. */
const open = new Map<string, Widget>();
let answersStates = false;

/**
 * A model that the front end mirrors: a bag of state, kept equal on both sides over a comm. It is opened when it is
 * first shown or named by another's state, so a widget that nobody sees costs nothing.
 */
export class Widget {
  readonly #model: ModelName;
  readonly #state: JsonObject;
  readonly #listeners = new Map<string, Set<(value: unknown) => unknown>>();
  #comm: Comm | undefined;
  #closed = false;

  constructor(model: ModelName, state: JsonObject) {
    this.#model = model;
    this.#state = state;
  }

  /** The id of the model; opens the widget. */
  get modelId(): string {
    return this.#opened().id;
  }

  /** The value of a trait. */
  get(trait: string): unknown {
    return this.#state[trait];
  }

  /** Sets traits here and in the front end, and tells listeners of those that changed. */
  set(traits: JsonObject): void {
    const changed = Object.entries(traits).filter(([name, value]) => !Object.is(this.#state[name], value));
    Object.assign(this.#state, traits);
    if (this.#comm && changed.length > 0) this.#update(Object.fromEntries(changed));
    for (const [name, value] of changed) void this.#tell(name, value);
  }

  /** Calls `listener` with the trait's new value whenever it changes, here or in the front end. */
  observe(trait: string, listener: (value: unknown) => unknown): () => void {
    const listeners = this.#listeners.get(trait) ?? new Set();
    this.#listeners.set(trait, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Sends a custom message to the view. */
  send(content: JsonObject, buffers: Uint8Array[] = []): void {
    this.#opened().send({ method: "custom", content }, { buffers });
  }

  /** Removes the widget from the front end. */
  close(): void {
    this.#closed = true;
    if (this.#comm) open.delete(this.#comm.id);
    this.#comm?.close();
    this.#comm = undefined;
  }

  /** Hears custom messages from the view. */
  protected heard(_content: JsonObject): unknown {
    return undefined;
  }

  /** What to show where no widgets can be shown. */
  protected text(): string {
    const value = "value" in this.#state ? `value: ${JSON.stringify(this.#state.value)}` : "";
    return `${this.#model.name.replace(/Model$/, "")}(${value})`;
  }

  [displaySymbol](): MimeBundle | Promise<MimeBundle> {
    if (this.#closed) return { "text/plain": `${this.text()}, closed` };
    const view = { version_major: 2, version_minor: 0, model_id: this.modelId };
    return { "application/vnd.jupyter.widget-view+json": view, "text/plain": this.text() };
  }

  /** The model's whole state, as `comm_open` and `update_states` carry it. */
  describe(): { model_name: string; model_module: string; model_module_version: string; state: JsonObject } {
    const { name, module = "@jupyter-widgets/controls", moduleVersion = "2.0.0" } = this.#model;
    const { view = name.replace(/Model$/, "View") } = this.#model;
    const names = {
      _model_name: name,
      _model_module: module,
      _model_module_version: moduleVersion,
      _view_name: view,
      _view_module: view === null ? null : module,
      _view_module_version: view === null ? "" : moduleVersion,
    };
    return {
      model_name: name,
      model_module: module,
      model_module_version: moduleVersion,
      state: { ...names, ...this.#state },
    };
  }

  #opened(): Comm {
    if (this.#comm) return this.#comm;
    if (this.#closed) throw new Error("this widget is closed");
    answerStates();
    const { state, paths, buffers } = encodeState(this.describe().state);
    const data = { state, buffer_paths: paths };
    const comm = session().comms.open("jupyter.widget", data, { metadata: protocol, buffers });
    comm.onMessage = (message) => this.#receive(message);
    comm.onClose = () => this.close();
    open.set(comm.id, this);
    this.#comm = comm;
    return comm;
  }

  #update(traits: JsonObject): void {
    const { state, paths, buffers } = encodeState(traits);
    this.#comm?.send({ method: "update", state, buffer_paths: paths }, { buffers });
  }

  async #receive({ data, buffers }: CommData): Promise<void> {
    if (data.method === "request_state") return this.#update(this.describe().state);
    if (data.method === "custom") {
      await this.heard((data.content ?? {}) as JsonObject);
      return;
    }
    if (data.method !== "update") return;
    const state = { ...(data.state as JsonObject) };
    for (const [index, path] of ((data.buffer_paths ?? []) as string[][]).entries()) {
      if (path.length === 1) state[path[0]!] = buffers[index];
    }
    // One after another, and only what changed: the front end may send a whole state.
    const work = session().task();
    for (const [name, value] of Object.entries(state)) {
      if (Object.is(this.#state[name], value)) continue;
      this.#state[name] = value;
      await session().within(work, () => this.#tell(name, value));
    }
  }

  async #tell(trait: string, value: unknown): Promise<void> {
    const { task, within } = session();
    const work = task();
    for (const listener of this.#listeners.get(trait) ?? []) await within(work, () => listener(value));
  }
}

/** Widgets in state become references, bytes become buffers. */
function encodeState(state: JsonObject): { state: JsonObject; paths: string[][]; buffers: Uint8Array[] } {
  const encoded: JsonObject = {};
  const paths: string[][] = [];
  const buffers: Uint8Array[] = [];
  for (const [name, value] of Object.entries(state)) {
    if (value instanceof Uint8Array) {
      paths.push([name]);
      buffers.push(value);
    } else encoded[name] = reference(value);
  }
  return { state: encoded, paths, buffers };
}

function reference(value: unknown): unknown {
  if (value instanceof Widget) return `IPY_MODEL_${value.modelId}`;
  return Array.isArray(value) ? value.map(reference) : value;
}

/** A page that is opened again asks for all models at once, over a comm of its own. */
function answerStates(): void {
  if (answersStates) return;
  answersStates = true;
  session().comms.accept("jupyter.widget.control", (comm) => {
    comm.onMessage = ({ data }) => {
      if (data.method !== "request_states") return;
      const states: JsonObject = {};
      const paths: string[][] = [];
      const all: Uint8Array[] = [];
      for (const [id, widget] of open) {
        const { state, ...model } = widget.describe();
        const encoded = encodeState(state);
        states[id] = { ...model, state: encoded.state };
        paths.push(...encoded.paths.map((path) => [id, "state", ...path]));
        all.push(...encoded.buffers);
      }
      comm.send({ method: "update_states", states, buffer_paths: paths }, { buffers: all });
    };
  });
}
