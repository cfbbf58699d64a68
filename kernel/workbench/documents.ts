// Notebooks that are open: each with its context (file and kernel) and its panel (cells).
import { SessionContextDialogs } from "@jupyterlab/apputils";
import { Context } from "@jupyterlab/docregistry";
import {
  type INotebookModel,
  NotebookModelFactory,
  NotebookPanel,
  NotebookWidgetFactory,
  StaticNotebook,
  setCellExecutor,
} from "@jupyterlab/notebook";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Kernel, ServiceManager } from "@jupyterlab/services";
import { Autosave } from "./autosave.ts";
import { Controls } from "./controls/controls.ts";
import type { Early } from "./early.ts";
import type { Editors } from "./editors.ts";
import type { Connection } from "./lost.ts";
import { OldOutputs } from "./old-outputs.ts";
import type { Resumption } from "./resume.ts";
import { Runs, runCell } from "./runs.ts";
import { StaleMarks } from "./stale.ts";

/** How long a notebook that is closed waits for a kernel that starts, in milliseconds. */
const startTime = 5000;

/** A notebook that is open. */
export interface OpenNotebook {
  /** Where it is now: a notebook that is renamed stays open. */
  readonly path: string;
  context: Context<INotebookModel>;
  panel: NotebookPanel;
  kernels: Kernel.IManager;
  autosave: Autosave;
  runs: Runs;
  stale: StaleMarks;
}

/** What a page needs to open notebooks. */
export interface Workshop {
  services: ServiceManager.IManager;
  connection: Connection;
  resumption: Resumption;
  editors: Editors;
  rendering: IRenderMimeRegistry;
  /** What was brought before the page was there, if anything. */
  early: Early | undefined;
}

/** Opens notebooks; each stays open, with its kernel, until it is closed. */
export class Documents {
  readonly #dialogs = new SessionContextDialogs();
  readonly #services: ServiceManager.IManager;
  readonly #resumption: Resumption;
  readonly #models = new NotebookModelFactory({ disableDocumentWideUndoRedo: true });
  readonly #panels: NotebookWidgetFactory;
  readonly #open = new Map<string, Promise<OpenNotebook>>();
  #early: Early | undefined;

  constructor({ services, resumption, editors, rendering, early }: Workshop) {
    this.#services = services;
    this.#resumption = resumption;
    this.#early = early;
    setCellExecutor({ runCell });
    const config = StaticNotebook.defaultEditorConfig;
    this.#panels = new NotebookWidgetFactory({
      name: "Notebook",
      modelName: "notebook",
      fileTypes: ["notebook"],
      preferKernel: true,
      canStartKernel: true,
      autoStartDefault: true,
      rendermime: rendering,
      contentFactory: new NotebookPanel.ContentFactory({ editorFactory: editors.factory.newInlineEditor }),
      mimeTypeService: editors.mimeTypes,
      editorConfig: {
        ...config,
        code: {
          ...config.code,
          lineNumbers: false,
          lineWrap: false,
          matchBrackets: true,
          autoClosingBrackets: true,
        },
        markdown: { ...config.markdown, lineWrap: true },
      },
      notebookConfig: {
        ...StaticNotebook.defaultNotebookConfig,
        windowingMode: "contentVisibility",
        scrollPastEnd: true,
        showHiddenCellsButton: false,
      },
    });
  }

  /** The notebook of a path, opened if it is not yet. Rejects when it cannot be read. */
  open(path: string): Promise<OpenNotebook> {
    const known = this.#open.get(path);
    if (known) return known;
    const opened = this.#opened(path);
    this.#open.set(path, opened);
    opened.then(
      ({ context }) => {
        let at = path;
        context.pathChanged.connect((_, now) => {
          this.#open.delete(at);
          this.#open.set(now, opened);
          at = now;
        });
      },
      () => this.#open.delete(path),
    );
    return opened;
  }

  /** Closes a notebook, without saving it, and ends its kernel. Gives what was open. */
  async close(path: string): Promise<OpenNotebook | undefined> {
    const open = await this.#open.get(path);
    if (!open) return undefined;
    this.#open.delete(path);
    open.autosave.stop();
    const { sessionContext } = open.panel;
    // A kernel that arrives when its notebook is gone is an error for JupyterLab, so one that starts is waited for. Where none
    // will come, nothing tells.
    await Promise.race([sessionContext.ready, new Promise((after) => setTimeout(after, startTime))]);
    await sessionContext.shutdown().catch(() => undefined);
    open.panel.dispose();
    open.context.dispose();
    return open;
  }

  async #opened(path: string): Promise<OpenNotebook> {
    const context = new Context({
      manager: this.#services,
      factory: this.#models,
      path,
      kernelPreference: {
        shouldStart: true,
        canStart: true,
        autoStartDefault: true,
        shutdownOnDispose: false,
      },
      sessionDialogs: this.#dialogs,
    });
    const panel = this.#panels.createNew(context);
    panel.toolbar.hide();
    new Controls(panel);
    this.#connectEarly(context);
    try {
      await context.initialize(false);
      await context.ready;
    } catch (error) {
      panel.dispose();
      throw error;
    }
    const runs = new Runs(panel);
    const { kernels } = this.#services;
    const [stale, autosave] = [new StaleMarks(panel, runs), new Autosave(context)];
    new OldOutputs(panel, runs);
    void context.sessionContext.ready.then(() => this.#resumption.resume(panel));
    return {
      get path() {
        return context.path;
      },
      ...{ context, panel, kernels, runs, stale, autosave },
    };
  }

  /** Connects to a kernel that was started early before the notebook is drawn, which takes longer than the kernel. */
  #connectEarly({ path, sessionContext }: Context<INotebookModel>): void {
    const session = this.#early?.session;
    if (session?.path !== path || !session.kernel) return;
    this.#early = undefined;
    const { name } = session.kernel;
    sessionContext.kernelPreference = { ...sessionContext.kernelPreference, name };
    // When it fails, the notebook says so as soon as it has been read.
    sessionContext.initialize().catch(() => undefined);
  }
}

/** Starts the kernel of a notebook anew; another one when it is dead or gone from the server. The notebook's text stays. */
export async function restartKernel(open: OpenNotebook): Promise<void> {
  const { sessionContext } = open.panel;
  const kernel = sessionContext.session?.kernel;
  const name = kernel?.name ?? sessionContext.kernelPreference.name;
  // JupyterLab's client does not restart what it knows to be dead.
  if (kernel?.status !== "dead" && (await hasKernel(open))) {
    await sessionContext.restartKernel();
    return;
  }
  await sessionContext.shutdown().catch(() => undefined);
  await sessionContext.changeKernel({ name });
}

/** Whether the server has the kernel of a notebook. */
export async function hasKernel({ panel, kernels }: OpenNotebook): Promise<boolean> {
  // What JupyterLab's client remembers may be of a server that is no more.
  await kernels.refreshRunning().catch(() => undefined);
  const id = panel.sessionContext.session?.kernel?.id;
  return id !== undefined && (await kernels.findById(id).catch(() => undefined)) !== undefined;
}

/** Brings a cell into view and makes it the active one. */
export async function goTo(panel: NotebookPanel, index: number): Promise<void> {
  const { content } = panel;
  const cell = content.widgets[index];
  if (!cell) return;
  content.deselectAll();
  content.activeCellIndex = index;
  content.mode = "command";
  await content.scrollToCell(cell, "start").catch(() => undefined);
  content.activate();
}
