import type { ErrorContent, JsonObject } from "../protocol/messages.ts";
import { crash, interruption, rejection } from "./errors.ts";
import { LanguageClient } from "./language/client.ts";
import type { CellEvent, CellLanguage, CommMessage, CompiledCell, Question, RejectedCell } from "./types.ts";
import { UserProcess } from "./user/process.ts";

/** Ends of the process within this time (milliseconds) that are answered by a new one. */
const endsWindow = 10000;
const maxEnds = 5;

/** Time an interrupted cell may still be compiled before the compiler is started anew, in milliseconds. */
const compilePatience = 5000;

/** How a request to run a cell ended. */
export type ExecuteResult =
  | { status: "ok"; expressions: JsonObject }
  | { status: "error"; error: ErrorContent };

/** A cell to run. */
export interface ExecuteRequest {
  code: string;
  /** The cell's number, counted by the caller; unique within the session. */
  cell: number;
  /** Names the request; comes back with the cell's output. */
  origin: string;
  silent: boolean;
  /** True when the client can be asked for text. */
  allowInput: boolean;
  expressions: { [name: string]: string };
}

/** What a session says on its own. */
export interface SessionEvents {
  /** Takes what cells show, in order, also between cells. */
  output(event: CellEvent): void;
  /** The cell of this origin waits for `answer`. */
  question(origin: string, question: Question): void;
  /** All variables, and all comms, are gone. */
  lost(): void;
}

/** A running session: the language side and the process that runs cells, kept in step. One cell runs at a time. */
export class Session {
  readonly language: CellLanguage & { restart(): void; stop(): Promise<void> };
  readonly #folder: string;
  readonly #events: SessionEvents;
  #user: UserProcess | undefined;
  #running: string | undefined;
  #interrupted = false;
  /** Ends the wait for the cell that is being compiled. */
  #stopCompiling: (() => void) | undefined;
  #crashed: ((reason: string) => void) | undefined;
  #stopped = false;
  /** When the process ended lately, in milliseconds: one that cannot even start must not be started for ever. */
  #ends: number[] = [];

  constructor(folder: string, events: SessionEvents) {
    this.#folder = folder;
    this.#events = events;
    this.language = new LanguageClient(folder);
  }

  /** Starts the process that runs cells, unless a request already has. */
  start(): void {
    if (!this.#stopped) this.#user ??= this.#spawn();
  }

  /** Sets a variable of the environment that cells find. */
  setVariable(name: string, value: string): void {
    process.env[name] = value;
    this.#user?.setVariable(name, value);
  }

  /** Checks, compiles and runs a cell; never rejects. */
  async execute(request: ExecuteRequest): Promise<ExecuteResult> {
    this.#running = request.origin;
    this.#interrupted = false;
    try {
      return await this.#execute(request);
    } catch (error) {
      const evalue = error instanceof Error ? error.message : String(error);
      return { status: "error", error: { ename: "KernelError", evalue, traceback: evalue.split("\n") } };
    } finally {
      this.#running = undefined;
      this.#crashed = undefined;
    }
  }

  /** Hands a comm message to the cells' handlers; resolves when they are through. */
  async receive(origin: string, message: CommMessage): Promise<void> {
    await this.#process.receive(origin, message);
  }

  /** Answers the question that a cell waits on. */
  answer(text: string): void {
    this.#user?.answer(text);
  }

  /** Stops the running cell and the handlers of comm messages. */
  interrupt(): void {
    this.#user?.interruptHandlers();
    if (this.#running === undefined) return;
    this.#interrupted = true;
    this.#stopCompiling?.();
    this.#user?.interrupt(this.#running);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#user?.stop(), this.language.stop()]);
  }

  async #execute(request: ExecuteRequest): Promise<ExecuteResult> {
    const { code, cell, ...rest } = request;
    if (code.trim() === "") return { status: "ok", expressions: {} };
    const compiling = this.language.compile(code, cell);
    const stopped = new Promise<undefined>((resolve) => {
      this.#stopCompiling = () => resolve(undefined);
    });
    const compiled = await Promise.race([compiling, stopped]);
    this.#stopCompiling = undefined;
    if (compiled === undefined) {
      this.#abandon(cell, compiling);
      return { status: "error", error: interruption() };
    }
    if (!compiled.ok) return { status: "error", error: rejection(cell, code, compiled.diagnostics) };
    if (this.#interrupted) {
      await this.language.settle(cell, compiled.names);
      return { status: "error", error: interruption() };
    }
    const crashed = new Promise<string>((resolve) => {
      this.#crashed = resolve;
    });
    const outcome = await Promise.race([
      this.#process.run({ number: cell, code, compiled, ...rest }),
      crashed,
    ]);
    if (typeof outcome === "string") return { status: "error", error: crash(outcome) };
    if (outcome.status === "error" && outcome.unassigned.length > 0) {
      await this.language.settle(cell, outcome.unassigned);
    }
    return outcome;
  }

  /** Lets an interrupted compilation come to its end, which types can put off for ever. */
  #abandon(cell: number, compiling: Promise<CompiledCell | RejectedCell>): void {
    const restart = setTimeout(() => this.language.restart(), compilePatience);
    restart.unref();
    compiling
      .then((late) => (late.ok ? this.language.settle(cell, late.names) : undefined))
      .catch(() => undefined)
      .finally(() => clearTimeout(restart));
  }

  get #process(): UserProcess {
    this.start();
    if (!this.#user) throw new Error("the session has ended");
    return this.#user;
  }

  #spawn(): UserProcess {
    return new UserProcess(this.#folder, {
      event: (event) => this.#events.output(event),
      question: (origin, question) => this.#events.question(origin, question),
      ended: (reason) => this.#restart(reason),
    });
  }

  /** A new process has no variables, so the language side must forget them too. */
  #restart(reason: string): void {
    if (this.#stopped) return;
    const now = performance.now();
    this.#ends = [...this.#ends.filter((end) => now - end < endsWindow), now];
    if (this.#ends.length > maxEnds && !this.#crashed) {
      const text = `${reason}, again and again; restart the kernel once the cause is gone.\n`;
      return this.#events.output({ type: "stream", name: "stderr", text });
    }
    this.#user = this.#spawn();
    this.#events.lost();
    void this.language.reset();
    if (this.#crashed) this.#crashed(reason);
    else {
      const text = `${reason} between cells. All variables are lost; a new session has been started.\n`;
      this.#events.output({ type: "stream", name: "stderr", text });
    }
  }
}
