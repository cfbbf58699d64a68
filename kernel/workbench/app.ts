// The page: a bar on top, chapters on the left, the notebook in the middle, the compiler's views on the right.
import { Dialog, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import { NotebookActions } from "@jupyterlab/notebook";
import { MessageLoop } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { Accessible } from "./accessible.ts";
import { addressed, addressOf, isNarrow, narrow } from "./address.ts";
import { Assistance } from "./assistance.ts";
import { Chapters } from "./chapters.ts";
import { createCommands, type Stage } from "./commands.ts";
import { Deaths } from "./deaths.ts";
import { Documents, goTo, hasKernel, type OpenNotebook, restartKernel, type Workshop } from "./documents.ts";
import { button, element } from "./dom.ts";
import { exercisesOf } from "./exercises.ts";
import { mayDelete, renameNotebook } from "./files.ts";
import { keysNode } from "./help.ts";
import { keyText } from "./keys.ts";
import { type Chapter, Library } from "./library.ts";
import { remember, remembered } from "./memory.ts";
import { Outline } from "./outline.ts";
import { moveProgress, noteProgress } from "./progress.ts";
import { Running } from "./running.ts";
import type { Theme } from "./theme.ts";
import { kernelState, Toolbar } from "./toolbar.ts";
import { TryEntry, tryAddress } from "./try-it/entry.ts";
import { verdictNode } from "./verdict.ts";
import { restartAndVerify } from "./verify.ts";
import { ViewPanel } from "./views/panel.ts";

/** What is not needed to run the first notebook waits for its kernel, but no longer than this, in milliseconds. */
const patience = 3000;

/** The workbench. */
export class App implements Stage {
  readonly assistance: Assistance;
  current: OpenNotebook | undefined;
  /** Resolves when the first notebook can be run; after a while also when it cannot. */
  readonly begun: Promise<void>;
  #begin: () => void = () => undefined;
  readonly #workshop: Workshop;
  readonly #documents: Documents;
  readonly #library: Library;
  readonly #chapters: Chapters;
  readonly #outline: Outline;
  readonly #running: Running;
  readonly #panel = new ViewPanel(() => this.#page.classList.toggle("wb-wide-views"));
  readonly #attached = new Set<OpenNotebook>();
  readonly #toolbar: Toolbar;
  readonly #center = element("main", { class: "wb-center", "aria-label": "Notebook" });
  readonly #deaths = new Deaths();
  readonly #page: HTMLElement;
  readonly #tryIt: TryEntry;

  constructor(workshop: Workshop, theme: Theme, page: HTMLElement) {
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
      setTimeout(resolve, patience);
    });
    this.#workshop = workshop;
    this.#page = page;
    this.#documents = new Documents(workshop);
    this.#library = new Library(workshop.services.contents);
    this.assistance = new Assistance(workshop.rendering);
    this.#chapters = new Chapters(this.#library, {
      open: (path, cell) => void this.open(path, cell),
      add: () => void this.#add(),
      rename: (path) => void this.#rename(path),
      remove: (path) => void this.#remove(path),
    });
    this.#tryIt = new TryEntry(workshop, page, this.#center, (path) => void this.#openNew(path));
    const { sessions } = workshop.services;
    this.#running = new Running(
      sessions,
      (path) => this.#chapters.titleOf(path),
      (path) => {
        const open = [...this.#attached].find((one) => one.path === path);
        return open && kernelState(open);
      },
      (id) =>
        void sessions
          .shutdown(id)
          .catch((error: Error) => showErrorMessage("The kernel cannot be ended", error)),
    );
    this.#outline = new Outline(() => this.#show("left", !isNarrow() && this.#isShown("left")));
    const commands = createCommands(this);
    commands.addCommand("previous-step", { execute: () => this.#panel.go(-1) });
    commands.addCommand("next-step", { execute: () => this.#panel.go(1) });
    commands.addCommand("show-keys", { execute: () => this.#showKeys() });
    this.#toolbar = new Toolbar(commands, () => this.#goToStale());
    this.#build(theme);
    addEventListener("hashchange", () => void this.#route());
    addEventListener("beforeunload", (event) => {
      if ([...this.#attached].some(({ autosave }) => autosave.hasChanges)) event.preventDefault();
    });
    const { services, connection, resumption } = workshop;
    addEventListener("pagehide", () => resumption.leave(this.#attached));
    services.connectionFailure.connect(() => void connection.check());
    connection.back.connect(() => void this.#afterReturn());
  }

  /** Lists the chapters and opens the one of the address, the last one read, or the first. */
  async start(): Promise<void> {
    // The notebook does not wait for the list when it is known which one it is.
    const wanted = addressed()?.path ?? remembered<string>("last");
    const listing = this.#chapters.load();
    if (wanted !== undefined || location.hash === tryAddress) void this.#route(wanted);
    const chapters = await listing;
    const first = chapters[0]?.path;
    if (
      wanted === undefined ||
      (addressed() === undefined && !chapters.some(({ path }) => path === wanted))
    ) {
      if (first === undefined)
        this.#center.append(element("p", { class: "wb-note" }, "There is no notebook in this folder yet."));
      else await this.#route(first);
    }
    await this.begun;
    await this.#chapters.loadTitles();
    this.#running.draw();
    this.#setTitle();
  }

  /** Shows a notebook, at a cell if one is named. */
  async open(path: string, cell?: number): Promise<void> {
    if (isNarrow()) this.#show("left", false);
    const hash = addressOf(path);
    if (location.hash !== hash) history.pushState(null, "", hash);
    let open: OpenNotebook;
    this.#tryIt.hide();
    this.#chapters.select(path);
    try {
      open = await this.#documents.open(path);
    } catch (error) {
      await showErrorMessage(
        `${path} cannot be opened`,
        error instanceof Error ? error.message : String(error),
      );
      return;
    }
    if (!open.panel.isAttached) this.#attach(open);
    this.current?.panel.hide();
    this.current = open;
    open.panel.show();
    remember("last", path);
    noteProgress(path, codeCells(open), exercisesOf(open.panel));
    this.#chapters.draw();
    this.#toolbar.follow(open);
    this.#outline.show(open);
    this.#panel.follow(open);
    this.assistance.follow(open);
    this.#setTitle();
    await open.panel.revealed;
    if (cell !== undefined) await goTo(open.panel, cell);
    else open.panel.content.activate();
  }

  search(): void {
    this.#show("left", true);
    this.#chapters.focusSearch();
  }

  async restart(): Promise<void> {
    const open = this.current;
    if (!open) return;
    const { button: pressed } = await showDialog({
      title: "Restart the kernel?",
      body: "Variables are lost. Text and outputs stay.",
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: "Restart" })],
    });
    if (pressed.accept) await restartKernel(open);
  }

  async runAll({ restart = false, verify = false }): Promise<void> {
    const open = this.current;
    if (!open) return;
    const { content, sessionContext } = open.panel;
    if (verify) {
      const verdict = await restartAndVerify(open);
      const body = new Widget({ node: verdictNode(verdict) });
      await showDialog({ title: "Restart and verify", body, buttons: [Dialog.okButton({ label: "Close" })] });
      return;
    }
    if (restart) await restartKernel(open);
    await NotebookActions.runAll(content, sessionContext);
  }

  #attach(open: OpenNotebook): void {
    const { panel, runs } = open;
    Widget.attach(panel, this.#center);
    this.#attached.add(open);
    new Accessible(panel.content);
    this.#deaths.follow(open);
    void panel.sessionContext.ready
      .then(() => panel.sessionContext.session?.kernel?.info)
      .then(this.#begin, () => undefined);
    panel.sessionContext.statusChanged.connect(() => this.#running.draw());
    panel.sessionContext.connectionStatusChanged.connect((_, status) => {
      if (status === "connecting") void this.#workshop.connection.check();
    });
    runs.changed.connect(() => this.#running.draw());
    runs.ended.connect((_, { cell, success }) => {
      noteProgress(open.path, codeCells(open), exercisesOf(panel), success ? cell.model.id : undefined);
      this.#chapters.draw();
    });
    open.context.saveState.connect((_, state) => {
      if (state !== "started") this.#library.forget(open.path);
    });
  }

  /** The server is there again. When it is another one it has none of the kernels: each notebook gets a new one. */
  async #afterReturn(): Promise<void> {
    await this.#list().catch(() => undefined);
    for (const open of this.#attached) {
      if (await hasKernel(open)) continue;
      await restartKernel(open);
      this.#deaths.tell(
        `The server was started anew, and with it the kernel of ${open.path}: variables are gone, text and outputs are kept.`,
      );
    }
  }

  async #add(): Promise<void> {
    const { contents } = this.#workshop.services;
    await this.#openNew((await contents.newUntitled({ type: "notebook" })).path);
  }

  /** Opens a notebook that was just made. */
  async #openNew(path: string): Promise<void> {
    await this.#list();
    await this.open(path);
  }

  async #rename(path: string): Promise<void> {
    const now = await renameNotebook(this.#workshop.services.contents, path);
    if (now === undefined) return;
    moveProgress(path, now);
    this.#library.forget(path);
    if (this.current?.path === now) {
      history.replaceState(null, "", addressOf(now));
      remember("last", now);
      this.#chapters.select(now);
    }
    await this.#list();
  }

  async #remove(path: string): Promise<void> {
    if (!(await mayDelete(path))) return;
    const closed = await this.#documents.close(path);
    if (closed) this.#attached.delete(closed);
    const wasShown = closed !== undefined && closed === this.current;
    if (wasShown) this.current = undefined;
    try {
      await this.#workshop.services.contents.delete(path);
    } catch (error) {
      await showErrorMessage(`${path} cannot be deleted`, error instanceof Error ? error : String(error));
    }
    const [first] = await this.#list();
    if (wasShown && first) await this.open(first.path);
  }

  async #list(): Promise<Chapter[]> {
    const chapters = await this.#chapters.load();
    await this.#chapters.loadTitles();
    this.#running.draw();
    this.#setTitle();
    return chapters;
  }

  async #route(otherwise?: string): Promise<void> {
    if (location.hash === tryAddress) return this.#showTryIt();
    const { path, cell } = addressed() ?? {};
    const wanted = path ?? otherwise;
    if (wanted !== undefined && (wanted !== this.current?.path || this.#tryIt.isShown))
      await this.open(wanted, cell);
  }

  async #showTryIt(): Promise<void> {
    if (isNarrow()) this.#show("left", false);
    this.current?.panel.hide();
    this.#chapters.select("");
    const shown = this.#tryIt.show();
    this.#setTitle();
    await shown;
  }

  #showKeys(): void {
    const body = new Widget({ node: keysNode() });
    void showDialog({ title: "Keys", body, buttons: [Dialog.okButton({ label: "Close" })] });
  }

  #goToStale(): void {
    const [first] = this.current?.stale.cells ?? [];
    if (this.current && first)
      void goTo(this.current.panel, this.current.panel.content.widgets.indexOf(first));
  }

  #setTitle(): void {
    const path = this.current?.path;
    if (this.#tryIt.isShown) document.title = "Try it · Tilewright";
    else document.title = path === undefined ? "Tilewright" : `${this.#chapters.titleOf(path)} · Tilewright`;
  }

  #build(theme: Theme): void {
    const themed = () => `Theme: ${theme.choice}`;
    const themes = button("theme", themed(), () => {
      theme.next();
      themes.title = themed();
      themes.setAttribute("aria-label", themed());
    });
    const toggle = (side: "left" | "right", drawing: "menu" | "panel", label: string) =>
      button(drawing, label, () => this.#show(side, !this.#isShown(side)));
    const left = element(
      "nav",
      { class: "wb-left", "aria-label": "Chapters" },
      this.#tryIt.link,
      this.#chapters.node,
      this.#running.node,
      this.#outline.node,
    );
    const right = element("aside", { class: "wb-right", "aria-label": "Compiler views" }, this.#panel.node);
    const header = element(
      "header",
      { class: "wb-header" },
      toggle("left", "menu", "Chapters"),
      element("h1", {}, "Tilewright"),
      this.#toolbar.node,
      button("keys", "Keys", () => this.#showKeys(), { keys: keyText("show-keys") }),
      themes,
      toggle("right", "panel", "Compiler views"),
    );
    this.#page.replaceChildren(
      header,
      this.#workshop.connection.node,
      this.#deaths.node,
      element("div", { class: "wb-columns" }, left, this.#center, right),
    );
    for (const side of ["left", "right"] as const)
      this.#show(
        side,
        isNarrow() ? false : (remembered<boolean>(side) ?? (side === "left" || innerWidth >= 1200)),
      );
    narrow.addEventListener("change", () => {
      for (const side of ["left", "right"] as const)
        this.#show(side, !isNarrow() && remembered(side) !== false);
    });
    new ResizeObserver(() => {
      if (this.current) MessageLoop.sendMessage(this.current.panel, Widget.ResizeMessage.UnknownSize);
    }).observe(this.#center);
  }

  #isShown(side: "left" | "right"): boolean {
    return this.#page.classList.contains(`wb-with-${side}`);
  }

  #show(side: "left" | "right", shown: boolean): void {
    this.#page.classList.toggle(`wb-with-${side}`, shown);
    if (!isNarrow()) remember(side, shown);
    // On a narrow page there is room for one.
    else if (shown) this.#page.classList.remove(side === "left" ? "wb-with-right" : "wb-with-left");
  }
}

function codeCells({ panel }: OpenNotebook): string[] {
  return panel.content.widgets.flatMap(({ model }) =>
    model.type === "code" && model.sharedModel.getSource().trim() !== "" ? [model.id] : [],
  );
}
