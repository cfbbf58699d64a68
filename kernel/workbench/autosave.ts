import type { Context } from "@jupyterlab/docregistry";
import type { INotebookModel } from "@jupyterlab/notebook";

/** How long after the last change a notebook is saved, and how long after the first of many, in milliseconds. */
const pause = 3000;
const longest = 20_000;

/**
 * Saves a notebook when its cells have changed. A change of the metadata alone, which every kernel makes, is none: a
 * chapter that is only read stays as it is. After a save that failed or that the reader refused, only the reader saves.
 */
export class Autosave {
  readonly #context: Context<INotebookModel>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the first change came that no save has taken; in milliseconds since the page began. */
  #since: number | undefined;
  #isOff = false;
  #isSaving = false;
  /** Whether something changed since the save that goes on took what it saves; for a server that is away that takes long. */
  #isLater = false;
  /** Whether something changed that is not in the file. */
  hasChanges = false;
  /** Called when `hasChanges` may be another. */
  onChange: () => void = () => undefined;

  constructor(context: Context<INotebookModel>) {
    this.#context = context;
    const { model } = context;
    const watched = new WeakSet<object>();
    const changed = () => this.#changed();
    const watch = () => {
      for (const cell of model.cells) {
        if (watched.has(cell)) continue;
        watched.add(cell);
        cell.contentChanged.connect(changed);
      }
    };
    watch();
    model.cells.changed.connect(() => {
      watch();
      changed();
    });
    context.saveState.connect((_, state) => {
      if (state === "failed") this.#isOff = true;
      if (state === "completed") this.#saved();
    });
  }

  /** Saves now; gives whether that went well. */
  async save(): Promise<boolean> {
    clearTimeout(this.#timer);
    this.#since = undefined;
    if (this.#isSaving) return false;
    this.#isSaving = true;
    this.#isLater = false;
    try {
      await this.#context.save();
      return true;
    } catch {
      // The context has told the reader.
      this.#isOff = true;
      return false;
    } finally {
      this.#isSaving = false;
      if (this.#isLater) this.#changed();
    }
  }

  /** Saves nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isOff = true;
    this.#isLater = false;
    this.hasChanges = false;
  }

  #changed(): void {
    this.hasChanges = true;
    this.#isLater = this.#isSaving;
    this.onChange();
    clearTimeout(this.#timer);
    if (this.#isOff || this.#context.model.readOnly) return;
    const now = performance.now();
    this.#since ??= now;
    const left = Math.max(0, this.#since + longest - now);
    this.#timer = setTimeout(() => void this.save(), Math.min(pause, left));
  }

  #saved(): void {
    this.#isOff = false;
    this.hasChanges = this.#context.model.dirty || this.#isLater;
    this.onChange();
  }
}
