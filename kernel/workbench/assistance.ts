// Completion (Tab) and inspection (Shift-Tab), answered by the kernel, also while a cell runs.
import {
  Completer,
  CompleterModel,
  CompletionHandler,
  KernelCompleterProvider,
  ProviderReconciliator,
} from "@jupyterlab/completer";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Tooltip } from "@jupyterlab/tooltip";
import type { JSONObject } from "@lumino/coreutils";
import { Widget } from "@lumino/widgets";
import type { OpenNotebook } from "./documents.ts";

/** How long a completion may take, in milliseconds. */
const timeout = 3000;

/** The completer and the tooltip, which follow the active cell of the notebook that is shown. */
export class Assistance {
  readonly #rendering: IRenderMimeRegistry;
  readonly #completer: Completer;
  readonly #handler: CompletionHandler;
  readonly #followed = new WeakSet<OpenNotebook>();
  #open: OpenNotebook | undefined;
  #tooltip: Tooltip | undefined;

  constructor(rendering: IRenderMimeRegistry) {
    this.#rendering = rendering;
    this.#completer = new Completer({ editor: null, model: new CompleterModel() });
    this.#completer.hide();
    Widget.attach(this.#completer, document.body);
    this.#handler = new CompletionHandler({
      completer: this.#completer,
      reconciliator: new ProviderReconciliator({
        context: { widget: this.#completer, editor: null, session: null },
        providers: [],
        timeout,
      }),
    });
  }

  /** Follows a notebook's active cell from now on. */
  follow(open: OpenNotebook): void {
    const follow = () => {
      if (this.#open === open) void this.#follow(open);
    };
    this.#open = open;
    if (!this.#followed.has(open)) {
      this.#followed.add(open);
      open.panel.content.activeCellChanged.connect(follow);
      open.panel.sessionContext.sessionChanged.connect(follow);
    }
    follow();
  }

  /** Opens the completer at the cursor. */
  complete(): void {
    this.#handler.invoke();
  }

  /** Takes the completion that is chosen. */
  take(): void {
    this.#completer.selectActive();
  }

  /** Shows what the kernel knows of the name at the cursor. */
  async inspect({ panel }: OpenNotebook): Promise<void> {
    this.closeTooltip();
    const editor = panel.content.activeCell?.editor;
    const kernel = panel.sessionContext.session?.kernel;
    if (!editor || !kernel) return;
    const code = editor.model.sharedModel.getSource();
    const cursor = editor.getOffsetAt(editor.getCursorPosition());
    const { content } = await kernel.requestInspect({ code, cursor_pos: cursor, detail_level: 0 });
    if (content.status !== "ok" || !content.found) return;
    this.#tooltip = new Tooltip({
      anchor: panel.content,
      bundle: content.data as JSONObject,
      editor,
      rendermime: this.#rendering,
    });
    Widget.attach(this.#tooltip, document.body);
    document.body.classList.add("jp-mod-tooltip");
    this.#tooltip.disposed.connect(() => document.body.classList.remove("jp-mod-tooltip"));
  }

  /** Takes the tooltip away. */
  closeTooltip(): void {
    this.#tooltip?.dispose();
    this.#tooltip = undefined;
  }

  async #follow({ panel }: OpenNotebook): Promise<void> {
    const cell = panel.content.activeCell;
    await cell?.ready;
    const editor = cell?.editor ?? null;
    if (panel.content.activeCell !== cell) return;
    this.#handler.editor = editor;
    this.#handler.reconciliator = new ProviderReconciliator({
      context: { widget: panel, editor, session: panel.sessionContext.session },
      providers: [new KernelCompleterProvider()],
      timeout,
    });
  }
}
