import type { Cell, CodeCell } from "@jupyterlab/cells";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { Signal } from "@lumino/signaling";

/** A cell that ran to its end. */
export interface EndedRun {
  cell: CodeCell;
  source: string;
  success: boolean;
}

/** What of a notebook is running: how many cells were asked for, and how many are through. */
export class Runs {
  readonly #panel: NotebookPanel;
  readonly #sources = new Map<Cell, string>();
  /** Cells asked for since nothing was running, and how many of them are through. */
  asked = 0;
  done = 0;
  readonly changed: Signal<this, void> = new Signal(this);
  readonly scheduled: Signal<this, CodeCell> = new Signal(this);
  readonly ended: Signal<this, EndedRun> = new Signal(this);

  constructor(panel: NotebookPanel) {
    this.#panel = panel;
    NotebookActions.executionScheduled.connect(this.#scheduled, this);
    NotebookActions.executed.connect(this.#executed, this);
  }

  /** Whether cells are running or waiting. */
  get isRunning(): boolean {
    return this.#sources.size > 0;
  }

  #scheduled(_: unknown, { notebook, cell }: { notebook: unknown; cell: Cell }): void {
    if (notebook !== this.#panel.content || cell.model.type !== "code") return;
    if (!this.isRunning) this.asked = this.done = 0;
    this.asked += 1;
    this.#sources.set(cell, cell.model.sharedModel.getSource());
    this.scheduled.emit(cell as CodeCell);
    this.changed.emit();
  }

  #executed(_: unknown, run: { notebook: unknown; cell: Cell; success: boolean }): void {
    if (run.notebook !== this.#panel.content) return;
    const source = this.#sources.get(run.cell);
    if (source === undefined) return;
    this.#sources.delete(run.cell);
    this.done += 1;
    this.ended.emit({ cell: run.cell as CodeCell, source, success: run.success });
    this.changed.emit();
  }
}
