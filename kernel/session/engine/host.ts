import type { CellEvent, Question } from "../types.ts";

/** What a cell's compiled function is called with. */
export interface CellApi {
  /** Records the value of the cell's last expression. */
  result(value: unknown): void;
  /** An export of a loaded module; throws when there is none of that name. */
  named(module: Record<string, unknown>, name: string, specifier: string): unknown;
  /** The cell's `import.meta`. */
  meta: object;
  /** Called before each `await`: the task on whose account the caller runs. */
  leave(): Task | undefined;
  /** Called after it: the awaited value in an array, or undefined when the task was stopped meanwhile. */
  enter(task: Task | undefined, value: unknown): [unknown] | undefined;
  /** What a stopped function waits for: it never settles. */
  never: Promise<never>;
}

/** One piece of work, a cell or a comm message, and everything asynchronous that it leaves behind. */
export interface Task {
  readonly origin: string;
  /** Whether the client can be asked for text on this work's account. */
  readonly allowInput: boolean;
  /** True once it was interrupted: what it left behind is to end, and shows nothing more. */
  readonly stopped: boolean;
  /** Takes the output instead of the kernel. */
  readonly capture?: (event: CellEvent) => void;
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
  /** Asks the person at the front end and blocks until the answer is there. */
  ask(origin: string, question: Question): string;
  /** Runs `body` so that it, and all that is asynchronous in it, finds `task` by `task()`. */
  within<T>(task: Task, body: () => T): T;
  /** The task on whose account the caller runs, where the platform can tell. */
  task(): Task | undefined;
  /** Says that code goes on on account of this task, for platforms that cannot tell. */
  resume(task: Task | undefined): void;
  /** Resolves after timers and callbacks that are due have run. */
  turn(): Promise<void>;
  /** The source map (JSON) of a loaded module that was compiled on the fly. */
  moduleMap(url: string): string | undefined;
  /** True of the kernel's own scripts, which no stack trace shows. */
  isKernel(script: string): boolean;
  /** Path to show for a script of the user's own, or undefined for library and platform code. */
  userFile(script: string): string | undefined;
}
