// What a control's listeners show has no cell that runs: it is put below the cell in which the control stands.
import type { CodeCell } from "@jupyterlab/cells";
import type { IOutput } from "@jupyterlab/nbformat";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { KernelMessage } from "@jupyterlab/services";

/** Puts messages of output below cells. */
export class LateOutputs {
  readonly #panel: NotebookPanel;

  constructor(panel: NotebookPanel) {
    this.#panel = panel;
  }

  /** Takes messages for the cell in which an element stands. */
  below(node: HTMLElement | undefined): (message: KernelMessage.IIOPubMessage) => void {
    return (message) => {
      const cell = this.#panel.content.widgets.find((one) => node && one.node.contains(node));
      if (cell?.model.type !== "code") return;
      const { outputs } = (cell as CodeCell).model;
      if (KernelMessage.isClearOutputMsg(message)) outputs.clear(message.content.wait);
      else outputs.add(outputOf(message));
    };
  }
}

/** Whether a message is something to show. */
export function isOutput(message: KernelMessage.IIOPubMessage): boolean {
  return (
    KernelMessage.isStreamMsg(message) ||
    KernelMessage.isDisplayDataMsg(message) ||
    KernelMessage.isExecuteResultMsg(message) ||
    KernelMessage.isErrorMsg(message)
  );
}

/** A message of output as the notebook format writes it. */
export function outputOf({ header, content }: KernelMessage.IIOPubMessage): IOutput {
  const { transient: _transient, ...rest } = content as { transient?: unknown };
  return { ...rest, output_type: header.msg_type };
}
