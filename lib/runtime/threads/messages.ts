/** What the main thread and its workers tell each other. Jobs go through the control block instead. */

/** A program as a worker instantiates it for itself. */
export interface SharedProgram {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly kernels: readonly SharedKernel[];
  /** Exported names of its parallel loops, by number. */
  readonly bodies: readonly string[];
}

export interface SharedKernel {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly export: string;
}

export type ToWorker =
  | { readonly kind: "begin"; readonly control: Int32Array; readonly thread: number }
  | ({ readonly kind: "learn"; readonly number: number } & SharedProgram)
  | { readonly kind: "forget"; readonly number: number };

export type FromWorker =
  | { readonly kind: "ready" }
  /** The program could not be instantiated here. */
  | { readonly kind: "unable"; readonly number: number; readonly why: string };

/** How a worker hears the main thread. */
export interface Port {
  listen(handler: (m: ToWorker) => void): void;
  post(m: FromWorker): void;
}
