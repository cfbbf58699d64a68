import type { StartedKernel } from "../client/start.ts";
import type { JsonObject } from "../protocol/messages.ts";
import type { Cell } from "./format.ts";
import { OutputCollector } from "./outputs.ts";
import { WidgetStates } from "./widget-states.ts";

/** Time a cell has to stop after it was interrupted before its kernel is killed, in milliseconds. */
const grace = 5000;

/** How a cell failed. */
export interface CellFailure {
  error: string;
  traceback: string[];
  /** True when no further cell can run. */
  fatal: boolean;
}

/** Runs cells of a notebook one after another on a kernel and keeps their outputs in them, as a front end does. */
export class CellRunner {
  readonly #kernel: StartedKernel;
  readonly #died: Promise<string>;
  readonly #changed: () => void;
  /** The widgets that the cells have made. */
  readonly widgets = new WidgetStates();
  /** Outputs that come between cells belong to the latest one. */
  #cell: Cell | undefined;

  /** `changed` hears of every new output. */
  constructor(kernel: StartedKernel, changed: () => void = () => undefined) {
    this.#kernel = kernel;
    this.#changed = changed;
    const collector = new OutputCollector();
    kernel.client.onOutput = (message) => {
      const shown = this.#cell !== undefined && collector.add(this.#cell, message);
      if (this.widgets.add(message) || shown) this.#changed();
    };
    this.#died = new Promise((resolve) => {
      kernel.process.once("exit", (code, signal) =>
        resolve(`the kernel ended ${signal === null ? `with exit code ${code}` : `of ${signal}`}`),
      );
    });
  }

  /** Runs a cell; `timeout` is in seconds. Gives how it failed, or nothing. Never rejects. */
  async run(cell: Cell, timeout?: number): Promise<CellFailure | undefined> {
    this.#cell = cell;
    cell.outputs = [];
    cell.execution_count = null;
    let late = false;
    let killer: NodeJS.Timeout | undefined;
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            this.interrupt();
            killer = setTimeout(() => this.#kernel.process.kill("SIGKILL"), grace);
          }, timeout * 1000);
    const ended = await Promise.race([this.#kernel.client.execute(cell.source), this.#died]);
    clearTimeout(timer);
    clearTimeout(killer);
    if (typeof ended === "string") {
      const how = late ? `the cell ran longer than ${timeout} s and did not stop when asked to` : ended;
      return store(cell, late ? "TimeoutError" : "KernelDied", how, true);
    }
    const { reply } = ended;
    cell.execution_count = typeof reply.execution_count === "number" ? reply.execution_count : null;
    if (reply.status === "ok") return undefined;
    if (late && reply.ename === "Interrupted") {
      cell.outputs = cell.outputs?.filter(({ output_type }) => output_type !== "error");
      return store(cell, "TimeoutError", `the cell ran longer than ${timeout} s and was stopped`, false);
    }
    return { ...failureOf(reply), fatal: false };
  }

  /** Stops the running cell, as Jupyter's stop button does. */
  interrupt(): void {
    this.#kernel.client.request("interrupt_request", {}, { channel: "control" });
  }
}

/** A failure that the kernel did not publish itself: it is stored in the cell like any other. */
function store(cell: Cell, ename: string, evalue: string, fatal: boolean): CellFailure {
  const error = `${ename}: ${evalue}`;
  cell.outputs = [...(cell.outputs ?? []), { output_type: "error", ename, evalue, traceback: [error] }];
  return { error, traceback: [error], fatal };
}

function failureOf(reply: JsonObject): { error: string; traceback: string[] } {
  const traceback = Array.isArray(reply.traceback) ? reply.traceback.map(String) : [];
  return { error: `${reply.ename}: ${reply.evalue}`, traceback };
}
