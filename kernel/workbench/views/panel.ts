// The compiler's views beside the notebook: those of the cell in focus, one at a time.
import type { Cell, CodeCell } from "@jupyterlab/cells";
import { type IRenderMime, MimeModel } from "@jupyterlab/rendermime";
import type { Kernel } from "@jupyterlab/services";
import { Widget } from "@lumino/widgets";
import { startAtFirstBox } from "../../export/browser/graphs.ts";
import type { OpenNotebook } from "../documents.ts";
import { button, element, redraw } from "../dom.ts";
import { namesOf } from "../names.ts";
import { isFromEarlierKernel } from "../old-outputs.ts";
import { copyAsOutput } from "./copy-output.ts";
import { type Entry, outputEntry, type Shown, searchEntry, type Tab, valueEntry } from "./entries.ts";
import { viewsIn } from "./parts.ts";
import { type LiveSearch, Questions, type Value } from "./questions.ts";
import { StepList } from "./step-list.ts";

/** How long after an output changed the panel follows, in milliseconds. */
const pause = 150;

const empty =
  "Select a cell that shows or sets a schedule, a program or a pipeline: its views stand here, larger.";

/** The panel. */
export class ViewPanel {
  readonly node: HTMLElement;
  readonly #entryChoice: HTMLSelectElement;
  readonly #secondChoice: HTMLSelectElement;
  readonly #tabs = element("div", { class: "wb-tabs", role: "tablist", "aria-label": "Views" });
  readonly #steps = new StepList(() => this.#drawStep());
  readonly #copy: HTMLButtonElement;
  readonly #body: HTMLElement;
  readonly #observer = new MutationObserver(() => this.#later());
  readonly #questions = new Questions();
  readonly #watched = new WeakSet<OpenNotebook>();
  #open: OpenNotebook | undefined;
  #cell: Cell | undefined;
  #entries: Entry[] = [];
  /** What can be compared with, and what was chosen of it. */
  #seconds: Value[] = [];
  #second = "";
  #entry = "";
  /** The output that was last looked at. */
  #output = "";
  /** The value that the cell's output shows, as far as can be told. */
  #main = "";
  #tab = "";
  #shown: Shown | undefined;
  #plot: { mimeType: string; renderer: IRenderMime.IRenderer } | undefined;
  readonly #searches = new WeakMap<Kernel.IKernelConnection, LiveSearch>();
  #loading = 0;
  #turn = 0;
  #waitsForIdle = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `widen` is called when the reader wants the panel wider, or narrow again. */
  constructor(widen: () => void) {
    const choose = (label: string, chosen: (key: string) => void) =>
      element("select", {
        "aria-label": label,
        onchange: ({ target }) => chosen((target as HTMLSelectElement).value),
      });
    this.#entryChoice = choose("Look at", (key) => {
      this.#entry = key;
      if (this.#second === "") return this.#draw();
      this.#second = "";
      void this.#follow();
    });
    this.#secondChoice = choose("Compare with", (key) => {
      this.#second = key;
      if (this.#entry === "output") this.#entry = this.#main;
      void this.#follow();
    });
    this.#copy = element(
      "button",
      { type: "button", class: "wb-copy", onclick: () => void this.#copyAsOutput() },
      "Copy as output",
    );
    this.#body = element("div", {
      class: "wb-view-body",
      tabindex: 0,
      role: "tabpanel",
      "aria-label": "View",
    });
    this.#body.addEventListener("keydown", (event) => {
      if (this.#shown?.steps) this.#steps.key(event);
    });
    this.node = element(
      "div",
      { class: "wb-views" },
      element(
        "div",
        { class: "wb-section-head" },
        element("h2", {}, "Compiler views"),
        this.#copy,
        button("wide", "Wide views", widen),
      ),
      element("div", { class: "wb-view-cell" }, this.#entryChoice, this.#secondChoice),
      this.#tabs,
      this.#steps.bar,
      this.#steps.list,
      this.#body,
    );
    this.#questions.live.connect((_, { kernel, search }) => this.#hear(kernel, search));
    this.#draw();
  }

  /** Follows the active cell of a notebook. */
  follow(open: OpenNotebook): void {
    this.#open = open;
    if (!this.#watched.has(open)) {
      this.#watched.add(open);
      open.panel.content.activeCellChanged.connect(() => this.#later());
      open.runs.ended.connect(() => this.#later());
      open.panel.sessionContext.statusChanged.connect((_, status) => {
        if (status === "idle" && this.#waitsForIdle) this.#later();
      });
      open.runs.scheduled.connect(() => {
        const kernel = kernelOf(open);
        if (kernel) this.#questions.listen(kernel);
      });
    }
    this.#later();
  }

  /** Goes some steps on, or back. */
  go(by: number): void {
    if (this.#shown?.steps) this.#steps.go(by);
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#follow(), pause);
  }

  /** Takes the views of the active cell and of the values it uses; a cell without any leaves what is shown. */
  async #follow(): Promise<void> {
    const open = this.#open!;
    const turn = ++this.#turn;
    const cell = open.panel.content.activeCell;
    this.#observer.disconnect();
    if (cell?.model.type !== "code") return;
    const output = cell.node.querySelector(".jp-Cell-outputArea");
    if (output) this.#observer.observe(output, { childList: true, subtree: true });
    const shown = output ? viewsIn(output) : undefined;
    const kernel = kernelOf(open);
    const search = kernel && this.#searches.get(kernel);
    const searches = search ? [searchEntry(search)] : [];
    // What is shown of the same output, or was compared, stays until the kernel has answered.
    const html = shown?.html() ?? "";
    const isNew = cell !== this.#cell || html !== this.#output;
    this.#output = html;
    if (shown && isNew && this.#second === "") this.#take(cell, [outputEntry(shown, []), ...searches], []);
    // A kernel that runs a cell, or answers an earlier question, is asked when it is through.
    this.#waitsForIdle = kernel?.status !== "idle";
    if (!kernel || this.#waitsForIdle) return;
    const { executionCount } = (cell as CodeCell).model;
    const hasRun = open.stale.hasRun(cell);
    // It may have run before the page was opened again, in the same kernel: then that has the names it sets. Its number
    // may be another kernel's.
    if (!hasRun && executionCount === null) return;
    const { defines, reads } = namesOf(cell.model.sharedModel.getSource());
    const asked = {
      cell: hasRun ? executionCount : null,
      names: [...[...defines].reverse(), ...(hasRun ? reads : [])],
      with: this.#second || undefined,
    };
    const found = await this.#questions.values(kernel, asked).catch(() => undefined);
    // Another question has been asked since.
    if (!found || turn !== this.#turn) return;
    const { values, others } = found;
    const all = [...values, ...others];
    const second = all.find(({ key }) => key === this.#second);
    // The names of a cell that another kernel ran are no longer what it made: another cell may have set them since.
    const isOld = isFromEarlierKernel(cell);
    const entries = all.map((value) => {
      const entry = valueEntry(this.#questions, kernel, value, second);
      return isOld ? { ...entry, label: `${entry.label}, as it is in the kernel now` } : entry;
    });
    const main = shown && !isOld ? (values.find(hasSteps) ?? values[0]) : undefined;
    const live = main ? valueEntry(this.#questions, kernel, main).tabs : [];
    this.#main = main?.key ?? "";
    const first = shown && !second ? [outputEntry(shown, live, isOld)] : [];
    if (first.length > 0 || values.length > 0 || second)
      this.#take(cell, [...first, ...entries, ...searches], all);
  }

  #take(cell: Cell, entries: Entry[], seconds: Value[]): void {
    if (cell !== this.#cell) {
      if (!seconds.some(({ key }) => key === this.#second)) this.#second = "";
      this.#entry = entries.some(({ key }) => key === "output")
        ? "output"
        : (seconds.find(hasSteps)?.key ?? "");
    }
    this.#cell = cell;
    this.#entries = entries;
    this.#seconds = seconds;
    this.#draw();
  }

  /** A search tells how far it is: its curve is shown when it begins, and drawn again while the reader looks at it. */
  #hear(kernel: Kernel.IKernelConnection, search: LiveSearch): void {
    const before = this.#searches.get(kernel);
    this.#searches.set(kernel, search);
    if (!this.#open || kernelOf(this.#open) !== kernel) return;
    const entry = searchEntry(search);
    this.#entries = [...this.#entries.filter(({ key }) => key !== "search"), entry];
    const begins = before === undefined || before.done;
    if (begins) this.#cell = this.#open.panel.content.activeCell ?? undefined;
    if (begins) this.#entry = "search";
    if (this.#entry === "search" || begins) this.#draw();
    else this.#drawChoices();
  }

  get #current(): Entry | undefined {
    return this.#entries.find(({ key }) => key === this.#entry) ?? this.#entries[0];
  }

  #draw(): void {
    this.#drawChoices();
    const tabs = this.#current?.tabs ?? [];
    if (!tabs.some(({ title }) => title === this.#tab)) this.#tab = tabs[0]?.title ?? "";
    this.#drawTabs(tabs);
    void this.#load(tabs.find(({ title }) => title === this.#tab));
  }

  #drawChoices(): void {
    const { key } = this.#current ?? {};
    this.#entryChoice.hidden = this.#entries.length === 0;
    offer(
      this.#entryChoice,
      this.#entries.map((one) => [one.key, one.label]),
      key ?? "",
    );
    const first = key === "output" ? this.#main : key;
    const seconds = this.#seconds.filter((one) => one.key !== first);
    const canCompare = key !== undefined && key !== "search" && (key !== "output" || this.#main !== "");
    this.#secondChoice.hidden = !canCompare || seconds.length === 0;
    offer(
      this.#secondChoice,
      [["", "compare with …"], ...seconds.map((one): Choice => [one.key, `and ${one.key} (${one.kind})`])],
      this.#second,
    );
  }

  #drawTabs(tabs: readonly Tab[]): void {
    this.#tabs.hidden = tabs.length === 0;
    const choose = (title: string) => {
      this.#tab = title;
      this.#draw();
    };
    const drawn = tabs.map(({ title }) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          "data-key": title,
          "aria-selected": String(title === this.#tab),
          tabindex: title === this.#tab ? 0 : -1,
          onclick: () => choose(title),
          onkeydown: (event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[(event as KeyboardEvent).key];
            if (by === undefined) return;
            const all = [...this.#tabs.children] as HTMLElement[];
            const at = all.findIndex(({ dataset }) => dataset.key === title);
            const next = all[(at + by + all.length) % all.length]!;
            choose(next.dataset.key!);
            next.focus();
          },
        },
        title,
      ),
    );
    redraw(this.#tabs, drawn);
  }

  /** Draws a tab when it is there, unless another was chosen meanwhile. */
  async #load(tab: Tab | undefined): Promise<void> {
    const turn = ++this.#loading;
    if (!tab) return this.#show(undefined, empty);
    const waits = setTimeout(() => {
      if (turn === this.#loading) this.#show(undefined, "The kernel draws this view …");
    }, 400);
    try {
      const shown = await tab.load();
      if (turn === this.#loading) this.#show(shown);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (turn === this.#loading) this.#show(undefined, `There is no such view: ${reason}`);
    } finally {
      clearTimeout(waits);
    }
  }

  #show(shown: Shown | undefined, note = ""): void {
    this.#shown = shown;
    this.#copy.hidden = shown === undefined;
    this.#steps.show(shown?.steps);
    if (shown?.steps) return this.#drawStep();
    if (shown && !shown.node) return void this.#drawPlot(shown);
    this.#replace(shown?.node?.() ?? element("p", { class: "wb-note", role: "status" }, note));
  }

  #drawStep(): void {
    const node = this.#steps.node();
    if (node) this.#replace(node);
  }

  /** What is no HTML is drawn as outputs are. A plot that is drawn again stays where it is. */
  async #drawPlot({ data }: Shown): Promise<void> {
    const { rendermime } = this.#open!.panel.content;
    const preferred = rendermime.preferredMimeType(data as never, "any");
    if (preferred === undefined) return;
    const model = new MimeModel({ data: data as never, trusted: true });
    if (this.#plot?.mimeType !== preferred) {
      this.#replace();
      this.#plot = { mimeType: preferred, renderer: rendermime.createRenderer(preferred) };
      Widget.attach(this.#plot.renderer, this.#body);
    }
    await this.#plot.renderer.renderModel(model);
  }

  #replace(...nodes: Node[]): void {
    this.#plot?.renderer.dispose();
    this.#plot = undefined;
    this.#body.replaceChildren(...nodes);
    startAtFirstBox(this.#body);
  }

  async #copyAsOutput(): Promise<void> {
    if (!this.#open || !this.#shown) return;
    const of = this.#current?.label ?? "";
    await copyAsOutput(this.#open, this.#cell ?? null, { title: this.#tab, of, shown: this.#shown });
  }
}

/** The value of an option, and its text. */
type Choice = readonly [value: string, text: string];

/** Draws the options of a list; when they are the same as before they stay, so that an open list does not close. */
function offer(select: HTMLSelectElement, choices: readonly Choice[], chosen: string): void {
  const isDrawn =
    select.options.length === choices.length &&
    choices.every(
      ([value, text], i) => select.options[i]!.value === value && select.options[i]!.text === text,
    );
  if (!isDrawn) select.replaceChildren(...choices.map(([value, text]) => element("option", { value }, text)));
  const index = Math.max(
    choices.findIndex(([value]) => value === chosen),
    0,
  );
  if (select.selectedIndex !== index) select.selectedIndex = index;
}

const hasSteps = ({ views }: Value): boolean =>
  views.some(({ name }) => name === "steps" || name === "passes");

function kernelOf({ panel }: OpenNotebook): Kernel.IKernelConnection | undefined {
  return panel.sessionContext.session?.kernel ?? undefined;
}
