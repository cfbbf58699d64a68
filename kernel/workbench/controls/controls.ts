// Controls (sliders, buttons, `interact`) in the outputs of a notebook. They are models of ipywidgets' protocol that the
// kernel keeps; what draws them is loaded when the first one comes.
import type { NotebookPanel } from "@jupyterlab/notebook";
import { type IRenderMime, type IRenderMimeRegistry, MimeModel } from "@jupyterlab/rendermime";
import type { Kernel } from "@jupyterlab/services";
import type { PartialJSONObject } from "@lumino/coreutils";
import { Signal } from "@lumino/signaling";
import { Panel, type Widget } from "@lumino/widgets";
import { element } from "../dom.ts";
import type { ControlManager } from "./manager.ts";

/** What an output that is a control says. */
const mimeType = "application/vnd.jupyter.widget-view+json";

const known = new WeakMap<NotebookPanel, Controls>();

/** The controls of the notebook that a panel shows. */
export function controlsOf(panel: NotebookPanel): Controls | undefined {
  return known.get(panel);
}

/** The controls of a notebook: a manager of models for each process that its kernel had. */
export class Controls {
  readonly #panel: NotebookPanel;
  #kernel: Kernel.IKernelConnection | undefined;
  #manager: Promise<ControlManager> | undefined;
  #restored: Promise<void> | undefined;
  /** Emits when a kernel is there that may have models. */
  readonly connected: Signal<this, void> = new Signal(this);

  /** Has the outputs of a notebook show controls; to be called before there are any. */
  constructor(panel: NotebookPanel) {
    this.#panel = panel;
    known.set(panel, this);
    const { rendermime } = panel.content;
    rendermime.addFactory(
      {
        // A control acts in the reader's name: only for outputs of the reader's own kernel.
        safe: false,
        mimeTypes: [mimeType],
        createRenderer: () => new ControlOutput(this, rendermime),
      },
      0,
    );
    const { sessionContext } = panel;
    sessionContext.kernelChanged.connect((_, { newValue }) => this.#follow(newValue ?? undefined));
    sessionContext.statusChanged.connect((_, status) => {
      if (status === "restarting" || status === "autorestarting" || status === "dead") this.#forget();
      if (status === "idle" && !this.#restored) this.connected.emit();
    });
    this.#follow(sessionContext.session?.kernel ?? undefined);
  }

  /** A view of a model of the kernel's; undefined when the kernel has no such model, or there is no kernel. */
  async view(id: string): Promise<Widget | undefined> {
    const kernel = this.#kernel;
    if (!kernel || kernel.status === "dead" || kernel.status === "unknown") return undefined;
    const manager = await this.#managerOf(kernel);
    if (!manager.has_model(id)) {
      // A page that was opened again asks for the models there are, once.
      this.#restored ??= manager.restore();
      await this.#restored;
    }
    return manager.has_model(id) ? manager.viewOf(id) : undefined;
  }

  /** All models as they are now, in the form in which notebooks store them; undefined where there is none. */
  async states(): Promise<PartialJSONObject | undefined> {
    const states = await this.#manager?.then((manager) => manager.get_state());
    return states && Object.keys(states.state).length > 0
      ? (states as unknown as PartialJSONObject)
      : undefined;
  }

  #follow(kernel: Kernel.IKernelConnection | undefined): void {
    if (kernel === this.#kernel) return;
    this.#forget();
    this.#kernel = kernel;
    if (!kernel) return;
    kernel.registerCommTarget("jupyter.widget", async (comm, message) => {
      const manager = await this.#managerOf(kernel);
      await manager.open(comm, message);
    });
  }

  #managerOf(kernel: Kernel.IKernelConnection): Promise<ControlManager> {
    this.#manager ??= import("./manager.ts").then(({ ControlManager }) => {
      return new ControlManager(kernel, this.#panel);
    });
    return this.#manager;
  }

  /** The models ended with their process; what shows them stays as it is. */
  #forget(): void {
    void this.#manager?.then((manager) => manager.disconnect());
    this.#manager = undefined;
    this.#restored = undefined;
  }
}

/** One output that is a control; what else the output holds stands in for a model that no kernel has. */
class ControlOutput extends Panel implements IRenderMime.IRenderer {
  readonly #controls: Controls;
  readonly #rendering: IRenderMimeRegistry;
  #model: IRenderMime.IMimeModel | undefined;

  constructor(controls: Controls, rendering: IRenderMimeRegistry) {
    super();
    this.addClass("wb-control");
    this.#controls = controls;
    this.#rendering = rendering;
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.#model = model;
    if (await this.#showView(model)) return;
    this.#controls.connected.connect(this.#retry, this);
    await this.#showRest(model);
  }

  #retry(): void {
    const model = this.#model;
    if (!model || this.isDisposed) return;
    void this.#showView(model).then((isShown) => {
      if (isShown && !this.isDisposed) this.#controls.connected.disconnect(this.#retry, this);
    });
  }

  async #showView(model: IRenderMime.IMimeModel): Promise<boolean> {
    const { model_id: id } = model.data[mimeType] as { model_id: string };
    const view = await this.#controls.view(id);
    if (!view) return false;
    if (this.isDisposed || this.#model !== model) view.dispose();
    else this.#replace(view);
    return true;
  }

  async #showRest(model: IRenderMime.IMimeModel): Promise<void> {
    const { [mimeType]: _control, ...data } = model.data;
    const preferred = this.#rendering.preferredMimeType(data, model.trusted ? "any" : "ensure");
    if (preferred === undefined) return;
    const renderer = this.#rendering.createRenderer(preferred);
    await renderer.renderModel(new MimeModel({ data, metadata: model.metadata, trusted: model.trusted }));
    if (this.isDisposed || this.widgets.length > 0) return renderer.dispose();
    this.#replace(renderer);
    const note = "This output has controls; run the cell to use them.";
    this.node.append(element("p", { class: "wb-note" }, note));
  }

  #replace(by: Widget): void {
    for (const widget of [...this.widgets]) widget.dispose();
    for (const note of this.node.querySelectorAll(":scope > .wb-note")) note.remove();
    this.addWidget(by);
  }
}
