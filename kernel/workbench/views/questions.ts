// Asks the kernel, over a comm, which values have views, and for the views; hears of searches that run.
import type { Kernel } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";

/** How long an answer is waited for, in milliseconds: to what costs nothing, and to what may have to be computed. */
const soon = 5000;
const atLast = 120_000;

/** The name and title of a view. */
export interface ViewName {
  name: string;
  title: string;
}

/** A value that has views. */
export interface Value {
  /** Its name, or `[3]` for the last value of the cell with that number. */
  key: string;
  kind: string;
  views: ViewName[];
  /** Ways to look at it and the second value that was named. */
  comparisons: ViewName[];
}

/** A view as the kernel drew it. */
export interface Drawn {
  data: { [mimeType: string]: unknown };
  /** What a cell has to say to show the same; empty for values without a name. */
  code: string;
}

/** A picture of a search that runs. */
export interface LiveSearch {
  title: string;
  trials: number;
  total: number;
  done: boolean;
  data: Drawn["data"];
}

interface Answer {
  id?: number;
  live?: LiveSearch;
  error?: string;
}

/** The comms to the kernels, one each. */
export class Questions {
  readonly #comms = new Map<Kernel.IKernelConnection, Kernel.IComm | undefined>();
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #count = 0;
  /** Emits what a kernel tells of its search. */
  readonly live: Signal<this, { kernel: Kernel.IKernelConnection; search: LiveSearch }> = new Signal(this);

  /** Hears a kernel's searches from now on. */
  listen(kernel: Kernel.IKernelConnection): void {
    if (kernel.status !== "dead" && kernel.status !== "unknown") this.#comm(kernel);
  }

  /**
   * The values of these names, and of the last expression of a cell, that have views; `others` are those of all other
   * names. Undefined when the kernel does not answer.
   */
  async values(
    kernel: Kernel.IKernelConnection,
    asked: { cell: number | null; names: readonly string[]; with?: string | undefined },
  ): Promise<{ values: Value[]; others: Value[] } | undefined> {
    const answer = await this.#ask(kernel, { ask: "values", ...asked, names: [...asked.names] }, soon);
    return answer as { values: Value[]; others: Value[] } | undefined;
  }

  /** A view of a value, or of it and a second one. Rejects with the kernel's reason. */
  async view(kernel: Kernel.IKernelConnection, key: string, view: string, second?: string): Promise<Drawn> {
    const answer = await this.#ask(kernel, { ask: "view", key, view, with: second ?? null }, atLast);
    if (!answer) throw new Error("The kernel does not answer.");
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer as unknown as Drawn;
  }

  #ask(
    kernel: Kernel.IKernelConnection,
    question: { [name: string]: unknown },
    patience: number,
  ): Promise<Answer | undefined> {
    const comm = this.#comm(kernel);
    if (!comm) return Promise.resolve(undefined);
    const id = ++this.#count;
    return new Promise((resolve) => {
      const settle = (answer: Answer | undefined) => {
        clearTimeout(timer);
        kernel.statusChanged.disconnect(lost);
        this.#waiting.delete(id);
        resolve(answer);
      };
      const lost = () => {
        if (hasLost(kernel.status)) settle(undefined);
      };
      const timer = setTimeout(() => settle(undefined), patience);
      kernel.statusChanged.connect(lost);
      this.#waiting.set(id, settle);
      comm.send({ id, ...question } as never);
    });
  }

  /** The comm to a kernel; undefined for one that does not know these questions. */
  #comm(kernel: Kernel.IKernelConnection): Kernel.IComm | undefined {
    if (this.#comms.has(kernel)) return this.#comms.get(kernel);
    const comm = kernel.createComm("tilewright.views");
    this.#comms.set(kernel, comm);
    comm.onMsg = ({ content }) => {
      const answer = content.data as Answer;
      if (answer.live) this.live.emit({ kernel, search: answer.live });
      else if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    };
    comm.onClose = () => {
      if (this.#comms.get(kernel) === comm) this.#comms.set(kernel, undefined);
    };
    // The comms of a kernel that starts anew are gone.
    const forget = () => {
      if (hasLost(kernel.status)) this.#comms.delete(kernel);
    };
    kernel.statusChanged.connect(forget);
    kernel.disposed.connect(() => this.#comms.delete(kernel));
    comm.open();
    return comm;
  }
}

function hasLost(status: string): boolean {
  return status === "restarting" || status === "autorestarting" || status === "dead";
}
