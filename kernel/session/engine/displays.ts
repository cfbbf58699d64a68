import type { JsonObject } from "../../protocol/messages.ts";
import type { DisplayData } from "../types.ts";
import { bundleOf, isPromise, RichDisplay, rawBundle } from "./bundle.ts";
import type { EngineHost } from "./host.ts";

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
  readonly #prefix = Math.random().toString(36).slice(2, 10);
  readonly #handles = new WeakSet<object>();
  #count = 0;
  /** Settles when everything displayed so far is sent; undefined when nothing is pending. */
  #pending: Promise<void> | undefined;
  /** The first display of the running cell that failed without anybody waiting for it. */
  #failure: { error: unknown } | undefined;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** Shows a value. The handle can be awaited, and updates what it stands for. */
  display = (value: unknown, options: DisplayOptions = {}) => {
    this.#count += 1;
    const id = options.id ?? `${this.#prefix}-${this.#count}`;
    const shown = this.#send(value, { ...options, id });
    // Whoever awaits gets the error; otherwise the cell does, at its end.
    shown?.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    const handle = {
      id,
      update: async (next: unknown) => this.#send(next, { ...options, id, update: true }),
      // biome-ignore lint/suspicious/noThenProperty: a handle is awaited as often as it is kept
      then: (done: (value: void) => unknown, failed?: (error: unknown) => unknown) => {
        const result = (shown ?? Promise.resolve()).then(done, failed);
        if (failed) shown?.catch(() => (this.#failure = undefined));
        return result;
      },
    };
    this.#handles.add(handle);
    return handle;
  };

  clearOutput = (wait = false): void => {
    this.#host.emit({ type: "clear", wait });
  };

  /** Shows a cell's result. A handle is none: what it stands for is on the page already. */
  async result(value: unknown): Promise<void> {
    if (typeof value === "object" && value !== null && this.#handles.has(value)) return;
    const display = await bundleOf(value, this.#host.inspect);
    this.#host.emit({ type: "result", display });
  }

  /** Waits for displays nobody awaited; throws the first one's error. */
  async flush(): Promise<void> {
    await this.#pending;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  /** Forgets what an interrupted cell left behind. */
  reset(): void {
    this.#pending = undefined;
    this.#failure = undefined;
  }

  #send(value: unknown, options: DisplayOptions & { id: string }): Promise<void> | undefined {
    const metadata = options.metadata ?? {};
    const made = options.raw
      ? rawBundle(value, metadata, this.#host.inspect)
      : bundleOf(value, this.#host.inspect);
    const emit = (display: DisplayData) =>
      this.#host.emit({
        type: "display",
        display: { data: display.data, metadata: { ...display.metadata, ...metadata } },
        id: options.id,
        update: options.update ?? false,
      });
    if (!isPromise(made) && !this.#pending) {
      emit(made);
      return undefined;
    }
    const sent = Promise.all([made, this.#pending]).then(([display]) => emit(display));
    const settled = sent
      .catch(() => undefined)
      .then(() => {
        if (this.#pending === settled) this.#pending = undefined;
      });
    this.#pending = settled;
    return sent;
  }
}

/** The tagged templates of cells: what is interpolated is inserted as it is. */
export function tags() {
  const tag =
    (mime: string) =>
    (strings: TemplateStringsArray, ...values: unknown[]) => {
      const text = String.raw({ raw: strings }, ...values);
      return new RichDisplay({ [mime]: text, "text/plain": text });
    };
  return { md: tag("text/markdown"), html: tag("text/html"), svg: tag("image/svg+xml") };
}
