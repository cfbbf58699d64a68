import { displaySymbol } from "../engine/bundle.ts";
import type { MimeBundle } from "../types.ts";
import { session } from "./session.ts";

/** Updates within this time of the last one are not sent, except the final one; milliseconds. */
const interval = 100;

/** A bar that is drawn again in its place. It needs no widgets, so it also reads well in a saved notebook. */
export class Progress {
  readonly total: number;
  readonly label: string;
  readonly #id: string;
  readonly #began = performance.now();
  #done = 0;
  #note = "";
  #sent = performance.now();
  #ended: number | undefined;

  constructor(total: number, label = "") {
    this.total = total;
    this.label = label;
    this.#id = session().displays.display(this).id;
  }

  /** Says how much is done in all, and what stands behind the bar. */
  update(done: number, note = this.#note): void {
    this.#done = done;
    this.#note = note;
    if (done >= this.total) this.#ended ??= performance.now();
    const now = performance.now();
    if (now - this.#sent < interval && this.#ended === undefined) return;
    this.#sent = now;
    session().displays.display(this, { id: this.#id, update: true });
  }

  /** Says that `count` more are done. */
  step(count = 1, note?: string): void {
    this.update(this.#done + count, note);
  }

  /** Draws the bar a last time, however far it is. */
  end(): void {
    this.#ended ??= performance.now();
    this.update(this.#done);
  }

  toString(): string {
    const part = this.total > 0 ? Math.min(1, this.#done / this.total) : 1;
    const width = 30;
    const full = Math.round(part * width);
    const bar = "█".repeat(full) + "░".repeat(width - full);
    const seconds = ((this.#ended ?? performance.now()) - this.#began) / 1000;
    const parts = [this.label, bar, `${this.#done}/${this.total}`, `${seconds.toFixed(1)} s`, this.#note];
    return parts.filter((text) => text !== "").join(" ");
  }

  [displaySymbol](): MimeBundle {
    const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
    const seconds = ((this.#ended ?? performance.now()) - this.#began) / 1000;
    const bar = `<progress value="${this.#done}" max="${this.total}"></progress>`;
    const after = `${this.#done}/${this.total}, ${seconds.toFixed(1)} s ${escaped(this.#note)}`;
    return {
      "text/plain": this.toString(),
      "text/html": `<div>${escaped(this.label)} ${bar} ${after}</div>`,
    };
  }
}

/** Goes through `items` with a bar that shows how far it is. */
export function* progress<T>(items: Iterable<T>, label = ""): Generator<T, void> {
  const all = Array.isArray(items) ? (items as T[]) : [...items];
  const bar = new Progress(all.length, label);
  try {
    for (const item of all) {
      yield item;
      bar.step();
    }
  } finally {
    bar.end();
  }
}
