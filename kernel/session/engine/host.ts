import type { CellEvent } from "../types.ts";

/** What a cell's compiled function is called with. */
export interface CellApi {
  /** Records the value of the cell's last expression. */
  result(value: unknown): void;
  /** An export of a loaded module; throws when there is none of that name. */
  named(module: Record<string, unknown>, name: string, specifier: string): unknown;
  /** The cell's `import.meta`. */
  meta: object;
}

/** What the engine needs of the place it runs in: a Node process or a worker of a browser tab. */
export interface EngineHost {
  /** The global object, on which the session's bindings live. */
  scope: Record<string, unknown>;
  /** Evaluates a JavaScript expression; `name` is the script's name in stack traces. */
  evaluate(js: string, name: string): unknown;
  /** The script name of a cell, unlike any file's. */
  scriptName(cell: number): string;
  /** The `import.meta` of cells. */
  meta: object;
  /** Text of a value, without colours and bounded. */
  inspect(value: unknown): string;
  /** Sends output; must keep the order of calls. */
  emit(event: CellEvent): void;
  /** Resolves after timers and callbacks that are due have run. */
  turn(): Promise<void>;
  /** The source map (JSON) of a loaded module that was compiled on the fly. */
  moduleMap(url: string): string | undefined;
  /** True of the kernel's own scripts, which no stack trace shows. */
  isKernel(script: string): boolean;
  /** Path to show for a script of the user's own, or undefined for library and platform code. */
  userFile(script: string): string | undefined;
}
