import type { ErrorContent, JsonObject } from "../../protocol/messages.ts";
import { interruption } from "../errors.ts";
import type { CellEvent, CellOutcome, CommMessage, RunnableCell } from "../types.ts";
import { bundleOf } from "./bundle.ts";
import { Comms } from "./comms.ts";
import { Displays } from "./displays.ts";
import { describeError } from "./errors.ts";
import { cellGlobals } from "./globals.ts";
import type { CellApi, EngineHost, Task } from "./host.ts";
import { Shadows } from "./shadows.ts";
import { CellSources } from "./stack.ts";
import { acceptViews } from "./views.ts";

interface Running {
  cell: RunnableCell;
  task: Task & { stopped: boolean };
  /** Values that the cell's names had before, to tell which ones a failed cell never assigned. */
  before: Map<string, { value: unknown } | undefined>;
  finish(outcome: CellOutcome): void;
}

/**
 * Runs cells, one at a time, on the shared scope, and comm messages between and beside them. An interrupt may tear
 * down any JavaScript frame without running its `finally` blocks, so nothing here relies on them: what runs is a
 * field, and whoever ends it first wins.
 */
export class CellEngine {
  readonly displays: Displays;
  readonly comms: Comms;
  readonly #host: EngineHost;
  readonly #sources: CellSources;
  readonly #shadows: Shadows;
  readonly #never = new Promise<never>(() => undefined);
  #running: Running | undefined;
  /** Names that cells have set, and the last values of the latest cells. */
  readonly #named = new Set<string>();
  readonly #results = new Map<number, unknown>();
  /** Comm messages whose handlers are not through. */
  readonly #handling = new Map<string, { task: Running["task"]; finish: () => void }>();

  constructor(host: EngineHost) {
    this.#host = host;
    this.#sources = new CellSources(host);
    this.#shadows = new Shadows(host.scope);
    const emit = (event: CellEvent, task = this.task()) => this.#emit(event, task);
    this.displays = new Displays(host, emit, this.task);
    this.comms = new Comms(emit);
    acceptViews(this.comms, {
      scope: host.scope,
      read: (name) => this.#shadows.home(name)[name],
      names: () => this.#named,
      result: (cell) => this.#results.get(cell),
      inspect: host.inspect,
    });
    // The constructor of the scope's own realm, which need not be this module's.
    Object.assign(host.scope.Error as object, { prepareStackTrace: this.#sources.prepare });
    const globals = cellGlobals(this.displays, (question) => {
      const task = this.task();
      if (!task?.allowInput) throw new Error(noInput);
      return this.#host.ask(task.origin, question);
    });
    for (const [name, value] of Object.entries(globals)) define(host.scope, name, value);
  }

  /** Text written to a standard stream, on account of whoever calls. */
  write(name: "stdout" | "stderr", text: string): void {
    this.#emit({ type: "stream", name, text });
  }

  /**
   * Runs a compiled cell and calls `done` once. A callback, not a promise: a cell that spins before its first
   * `await` takes this very call down with it when it is terminated, and a promise would never be returned.
   */
  run(cell: RunnableCell, done: (outcome: CellOutcome) => void): void {
    const task: Running["task"] = { origin: cell.origin, allowInput: cell.allowInput, stopped: false };
    const running: Running = {
      cell,
      task,
      before: this.#declare(cell.compiled.names),
      finish: (outcome) => {
        if (this.#running !== running) return;
        this.#running = undefined;
        this.#shadows.tidy(cell.compiled.names);
        done(outcome);
      },
    };
    this.#running = running;
    this.#sources.add(cell);
    this.#host
      .within(task, () => this.#execute(running))
      .then(
        (expressions) => running.finish({ status: "ok", expressions }),
        (thrown: unknown) => this.#fail(running, this.describe(thrown)),
      );
  }

  /** Hands a comm message to its handlers and calls `done` once. */
  receive(origin: string, message: CommMessage, done: () => void): void {
    const task: Running["task"] = { origin, allowInput: false, stopped: false };
    const finish = () => {
      if (this.#handling.delete(origin)) done();
    };
    this.#handling.set(origin, { task, finish });
    this.#host
      .within(task, async () => {
        try {
          await this.comms.receive(message);
          await this.displays.flush(task);
        } catch (thrown) {
          this.#emit({ type: "error", error: this.describe(thrown) }, task);
        }
      })
      .then(finish);
  }

  /** Ends the work of this origin. What its code left in callbacks ends at its next `await` in a cell. */
  interrupt(origin: string): void {
    const handling = this.#handling.get(origin);
    if (handling) {
      handling.task.stopped = true;
      handling.finish();
    }
    if (this.#running?.task.origin !== origin) return;
    this.#running.task.stopped = true;
    this.#fail(this.#running, interruption());
  }

  /**
   * An exception or rejection that nobody caught. While its cell runs it ends that cell in error, since a throw must
   * never leave a green cell; it is also written on stderr, which is all there is between cells.
   */
  uncaught(thrown: unknown, kind: "exception" | "rejection"): void {
    const task = this.task();
    if (task?.stopped) return;
    const error = this.describe(thrown);
    const title = kind === "rejection" ? "Unhandled promise rejection" : "Uncaught exception in a callback";
    const running = this.#running?.task.origin === task?.origin ? this.#running : undefined;
    const body = running ? `${error.ename}: ${error.evalue}` : error.traceback.join("\n");
    this.#emit({ type: "stream", name: "stderr", text: `${title}: ${body}\n` });
    if (running) this.#fail(running, { ...error, traceback: [`${title}:`, ...error.traceback] });
  }

  /** The task on whose account the caller runs; where nobody knows, the running cell's. */
  readonly task = (): Task | undefined => this.#host.task() ?? this.#running?.task;

  /** Runs `body` on account of this work. */
  readonly within = <T>(task: Task | undefined, body: () => T): T =>
    task ? this.#host.within(task, body) : body();

  /** Runs `body` as a cell is run, with what it prints, displays, throws and gives going to `take`, also later. */
  readonly capture = async (take: (event: CellEvent) => void, body: () => unknown): Promise<void> => {
    const outer = this.task();
    const task: Task = {
      origin: outer?.origin ?? "",
      allowInput: false,
      capture: take,
      get stopped() {
        return outer?.stopped ?? false;
      },
    };
    try {
      const value = await this.#host.within(task, body);
      await this.displays.flush(task);
      if (value !== undefined) await this.displays.result(value, task);
    } catch (thrown) {
      this.#emit({ type: "error", error: this.describe(thrown) }, task);
    }
  };

  /** Whatever was thrown, as an error in terms of the author's own lines. */
  readonly describe = (thrown: unknown): ErrorContent => describeError(thrown, this.#sources, this.#host);

  #emit(event: CellEvent, task = this.task()): void {
    if (task?.stopped) return;
    if (task?.capture && event.type !== "comm") task.capture(event);
    else this.#host.emit(task ? { ...event, origin: task.origin } : event);
  }

  async #execute(running: Running): Promise<JsonObject> {
    const { cell, task } = running;
    let result: { value: unknown } | undefined;
    const api: CellApi = {
      result: (value) => {
        result = { value };
      },
      named: namedExport,
      meta: this.#host.meta,
      leave: () => this.#host.task() ?? task,
      enter: (before, value) => {
        this.#host.resume(before);
        return (before ?? task).stopped ? undefined : [value];
      },
      never: this.#never,
    };
    const script = this.#evaluate(
      cell.compiled.js,
      this.#host.scriptName(cell.number),
      cell.compiled.names,
    ) as (api: CellApi) => Promise<void>;
    await script(api);
    if (result && result.value !== undefined && !cell.silent && !task.stopped) {
      const { value } = result;
      this.#remember(cell.number, value);
      await this.displays.flush(task);
      if (!task.stopped) await this.displays.result(value, task);
    }
    await this.displays.flush(task);
    // Rejections are reported, and due callbacks run, in the turn after: they still belong to this cell.
    await this.#host.turn();
    await this.displays.flush(task);
    return this.#expressions(cell.expressions);
  }

  /** Of older cells nothing is held, so that they do not keep what nobody else needs. */
  #remember(cell: number, value: unknown): void {
    this.#results.set(cell, value);
    if (this.#results.size > remembered) this.#results.delete(this.#results.keys().next().value!);
  }

  #evaluate(js: string, name: string, names: readonly string[]): unknown {
    const wrapped = this.#shadows.wrap(js, names);
    const made = this.#host.evaluate(wrapped.js, name);
    return wrapped.values ? (made as (values: object) => unknown)(wrapped.values) : made;
  }

  async #expressions(expressions: { [name: string]: string }): Promise<JsonObject> {
    const values: JsonObject = {};
    for (const [name, js] of Object.entries(expressions)) {
      try {
        const value = await this.#evaluate(`(${js})`, "expression", []);
        values[name] = { status: "ok", ...(await bundleOf(value, this.#host.inspect)) };
      } catch (error) {
        values[name] = { status: "error", ...this.describe(error) };
      }
    }
    return values;
  }

  #fail(running: Running, error: ErrorContent): void {
    const unassigned = [...running.before]
      .filter(([name, before]) => Object.is(this.#shadows.home(name)[name], before?.value))
      .map(([name, before]) => {
        if (!before) delete this.#shadows.home(name)[name];
        return name;
      });
    running.finish({ status: "error", error, unassigned });
  }

  /** Makes the names plain variables of the scope, so that strict code may assign to them. */
  #declare(names: readonly string[]): Running["before"] {
    const before: Running["before"] = new Map();
    for (const name of names) {
      this.#named.add(name);
      const home = this.#shadows.home(name);
      const descriptor = Object.getOwnPropertyDescriptor(home, name);
      before.set(name, name in home ? { value: home[name] } : undefined);
      if (!descriptor || !("value" in descriptor) || !descriptor.writable) {
        define(home, name, before.get(name)?.value);
      }
    }
    return before;
  }
}

/** Of how many cells the last values are remembered. */
const remembered = 10;

const noInput = "nobody can be asked: the client does not allow input, or no cell runs";

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
