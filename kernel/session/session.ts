import type { ErrorContent, JsonObject } from "../protocol/messages.ts";
import { crash, interruption, rejection } from "./errors.ts";
import { LanguageThread } from "./language/thread.ts";
import type { CellEvent, CellLanguage } from "./types.ts";
import { UserProcess } from "./user/process.ts";

/** How a request to run a cell ended. */
export type ExecuteResult =
  | { status: "ok"; expressions: JsonObject }
  | { status: "error"; error: ErrorContent };

/** A cell to run. */
export interface ExecuteRequest {
  code: string;
  /** The cell's number, counted by the caller; unique within the session. */
  cell: number;
  silent: boolean;
  expressions: { [name: string]: string };
}

/** A running session: the language side and the process that runs cells, kept in step. One cell runs at a time. */
export class Session {
  readonly language: CellLanguage & { stop(): Promise<void> };
  readonly #folder: string;
  readonly #output: (event: CellEvent) => void;
  #user: UserProcess;
  #running: number | undefined;
  #interrupted = false;
  #crashed: ((reason: string) => void) | undefined;
  #stopped = false;

  /** `output` takes what cells show, in order, also between cells. */
  constructor(folder: string, output: (event: CellEvent) => void) {
    this.#folder = folder;
    this.#output = output;
    this.#user = this.#start();
    this.language = new LanguageThread(folder);
  }

  /** Checks, compiles and runs a cell; never rejects. */
  async execute(request: ExecuteRequest): Promise<ExecuteResult> {
    this.#running = request.cell;
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

  /** Stops the running cell; does nothing between cells. */
  interrupt(): void {
    if (this.#running === undefined) return;
    this.#interrupted = true;
    this.#user.interrupt(this.#running);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#user.stop();
    await this.language.stop();
  }

  async #execute({ code, cell, silent, expressions }: ExecuteRequest): Promise<ExecuteResult> {
    if (code.trim() === "") return { status: "ok", expressions: {} };
    const compiled = await this.language.compile(code, cell);
    if (!compiled.ok) return { status: "error", error: rejection(cell, code, compiled.diagnostics) };
    if (this.#interrupted) {
      await this.language.settle(cell, compiled.names);
      return { status: "error", error: interruption() };
    }
    const crashed = new Promise<string>((resolve) => {
      this.#crashed = resolve;
    });
    const outcome = await Promise.race([
      this.#user.run({ number: cell, code, compiled, silent, expressions }),
      crashed,
    ]);
    if (typeof outcome === "string") return { status: "error", error: crash(outcome) };
    if (outcome.status === "error" && outcome.unassigned.length > 0) {
      await this.language.settle(cell, outcome.unassigned);
    }
    return outcome;
  }

  #start(): UserProcess {
    return new UserProcess(this.#folder, {
      event: (event) => this.#output(event),
      ended: (reason) => this.#restart(reason),
    });
  }

  /** A new process has no variables, so the language side must forget them too. */
  #restart(reason: string): void {
    if (this.#stopped) return;
    this.#user = this.#start();
    void this.language.reset();
    if (this.#crashed) this.#crashed(reason);
    else {
      const text = `${reason} between cells. All variables are lost; a new session has been started.\n`;
      this.#output({ type: "stream", name: "stderr", text });
    }
  }
}
