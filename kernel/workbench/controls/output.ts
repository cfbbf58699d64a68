// The control that holds outputs: what `interact` shows below its sliders.
import * as output from "@jupyter-widgets/output";
import type { IOutput } from "@jupyterlab/nbformat";
import { OutputArea, OutputAreaModel } from "@jupyterlab/outputarea";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { type Kernel, KernelMessage } from "@jupyterlab/services";
import { PanelLayout } from "@lumino/widgets";
import { isOutput, outputOf } from "./late-outputs.ts";

/** What outputs need of the manager of their model. */
export interface OutputHome {
  readonly kernel: Kernel.IKernelConnection;
  readonly _rendermime: IRenderMimeRegistry;
}

/**
 * Outputs, either set as a whole or taken from the messages that answer one request (`msg_id`). The parent's
 * constructor calls `initialize` before fields of this class would be made: hence `declare`, and functions below.
 */
export class OutputModel extends output.OutputModel {
  declare shown: OutputAreaModel;
  declare stop: (() => void) | undefined;

  override initialize(...args: Parameters<output.OutputModel["initialize"]>): void {
    super.initialize(...args);
    this.shown = new OutputAreaModel({ trusted: true });
    this.listenTo(this, "change:outputs", () => take(this));
    this.listenTo(this, "change:msg_id", () => listen(this));
    take(this);
    listen(this);
  }

  override close(closed?: boolean): Promise<void> {
    this.stop?.();
    return super.close(closed);
  }
}

function take(model: OutputModel): void {
  model.shown.fromJSON(structuredClone((model.get("outputs") ?? []) as IOutput[]));
}

/** Takes the outputs that answer a request, in place of whom they were sent to. */
function listen(model: OutputModel): void {
  model.stop?.();
  model.stop = undefined;
  const id: unknown = model.get("msg_id");
  if (typeof id !== "string" || id === "") return;
  const { kernel } = model.widget_manager as unknown as OutputHome;
  const hear = (message: KernelMessage.IIOPubMessage): boolean => {
    if (KernelMessage.isClearOutputMsg(message)) model.shown.clear(message.content.wait);
    else if (isOutput(message)) model.shown.add(outputOf(message));
    else return true;
    model.set("outputs", model.shown.toJSON(), { silent: true });
    model.save_changes();
    return false;
  };
  kernel.registerMessageHook(id, hear);
  model.stop = () => kernel.removeMessageHook(id, hear);
}

/** The outputs, drawn as those of a cell are. */
export class OutputView extends output.OutputView {
  override render(): void {
    super.render();
    const model = this.model as OutputModel;
    const area = new OutputArea({
      model: model.shown,
      rendermime: (model.widget_manager as unknown as OutputHome)._rendermime,
      contentFactory: OutputArea.defaultContentFactory,
    });
    const layout = new PanelLayout();
    this.luminoWidget.layout = layout;
    layout.addWidget(area);
    for (const name of ["jupyter-widgets", "widget-output"]) this.luminoWidget.addClass(name);
  }
}
