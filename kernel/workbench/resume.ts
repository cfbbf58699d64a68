// Runs that outlive their page: a kernel goes on when its page is reloaded or closed, the server keeps what it says, and
// the next page takes the run up where the one before left it.
//
// JupyterLab's client forgets its requests with the page and has no way to name them again, hence the three private
// fields below: a kernel's futures and displays, and an output area's displays. Where one is missing nothing is resumed.
import type { CodeCell } from "@jupyterlab/cells";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { OutputArea } from "@jupyterlab/outputarea";
import { type Kernel, KernelAPI, KernelMessage } from "@jupyterlab/services";
import type { KernelConnection } from "@jupyterlab/services/lib/kernel/default";
import { KernelShellFutureHandler } from "@jupyterlab/services/lib/kernel/future";
import { forget, remember, remembered } from "./memory.ts";
import type { Runs } from "./runs.ts";

/** Where a page leaves its runs: for its tab, and for a tab that is opened when this one is closed. */
const stores = ["sessionStorage", "localStorage"] as const;

/** How long a page waits for the one it takes over from to be gone, in milliseconds. */
const patience = 1000;

type Future = KernelShellFutureHandler<KernelMessage.IExecuteRequestMsg, KernelMessage.IExecuteReplyMsg>;

/** A run as a page leaves it. */
interface LeftRun {
  cell: string;
  request: KernelMessage.IExecuteRequestMsg;
  outputs: ReturnType<CodeCell["model"]["outputs"]["toJSON"]>;
  /** For each display that the kernel may still change, which outputs show it. */
  displays: [string, number[]][];
  /** What the kernel has asked the reader, when it waits for an answer. */
  question: KernelMessage.IInputRequestMsg | undefined;
}

/** What a page leaves of a kernel: its runs in their order, and the id of the last message that they have taken in. */
interface LeftKernel {
  runs: LeftRun[];
  heard: string | undefined;
}

/** What a page leaves: its name, and its kernels by their ids. */
interface Left {
  page: string;
  kernels: Record<string, LeftKernel>;
}

/** A run that goes on, with what the kernel has said of it before its cell was there. */
interface ResumedRun {
  left: LeftRun;
  future: Future;
  heard: (() => unknown)[];
}

/** This page's runs: those it found when it began, and those it will leave. */
export class Resumption {
  /** By which the server knows this page; it was that of the page whose runs this one takes up. */
  readonly page: string;
  /** The websocket that kernels are spoken with: it tells the server what was heard when it comes back. */
  readonly WebSocket: typeof WebSocket;
  readonly #left: Map<string, LeftKernel>;
  readonly #heard = new Map<string, string>();
  readonly #resumed = new Map<string, ResumedRun[]>();
  readonly #questions = new Map<string, KernelMessage.IInputRequestMsg>();

  private constructor({ page, kernels }: Left) {
    this.page = page;
    this.#left = new Map(Object.entries(kernels));
    for (const [id, { heard }] of this.#left) if (heard !== undefined) this.#heard.set(id, heard);
    const heardOf = (id: string) => this.#heard.get(id);
    this.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        const at = new URL(url);
        const heard = heardOf(/\/api\/kernels\/([\w-]+)\/channels$/.exec(at.pathname)?.[1] ?? "");
        if (heard !== undefined) at.searchParams.set("heard", heard);
        super(at, protocols);
      }
    };
  }

  /** Takes over what the page before left in this tab or, where a tab was closed, in this browser; for one page only. */
  static async begin(): Promise<Resumption> {
    const left = remembered<Left>("unfinished", "sessionStorage") ?? remembered<Left>("unfinished");
    if (left && (await claim(left.page))) {
      for (const storage of stores)
        if (remembered<Left>("unfinished", storage)?.page === left.page) forget("unfinished", storage);
      return new Resumption(left);
    }
    const page = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    void claim(page);
    return new Resumption({ page, kernels: {} });
  }

  /** Hears from a kernel that the page has just connected to, before it says anything. */
  follow(kernel: Kernel.IKernelConnection): void {
    kernel.anyMessage.connect((_, { msg }) => {
      if (msg.channel !== "stdin") return;
      if (KernelMessage.isInputRequestMsg(msg)) this.#questions.set(kernel.id, msg);
      else this.#questions.delete(kernel.id);
    });
    // What comes after it and is taken in already, answers to requests, does no harm when it comes again.
    kernel.iopubMessage.connect((_, { header }) => void this.#heard.set(kernel.id, header.msg_id));
    const futures = hidden<Map<string, unknown>>(kernel, "_futures");
    const displays = hidden<Map<string, string[]>>(kernel, "_displayIdToParentIds");
    if (!futures || !displays) return;
    const resumed = (this.#left.get(kernel.id)?.runs ?? []).map((left) => {
      const id = left.request.header.msg_id;
      const future: Future = new KernelShellFutureHandler(
        () => futures.delete(id),
        left.request,
        true,
        false,
        kernel as KernelConnection,
      );
      // Whoever takes it up waits for it; until then nobody does, and a kernel that dies is no error.
      future.done.catch(() => undefined);
      futures.set(id, future);
      for (const [display] of left.displays) displays.set(display, [...(displays.get(display) ?? []), id]);
      const heard: ResumedRun["heard"] = [];
      future.onIOPub = (message) => void heard.push(() => future.onIOPub(message));
      // The question that was there may come again, when the page had heard nothing after it.
      const asked = new Set<string>();
      const ask = (message: KernelMessage.IStdinMessage) => {
        if (asked.has(message.header.msg_id)) return;
        asked.add(message.header.msg_id);
        heard.push(() => future.handleMsg(message));
      };
      future.onStdin = ask;
      if (left.question) ask(left.question);
      return { left, future, heard };
    });
    if (resumed.length > 0) this.#resumed.set(kernel.id, resumed);
  }

  /** Shows the runs that go on in a notebook, as if its cells had just been run. */
  async resume({ content, sessionContext }: NotebookPanel): Promise<void> {
    const kernel = sessionContext.session?.kernel;
    const runs = kernel ? this.#resumed.get(kernel.id) : undefined;
    if (!kernel || !runs) return;
    this.#left.delete(kernel.id);
    this.#resumed.delete(kernel.id);
    const byCell = new Map(runs.map((run) => [run.left.cell, run]));
    const cells = runs.flatMap(
      ({ left }) => content.widgets.find(({ model }) => model.id === left.cell) ?? [],
    );
    const waiting = new Set(runs.map(({ future }) => future));
    for (const { future } of runs) future.done.catch(() => undefined).then(() => waiting.delete(future));
    // Cells are not run while a question waits; that one of theirs does is found out again when they are there.
    kernel.hasPendingInput = false;
    // The notebook asks the kernel to run its cells, and gets the runs that are there already.
    const request = kernel.requestExecute;
    kernel.requestExecute = (code, dispose, metadata) => {
      const cell = content.widgets.find(({ model }) => model.id === metadata?.cellId) as CodeCell | undefined;
      const run = cell && byCell.get(cell.model.id);
      if (!run) return request.call(kernel, code, dispose, metadata);
      byCell.delete(cell.model.id);
      // As soon as the cell has cleared its outputs and listens.
      queueMicrotask(() => {
        restore(cell, run.left);
        for (const tell of run.heard) tell();
      });
      return run.future;
    };
    const ran = NotebookActions.runCells(content, cells, sessionContext);
    kernel.requestExecute = request;
    for (const { future } of byCell.values()) future.dispose();
    const settle = () => void endUnheard(kernel, waiting);
    kernel.statusChanged.connect(settle);
    settle();
    await ran.catch(() => undefined);
    kernel.statusChanged.disconnect(settle);
  }

  /** Keeps the runs of these notebooks, and those that nobody has looked at, for the next page. */
  leave(notebooks: Iterable<{ panel: NotebookPanel; runs: Runs }>): void {
    const kernels = Object.fromEntries(this.#left);
    for (const { panel, runs } of notebooks) {
      const kernel = panel.sessionContext.session?.kernel;
      if (!kernel) continue;
      const left = runs.cells.flatMap((cell) => leftRun(cell, this.#questions.get(kernel.id)) ?? []);
      if (left.length > 0) kernels[kernel.id] = { runs: left, heard: this.#heard.get(kernel.id) };
    }
    if (Object.keys(kernels).length === 0) return;
    for (const storage of stores)
      if (!remember("unfinished", { page: this.page, kernels } satisfies Left, storage)) {
        // Too much to keep: the runs go on without what they have shown.
        const bare = Object.entries(kernels).map(([id, { runs, heard }]) => [
          id,
          { runs: runs.map((run) => ({ ...run, outputs: [], displays: [] })), heard },
        ]);
        remember(
          "unfinished",
          { page: this.page, kernels: Object.fromEntries(bare) } satisfies Left,
          storage,
        );
      }
  }
}

/** Whether this page may be the one of that name: no other page is it. It is then until it is closed. */
async function claim(page: string): Promise<boolean> {
  // Browsers know locks only where they trust the address: not of another machine without https.
  if (!navigator.locks) return false;
  return new Promise((told) => {
    const signal = AbortSignal.timeout(patience);
    const hold = () => {
      told(true);
      return new Promise(() => undefined);
    };
    navigator.locks.request(`tilewright:page:${page}`, { signal }, hold).catch(() => told(false));
  });
}

function leftRun(
  { model, outputArea }: CodeCell,
  question: KernelMessage.IInputRequestMsg | undefined,
): LeftRun | undefined {
  const { future } = outputArea;
  if (!future || future.isDisposed) return undefined;
  const request = future.msg as KernelMessage.IExecuteRequestMsg;
  return {
    cell: model.id,
    request,
    outputs: model.outputs.toJSON(),
    displays: [...(displaysOf(outputArea) ?? [])],
    question: question && isAskedBy(question, request) ? question : undefined,
  };
}

function isAskedBy(
  { parent_header: asking }: KernelMessage.IInputRequestMsg,
  { header }: KernelMessage.IMessage,
): boolean {
  return "msg_id" in asking && asking.msg_id === header.msg_id;
}

function restore({ model, outputArea, isDisposed }: CodeCell, { outputs, displays }: LeftRun): void {
  if (isDisposed) return;
  model.outputs.fromJSON(outputs);
  for (const [display, at] of displays) displaysOf(outputArea)?.set(display, at);
}

/** Ends runs of which the kernel has told the end to nobody: when a page goes, the last messages on their way go with it. */
async function endUnheard(kernel: Kernel.IKernelConnection, waiting: ReadonlySet<Future>): Promise<void> {
  if (waiting.size === 0 || kernel.isDisposed) return;
  const seen = [...waiting];
  const model = await KernelAPI.getKernelModel(kernel.id, kernel.serverSettings).catch(() => undefined);
  if (model?.execution_state !== "idle") return;
  // What the kernel said before it was idle comes before its answer to this.
  await kernel.requestKernelInfo().catch(() => undefined);
  for (const future of seen) if (waiting.has(future)) future.dispose();
}

function displaysOf(outputArea: OutputArea): Map<string, number[]> | undefined {
  return hidden(outputArea, "_displayIdMap");
}

/** A private field of one of JupyterLab's objects; undefined when its version has none of that name. */
function hidden<T extends object>(of: object, name: string): T | undefined {
  const value: unknown = Reflect.get(of, name);
  return value instanceof Map ? (value as unknown as T) : undefined;
}
