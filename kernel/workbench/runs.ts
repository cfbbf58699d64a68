import type { Cell, CodeCell } from "@jupyterlab/cells";
import {
  type INotebookCellExecutor,
  NotebookActions,
  type NotebookPanel,
  runCell as runInNotebook,
} from "@jupyterlab/notebook";
import { Signal } from "@lumino/signaling";

/** A cell that ran to its end. */
export interface EndedRun {
  cell: CodeCell;
  source: string;
  success: boolean;
}

/** A cell that will not go on: the kernel has answered, or will not any more. */
const settled = new Signal<object, Cell>({});

/** Runs a cell as JupyterLab does, which says nothing of a cell whose kernel was restarted or went away with its server. */
export async function runCell(options: INotebookCellExecutor.IRunCellOptions): Promise<boolean> {
  try {
    return await runInNotebook(options);
  } finally {
    settled.emit(options.cell);
  }
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
    settled.connect(this.#settled, this);
  }

  /** The cells that are running or waiting, in the order they were asked for. */
  get cells(): CodeCell[] {
    return [...this.#sources.keys()] as CodeCell[];
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

  /** After `#executed`, if that was called at all. */
  #settled(_: unknown, cell: Cell): void {
    if (!this.#sources.delete(cell)) return;
    this.done += 1;
    this.changed.emit();
  }
}
