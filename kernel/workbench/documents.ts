// Notebooks that are open: each with its context (file and kernel) and its panel (cells).
import { SessionContextDialogs } from "@jupyterlab/apputils";
import { Context } from "@jupyterlab/docregistry";
import {
  type INotebookModel,
  NotebookModelFactory,
  NotebookPanel,
  NotebookWidgetFactory,
  runCell,
  StaticNotebook,
  setCellExecutor,
} from "@jupyterlab/notebook";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Kernel, ServiceManager } from "@jupyterlab/services";
import { Autosave } from "./autosave.ts";
import { Controls } from "./controls/controls.ts";
import type { Editors } from "./editors.ts";
import { OldOutputs } from "./old-outputs.ts";
import { Runs } from "./runs.ts";
import { StaleMarks } from "./stale.ts";

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
  editors: Editors;
  rendering: IRenderMimeRegistry;
}

/** Opens notebooks; each stays open, with its kernel, until it is closed. */
export class Documents {
  readonly #dialogs = new SessionContextDialogs();
  readonly #services: ServiceManager.IManager;
  readonly #models = new NotebookModelFactory({ disableDocumentWideUndoRedo: true });
  readonly #panels: NotebookWidgetFactory;
  readonly #open = new Map<string, Promise<OpenNotebook>>();

  constructor({ services, editors, rendering }: Workshop) {
    this.#services = services;
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
    await open.panel.sessionContext.shutdown().catch(() => undefined);
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
    return {
      get path() {
        return context.path;
      },
      ...{ context, panel, kernels, runs, stale, autosave },
    };
  }
}

/** Starts the kernel of a notebook anew; another one when it is dead or gone from the server. The notebook's text stays. */
export async function restartKernel({ panel, kernels }: OpenNotebook): Promise<void> {
  const { sessionContext } = panel;
  const kernel = sessionContext.session?.kernel;
  // JupyterLab's client does not restart what it knows to be dead.
  const isAlive = kernel !== undefined && kernel !== null && kernel.status !== "dead";
  if (isAlive && (await kernels.findById(kernel.id).catch(() => undefined))) {
    await sessionContext.restartKernel();
    return;
  }
  await sessionContext.shutdown().catch(() => undefined);
  await sessionContext.changeKernel({ name: kernel?.name ?? sessionContext.kernelPreference.name });
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
