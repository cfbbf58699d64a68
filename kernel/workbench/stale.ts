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
  success: boolean;
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
    runs.ended.connect((_, { cell, source, success }) => {
      this.#runs.set(cell.model.id, { time: ++this.#time, source, names: namesOf(source), success });
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

  /** Why each stale cell is: what the mark says. */
  reasons(): Map<string, string> {
    const cells = this.#panel.content.widgets.filter(({ model }) => model.type === "code");
    const place = new Map(cells.map(({ model }, index) => [model.id, index + 1]));
    const reasons = new Map<string, string>();
    for (const { model } of cells) {
      const run = this.#runs.get(model.id);
      if (run && run.source !== model.sharedModel.getSource()) reasons.set(model.id, "edited since it ran");
    }
    // In the order in which they ran, so that what a cell read is judged before the cell.
    const ran = [...this.#runs].sort(([, a], [, b]) => a.time - b.time);
    for (let again = true; again; ) {
      again = false;
      for (const [id, run] of ran) {
        if (reasons.has(id) || !place.has(id)) continue;
        const reason = this.#inputReason(id, run, ran, place, reasons);
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
    ran: [string, Run][],
    place: Map<string, number>,
    reasons: Map<string, string>,
  ): string | undefined {
    for (const name of run.names.reads) {
      const definers = ran.filter(([other, { names }]) => other !== id && names.defines.has(name));
      const later = definers.find(([, { time }]) => time > run.time);
      if (later) return `${name} was set again, ${placeText(place.get(later[0]))}, after this ran`;
      const source = definers.at(-1);
      if (!source) continue;
      if (!place.has(source[0])) return `the cell that set ${name} is gone`;
      if (reasons.has(source[0]))
        return `${name} comes from a stale cell, ${placeText(place.get(source[0]))}`;
    }
    return undefined;
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

function placeText(place: number | undefined): string {
  return place === undefined ? "by a cell that is gone" : `in code cell ${place}`;
}
