import type { ErrorContent, JsonObject } from "../../protocol/messages.ts";
import { interruption } from "../errors.ts";
import type { CellOutcome, RunnableCell } from "../types.ts";
import { bundleOf } from "./bundle.ts";
import { Displays, tags } from "./displays.ts";
import { describeError } from "./errors.ts";
import type { CellApi, EngineHost } from "./host.ts";
import { CellSources } from "./stack.ts";

interface Running {
  cell: RunnableCell;
  /** Values that the cell's names had before, to tell which ones a failed cell never assigned. */
  before: Map<string, { value: unknown } | undefined>;
  finish(outcome: CellOutcome): void;
}

/**
 * Runs cells, one at a time, on the shared scope. An interrupt may tear down any JavaScript frame without running
 * its `finally` blocks, so nothing here relies on them: the running cell is a field, and whoever ends it first wins.
 */
export class CellEngine {
  readonly #host: EngineHost;
  readonly #sources: CellSources;
  readonly #displays: Displays;
  #running: Running | undefined;

  constructor(host: EngineHost) {
    this.#host = host;
    this.#sources = new CellSources(host);
    this.#displays = new Displays(host);
    // The constructor of the scope's own realm, which need not be this module's.
    Object.assign(host.scope.Error as object, { prepareStackTrace: this.#sources.prepare });
    const globals = { display: this.#displays.display, clearOutput: this.#displays.clearOutput, ...tags() };
    for (const [name, value] of Object.entries(globals)) define(host.scope, name, value);
  }

  /**
   * Runs a compiled cell and calls `done` once. A callback, not a promise: a cell that spins before its first
   * `await` takes this very call down with it when it is terminated, and a promise would never be returned.
   */
  run(cell: RunnableCell, done: (outcome: CellOutcome) => void): void {
    const running: Running = {
      cell,
      before: this.#declare(cell.compiled.names),
      finish: (outcome) => {
        if (this.#running !== running) return;
        this.#running = undefined;
        done(outcome);
      },
    };
    this.#running = running;
    this.#sources.add(cell);
    this.#execute(running).then(
      (expressions) => running.finish({ status: "ok", expressions }),
      (thrown: unknown) => this.#fail(running, describeError(thrown, this.#sources, this.#host)),
    );
  }

  /** Ends the running cell, if it is this one. Its code may still go on in callbacks it has left. */
  interrupt(cell: number): void {
    if (this.#running?.cell.number !== cell) return;
    this.#displays.reset();
    this.#fail(this.#running, interruption());
  }

  /**
   * An exception or rejection that nobody caught. While a cell runs it ends that cell in error, since a throw must
   * never leave a green cell; it is also written on stderr, which is all there is between cells.
   */
  uncaught(thrown: unknown, kind: "exception" | "rejection"): void {
    const error = describeError(thrown, this.#sources, this.#host);
    const title = kind === "rejection" ? "Unhandled promise rejection" : "Uncaught exception in a callback";
    const running = this.#running;
    const body = running ? `${error.ename}: ${error.evalue}` : error.traceback.join("\n");
    this.#host.emit({ type: "stream", name: "stderr", text: `${title}: ${body}\n` });
    if (running) this.#fail(running, { ...error, traceback: [`${title}:`, ...error.traceback] });
  }

  async #execute(running: Running): Promise<JsonObject> {
    const { cell } = running;
    let result: { value: unknown } | undefined;
    const api: CellApi = {
      result: (value) => {
        result = { value };
      },
      named: namedExport,
      meta: this.#host.meta,
    };
    const script = this.#host.evaluate(cell.compiled.js, this.#host.scriptName(cell.number));
    await (script as (api: CellApi) => Promise<void>)(api);
    if (result && result.value !== undefined && !cell.silent && this.#running === running) {
      const { value } = result;
      await this.#displays.flush();
      if (this.#running === running) await this.#displays.result(value);
    }
    await this.#displays.flush();
    // Rejections are reported, and due callbacks run, in the turn after: they still belong to this cell.
    await this.#host.turn();
    await this.#displays.flush();
    return this.#expressions(cell.expressions);
  }

  async #expressions(expressions: { [name: string]: string }): Promise<JsonObject> {
    const values: JsonObject = {};
    for (const [name, js] of Object.entries(expressions)) {
      try {
        const value = await this.#host.evaluate(`(${js})`, "expression");
        values[name] = { status: "ok", ...(await bundleOf(value, this.#host.inspect)) };
      } catch (error) {
        values[name] = { status: "error", ...describeError(error, this.#sources, this.#host) };
      }
    }
    return values;
  }

  #fail(running: Running, error: ErrorContent): void {
    const { scope } = this.#host;
    const unassigned = [...running.before]
      .filter(([name, before]) => Object.is(scope[name], before?.value))
      .map(([name, before]) => {
        if (!before) delete scope[name];
        return name;
      });
    running.finish({ status: "error", error, unassigned });
  }

  /** Makes the names plain variables of the scope, so that strict code may assign to them. */
  #declare(names: readonly string[]): Running["before"] {
    const { scope } = this.#host;
    const before: Running["before"] = new Map();
    for (const name of names) {
      const descriptor = Object.getOwnPropertyDescriptor(scope, name);
      before.set(name, name in scope ? { value: scope[name] } : undefined);
      if (!descriptor || !("value" in descriptor) || !descriptor.writable) {
        define(scope, name, before.get(name)?.value);
      }
    }
    return before;
  }
}

function define(scope: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true });
}

/** CommonJS modules may offer names only on their default export. */
function namedExport(module: Record<string, unknown>, name: string, specifier: string): unknown {
  if (name in module) return module[name];
  const whole = module.default;
  if (name !== "default" && typeof whole === "object" && whole !== null && name in whole) {
    return (whole as Record<string, unknown>)[name];
  }
  if (name !== "default" && typeof whole === "function" && name in whole) {
    return (whole as unknown as Record<string, unknown>)[name];
  }
  throw new SyntaxError(`The module "${specifier}" has no export named "${name}"`);
}
