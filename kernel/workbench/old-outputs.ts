// Marks on outputs that an earlier kernel made: what they show may need variables that are gone.
import type { Cell, CodeCell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { element } from "./dom.ts";
import type { Runs } from "./runs.ts";

const oldClass = "wb-old";

/** Whether an earlier kernel made a cell's outputs. */
export function isFromEarlierKernel(cell: Cell): boolean {
  return cell.hasClass(oldClass);
}

/** Marks the outputs of a notebook as old when its kernel starts anew or dies, until their cells run again. */
export class OldOutputs {
  readonly #panel: NotebookPanel;
  readonly #marks = new Map<Cell, HTMLElement>();

  constructor(panel: NotebookPanel, runs: Runs) {
    this.#panel = panel;
    const { sessionContext } = panel;
    sessionContext.statusChanged.connect((_, status) => {
      if (status === "restarting" || status === "autorestarting" || status === "dead") this.#mark();
    });
    sessionContext.kernelChanged.connect((_, { oldValue }) => {
      if (oldValue) this.#mark();
    });
    runs.scheduled.connect((_, cell) => this.#unmark(cell));
  }

  #mark(): void {
    for (const cell of this.#panel.content.widgets) {
      if (cell.model.type !== "code" || this.#marks.has(cell)) continue;
      const { model } = cell as CodeCell;
      if (model.outputs.length === 0) continue;
      const mark = element("p", { class: "wb-old-mark" }, "From before the kernel was started anew");
      cell.addClass(oldClass);
      cell.node.append(mark);
      this.#marks.set(cell, mark);
      cell.disposed.connect(() => this.#marks.delete(cell));
      model.outputs.changed.connect(() => {
        if (model.outputs.length === 0) this.#unmark(cell);
      });
    }
  }

  #unmark(cell: Cell): void {
    this.#marks.get(cell)?.remove();
    this.#marks.delete(cell);
    cell.removeClass(oldClass);
  }
}
