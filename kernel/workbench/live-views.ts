// Asks the kernel, over a comm, what variables would show.
import type { Kernel } from "@jupyterlab/services";
import { type Views, viewsOf } from "./views.ts";

/** How long an answer is waited for, in milliseconds. */
const timeout = 5000;

interface Answer {
  id: number;
  views: { name: string; html: string }[];
}

/** The views of a variable. */
export interface NamedViews {
  name: string;
  views: Views;
}

/** The comms to the kernels, one each. */
export class LiveViews {
  readonly #comms = new Map<string, Kernel.IComm | undefined>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;

  /** What the last of these variables shows that has steps, or else the last that shows anything. */
  async ask(kernel: Kernel.IKernelConnection, names: readonly string[]): Promise<NamedViews | undefined> {
    // A kernel that runs a cell would answer when that has ended.
    if (names.length === 0 || kernel.status !== "idle") return undefined;
    const comm = this.#comm(kernel);
    if (!comm) return undefined;
    const id = ++this.#count;
    const answer = new Promise<Answer | undefined>((resolve) => {
      this.#waiting.set(id, resolve);
      setTimeout(() => {
        this.#waiting.delete(id);
        resolve(undefined);
      }, timeout);
    });
    comm.send({ id, names: [...names] });
    const { views = [] } = (await answer) ?? {};
    const found = views.flatMap(({ name, html }) => {
      const root = parsed(html);
      return root ? [{ name, views: viewsOf(root) }] : [];
    });
    return found.findLast(({ views }) => views.steps.length > 0) ?? found.at(-1);
  }

  /** The comm to a kernel; undefined for one that does not know these questions. */
  #comm(kernel: Kernel.IKernelConnection): Kernel.IComm | undefined {
    const key = kernel.clientId;
    if (this.#comms.has(key)) return this.#comms.get(key);
    const comm = kernel.createComm("tilewright.views");
    this.#comms.set(key, comm);
    comm.onMsg = ({ content }) => {
      const answer = content.data as unknown as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    };
    comm.onClose = () => {
      this.#comms.set(key, undefined);
    };
    kernel.statusChanged.connect((_, status) => {
      // The comms of a kernel that starts anew are gone.
      if (status === "restarting" || status === "autorestarting") this.#comms.delete(key);
    });
    comm.open();
    return comm;
  }
}

/** The display in a text of HTML. A document of its own: nothing in it is loaded or run. */
function parsed(html: string): HTMLElement | null {
  return new DOMParser().parseFromString(html, "text/html").querySelector<HTMLElement>(".tw");
}
