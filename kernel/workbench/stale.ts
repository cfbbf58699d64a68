// Marks on cells whose output may no longer be what they would give now. It says what it knows by the cells' text: a
// mark is a hint, and no mark is no promise.
import type { Cell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { Signal } from "@lumino/signaling";
import { element } from "./dom.ts";
import { type CellNames, namesOf } from "./names.ts";
import type { Runs } from "./runs.ts";

interface Run {
  /** Grows with every run. */
  time: number;
  source: string;
  names: CellNames;
  /** For each name that was read and that a cell had set: which cell, and its run's time. */
  inputs: ReadonlyMap<string, { id: string; time: number }>;
}

/** How long after a key was pressed the marks follow, in milliseconds. */
const pause = 250;

/** The stale marks of a notebook. */
export class StaleMarks {
  readonly #panel: NotebookPanel;
  /** The last run of each cell since the kernel started, by the cell's id. */
  readonly #runs = new Map<string, Run>();
  readonly #marks = new Map<Cell, HTMLElement>();
  readonly #watched = new WeakSet<object>();
  #time = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Emits when the number of marked cells may be another. */
  readonly changed: Signal<this, void> = new Signal(this);

  constructor(panel: NotebookPanel, runs: Runs) {
    this.#panel = panel;
    runs.ended.connect((_, { cell, source }) => {
      const names = namesOf(source);
      const inputs = this.#inputs(cell.model.id, names);
      this.#runs.set(cell.model.id, { time: ++this.#time, source, names, inputs });
      this.#later();
    });
    const { sessionContext } = panel;
    sessionContext.kernelChanged.connect(() => this.#forget());
    sessionContext.statusChanged.connect((_, status) => {
      if (status === "restarting" || status === "autorestarting" || status === "dead") this.#forget();
    });
    panel.content.model?.cells.changed.connect(() => this.#later());
    this.#watch();
  }

  /** The cells that are marked, in their order. */
  get cells(): Cell[] {
    return this.#panel.content.widgets.filter((cell) => this.#marks.has(cell));
  }

  /** Whether a cell ran since the kernel started. */
  hasRun(cell: Cell): boolean {
    return this.#runs.has(cell.model.id);
  }

  /** Why each stale cell is: what the mark says. */
  reasons(): Map<string, string> {
    const cells = this.#panel.content.widgets.filter(({ model }) => model.type === "code");
    const place = new Map(cells.map(({ model }, index) => [model.id, index + 1]));
    const reasons = new Map<string, string>();
    for (const { model } of cells) {
      const run = this.#runs.get(model.id);
      if (run && run.source !== model.sharedModel.getSource()) reasons.set(model.id, "edited since it ran");
    }
    // What comes from a stale cell is stale, and so on.
    for (let again = true; again; ) {
      again = false;
      for (const [id, run] of this.#runs) {
        if (reasons.has(id) || !place.has(id)) continue;
        const reason = this.#inputReason(id, run, place, reasons);
        if (reason === undefined) continue;
        reasons.set(id, reason);
        again = true;
      }
    }
    return reasons;
  }

  #inputReason(
    id: string,
    run: Run,
    place: ReadonlyMap<string, number>,
    reasons: ReadonlyMap<string, string>,
  ): string | undefined {
    for (const [name, input] of run.inputs) {
      const now = place.get(input.id);
      if (now === undefined) return `the cell that set ${name} is gone`;
      if (this.#runs.get(input.id)!.time !== input.time)
        return `${name} was set again in code cell ${now} after this ran`;
      if (reasons.has(input.id)) return `${name} comes from code cell ${now}, which is stale`;
    }
    // Another cell above has set a name since. One below is only the next to use the name.
    for (const [other, { time, names }] of this.#runs) {
      const [at, here] = [place.get(other), place.get(id)];
      if (at === undefined || here === undefined || at >= here || time < run.time) continue;
      for (const name of run.names.reads)
        if (names.defines.has(name)) return `${name} was set in code cell ${at} after this ran`;
    }
    return undefined;
  }

  /** Which runs the names come from that a cell reads: the latest that set each. */
  #inputs(id: string, { reads }: CellNames): Run["inputs"] {
    const inputs = new Map<string, { id: string; time: number }>();
    for (const [other, { time, names }] of this.#runs) {
      if (other === id) continue;
      for (const name of names.defines)
        if (reads.has(name) && time > (inputs.get(name)?.time ?? 0)) inputs.set(name, { id: other, time });
    }
    return inputs;
  }

  #watch(): void {
    for (const { model } of this.#panel.content.widgets) {
      if (this.#watched.has(model)) continue;
      this.#watched.add(model);
      model.sharedModel.changed.connect((_, change) => {
        if (change.sourceChange) this.#later();
      });
    }
  }

  #forget(): void {
    this.#runs.clear();
    this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(), pause);
  }

  #draw(): void {
    if (this.#panel.isDisposed) return;
    this.#watch();
    const reasons = this.reasons();
    for (const [cell, mark] of this.#marks) {
      if (reasons.has(cell.model?.id ?? "")) continue;
      mark.remove();
      cell.removeClass("wb-stale");
      this.#marks.delete(cell);
    }
    for (const cell of this.#panel.content.widgets) {
      const reason = reasons.get(cell.model.id);
      if (reason === undefined) continue;
      const mark = this.#marks.get(cell) ?? element("p", { class: "wb-stale-mark" });
      mark.textContent = `Stale: ${reason}`;
      if (this.#marks.has(cell)) continue;
      this.#marks.set(cell, mark);
      cell.addClass("wb-stale");
      cell.node.append(mark);
    }
    this.changed.emit();
  }
}
