import type { JsonObject } from "../../protocol/messages.ts";
import type { CellEvent, DisplayData } from "../types.ts";
import { bundleOf, isPromise, rawBundle } from "./bundle.ts";
import type { EngineHost, Task } from "./host.ts";

/** Options of the global `display`. */
export interface DisplayOptions {
  /** Identifies the output so that it can be updated. */
  id?: string;
  metadata?: JsonObject;
  /** The value is itself a MIME bundle. */
  raw?: boolean;
  /** Updates the outputs with this id instead of adding one. */
  update?: boolean;
}

/** The displays of a session: in order, even when a value's looks take time to make. */
export class Displays {
  readonly #host: EngineHost;
  readonly #emit: (event: CellEvent, task: Task | undefined) => void;
  readonly #task: () => Task | undefined;
  readonly #prefix = Math.random().toString(36).slice(2, 10);
  readonly #handles = new WeakSet<object>();
  /** Values that some work has put on the page by `present`. */
  readonly #presented = new WeakMap<object, Task | undefined>();
  #count = 0;
  /**
   * What is under way, by the work it belongs to: a promise that settles when everything displayed so far is sent.
   * Not one for all, since a display may itself run code that waits for what it displays.
   */
  readonly #pending = new Map<Task | undefined, Promise<void>>();
  /** The first display of some work that failed without anybody waiting for it. */
  readonly #failures = new Map<Task | undefined, { error: unknown }>();

  /** `task` gives the work on whose account the caller runs. */
  constructor(
    host: EngineHost,
    emit: (event: CellEvent, task: Task | undefined) => void,
    task: () => Task | undefined,
  ) {
    this.#host = host;
    this.#task = task;
    this.#emit = emit;
  }

  /** Shows a value. The handle can be awaited, and updates what it stands for. */
  display = (value: unknown, options: DisplayOptions = {}) => {
    this.#count += 1;
    const id = options.id ?? `${this.#prefix}-${this.#count}`;
    const work = this.#task();
    const shown = this.#send(value, { ...options, id }, work);
    // Whoever awaits gets the error; otherwise the cell does, at its end.
    shown?.catch((error: unknown) => {
      if (!this.#failures.has(work)) this.#failures.set(work, { error });
    });
    const handle = {
      id,
      update: async (next: unknown) => this.#send(next, { ...options, id, update: true }, this.#task()),
      // biome-ignore lint/suspicious/noThenProperty: a handle is awaited as often as it is kept
      then: (done: (value: void) => unknown, failed?: (error: unknown) => unknown) => {
        const result = (shown ?? Promise.resolve()).then(done, failed);
        if (failed) shown?.catch(() => this.#failures.delete(work));
        return result;
      },
    };
    this.#handles.add(handle);
    return handle;
  };

  /** Shows a value that its maker also returns: as the result of the same cell it is not shown again. */
  present(value: object): void {
    this.#presented.set(value, this.#task());
    this.display(value);
  }

  clearOutput = (wait = false): void => {
    this.#emit({ type: "clear", wait }, this.#task());
  };

  /** Shows a cell's result. A handle is none: what it stands for is on the page already. */
  async result(value: unknown, task: Task): Promise<void> {
    if (typeof value === "object" && value !== null) {
      if (this.#handles.has(value)) return;
      if (this.#presented.has(value) && this.#presented.get(value) === task) return;
    }
    const display = await bundleOf(value, this.#host.inspect);
    this.#emit({ type: "result", display }, task);
  }

  /** Waits for displays nobody awaited; throws the first one's error. */
  async flush(work: Task): Promise<void> {
    await this.#pending.get(work);
    const failure = this.#failures.get(work);
    this.#failures.delete(work);
    if (failure) throw failure.error;
  }

  #send(
    value: unknown,
    options: DisplayOptions & { id: string },
    work: Task | undefined,
  ): Promise<void> | undefined {
    const metadata = options.metadata ?? {};
    const made = options.raw
      ? rawBundle(value, metadata, this.#host.inspect)
      : bundleOf(value, this.#host.inspect);
    const emit = (display: DisplayData) =>
      this.#emit(
        {
          type: "display",
          display: { data: display.data, metadata: { ...display.metadata, ...metadata } },
          id: options.id,
          update: options.update ?? false,
        },
        work,
      );
    const before = this.#pending.get(work);
    if (!isPromise(made) && !before) {
      emit(made);
      return undefined;
    }
    const sent = Promise.all([made, before]).then(([display]) => emit(display));
    const settled = sent
      .catch(() => undefined)
      .then(() => {
        if (this.#pending.get(work) === settled) this.#pending.delete(work);
      });
    this.#pending.set(work, settled);
    return sent;
  }
}
