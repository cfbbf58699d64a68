// The models and views of one kernel process, with ipywidgets' own classes. A chunk of its own.
import "@jupyter-widgets/base/css/index.css";
import "@jupyter-widgets/controls/css/widgets-base.css";
import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import * as controls from "@jupyter-widgets/controls";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";
import type { Widget } from "@lumino/widgets";
import { LateOutputs } from "./late-outputs.ts";
import * as output from "./output.ts";

/** Where the classes are that models name. */
const modules: { [name: string]: object } = {
  "@jupyter-widgets/base": base,
  "@jupyter-widgets/controls": controls,
  "@jupyter-widgets/output": output,
};

// A view's layout may come only after the view was removed, and then posts a message to its widget, which has let go of the
// view. Nobody is left to hear it.
for (const { prototype } of [base.JupyterLuminoWidget, base.JupyterLuminoPanelWidget]) {
  const { processMessage } = prototype;
  prototype.processMessage = function (this: { _view: unknown }, message) {
    if (this._view !== null) processMessage.call(this as unknown as typeof prototype, message);
  };
}

/** Keeps the models of a kernel process and makes views of them. */
export class ControlManager extends ManagerBase {
  readonly kernel: Kernel.IKernelConnection;
  /** What outputs inside of controls are drawn with. The views look for it by this name, to typeset mathematics. */
  readonly _rendermime: IRenderMimeRegistry;
  readonly #late: LateOutputs;

  constructor(kernel: Kernel.IKernelConnection, panel: NotebookPanel) {
    super();
    this.kernel = kernel;
    this._rendermime = panel.content.rendermime;
    this.#late = new LateOutputs(panel);
  }

  /** A model that the kernel opens. */
  async open(comm: Kernel.IComm, message: KernelMessage.ICommOpenMsg): Promise<void> {
    await this.handle_comm_open(new base.shims.services.Comm(comm), message);
  }

  /** Asks the kernel for the models it has. */
  async restore(): Promise<void> {
    await this._loadFromKernel();
  }

  /** A new view of a model. */
  async viewOf(id: string): Promise<Widget> {
    const model = (await this.get_model(id)) as base.DOMWidgetModel;
    const view = await this.create_view(model);
    return view.luminoWidget;
  }

  /** What listeners of a control print and display stands below the cell that shows it. */
  override callbacks(view?: base.WidgetView): base.ICallbacks {
    const isBelow = this.#late.below(view?.el as HTMLElement | undefined);
    return {
      ...super.callbacks(view),
      iopub: { output: isBelow, clear_output: isBelow },
    } as base.ICallbacks;
  }

  protected override async loadClass(
    name: string,
    module: string,
    version: string,
  ): Promise<typeof base.WidgetModel | typeof base.WidgetView> {
    const found: unknown = Reflect.get(modules[module] ?? {}, name);
    if (typeof found !== "function")
      throw new Error(`${name} of ${module} ${version} is none of the controls that the page has`);
    return found as typeof base.WidgetModel;
  }

  protected override async _create_comm(
    target: string,
    id?: string,
    data?: JSONObject,
    metadata?: JSONObject,
    buffers?: ArrayBuffer[] | ArrayBufferView[],
  ): Promise<base.IClassicComm> {
    const comm = this.kernel.createComm(target, id);
    // One without data is open in the kernel already.
    if (data !== undefined || metadata !== undefined)
      comm.open(data ?? null, metadata, buffers as ArrayBuffer[] | undefined);
    return new base.shims.services.Comm(comm);
  }

  protected override async _get_comm_info(): Promise<object> {
    const reply = await this.kernel.requestCommInfo({ target_name: this.comm_target_name });
    return reply.content.status === "ok" ? reply.content.comms : {};
  }
}
