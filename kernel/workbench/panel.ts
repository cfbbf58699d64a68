// The compiler's views beside the notebook: those of the cell in focus, one at a time, stepped through with the keyboard.

import type { OpenNotebook } from "./documents.ts";
import { button, element } from "./dom.ts";
import { LiveViews } from "./live-views.ts";
import { namesOf } from "./names.ts";
import { copies, type StepView, type Views, viewsIn } from "./views.ts";

/** How long after an output changed the panel follows, in milliseconds. */
const pause = 150;

/** The panel. */
export class ViewPanel {
  readonly node: HTMLElement;
  readonly #head = element("p", { class: "wb-view-cell" });
  readonly #tabs = element("div", { class: "wb-tabs", role: "tablist", "aria-label": "Views" });
  readonly #steps = element("ol", { class: "wb-steps", tabindex: 0, "aria-label": "Steps" });
  readonly #bar: HTMLElement;
  readonly #count = element("span", { class: "wb-step-count", "aria-live": "polite" });
  readonly #filter: HTMLInputElement;
  readonly #unchanged: HTMLInputElement;
  readonly #body = element("div", {
    class: "wb-view-body",
    tabindex: 0,
    role: "tabpanel",
    "aria-label": "View",
  });
  readonly #observer = new MutationObserver(() => this.#later());
  readonly #watched = new WeakSet<OpenNotebook>();
  #open: OpenNotebook | undefined;
  readonly #live = new LiveViews();
  #cell: object | undefined;
  #views: Views | undefined;
  #tab = 0;
  #step = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const stepped = (event: Event) => this.#key(event as KeyboardEvent);
    this.#filter = element("input", {
      type: "search",
      placeholder: "Filter steps",
      "aria-label": "Filter steps",
      oninput: () => this.#drawSteps(),
    });
    this.#unchanged = element("input", { type: "checkbox", onchange: () => this.#drawBody() });
    this.#bar = element(
      "div",
      { class: "wb-step-bar" },
      button("previous", "Previous step", () => this.go(-1), { keys: "," }),
      this.#count,
      button("next", "Next step", () => this.go(1), { keys: "." }),
      this.#filter,
      element("label", {}, this.#unchanged, "all lines"),
    );
    this.#steps.addEventListener("keydown", stepped);
    this.#body.addEventListener("keydown", stepped);
    const title = element("h2", {}, "Compiler views");
    this.node = element(
      "div",
      { class: "wb-views" },
      element("div", { class: "wb-section-head" }, title),
      this.#head,
      this.#tabs,
      this.#bar,
      this.#steps,
      this.#body,
    );
    this.#draw();
  }

  /** Follows the active cell of a notebook. */
  follow(open: OpenNotebook): void {
    this.#open = open;
    if (!this.#watched.has(open)) {
      this.#watched.add(open);
      open.panel.content.activeCellChanged.connect(() => this.#later());
      open.runs.ended.connect(() => this.#later());
    }
    this.#later();
  }

  /** Goes some steps on, or back. */
  go(by: number): void {
    const shown = this.#shown();
    const at = shown.findIndex(({ index }) => index === this.#step);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (!next) return;
    this.#step = next.index;
    this.#drawSteps();
    this.#drawBody();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#follow(), pause);
  }

  /** Takes the views of the active cell, or of the variables it sets; a cell without any leaves what is shown. */
  async #follow(): Promise<void> {
    const open = this.#open!;
    const cell = open.panel.content.activeCell;
    this.#observer.disconnect();
    if (cell?.model.type !== "code") return;
    const output = cell.node.querySelector(".jp-Cell-outputArea");
    if (output) this.#observer.observe(output, { childList: true, subtree: true });
    const source = cell.model.sharedModel.getSource();
    const shown = output ? viewsIn(output) : undefined;
    if (shown) {
      this.#take(shown, cell, `of the cell that ends in  ${source.trim().split("\n").at(-1)}`);
      return;
    }
    const kernel = open.panel.sessionContext.session?.kernel;
    if (!kernel || !open.stale.hasRun(cell)) return;
    const found = await this.#live.ask(kernel, [...namesOf(source).defines]).catch(() => undefined);
    const isStill = this.#open === open && open.panel.content.activeCell === cell;
    if (found && isStill) this.#take(found.views, cell, `of the variable  ${found.name}`);
  }

  #take(views: Views, cell: object, title: string): void {
    if (cell !== this.#cell) this.#tab = 0;
    this.#cell = cell;
    this.#views = views;
    // The newest step is what the reader has just done.
    this.#step = Math.max(0, views.steps.length - 1);
    this.#head.textContent = title;
    this.#draw();
  }

  #titles(): string[] {
    if (!this.#views) return [];
    const { steps, others } = this.#views;
    return [...(steps.length > 0 ? ["Steps"] : []), ...others.map(({ title }) => title)];
  }

  get #showsSteps(): boolean {
    return this.#tab === 0 && (this.#views?.steps.length ?? 0) > 0;
  }

  #draw(): void {
    const titles = this.#titles();
    this.#tab = Math.min(this.#tab, Math.max(0, titles.length - 1));
    this.#tabs.hidden = titles.length < 2;
    this.#tabs.replaceChildren(
      ...titles.map((title, index) =>
        element(
          "button",
          {
            type: "button",
            role: "tab",
            "aria-selected": String(index === this.#tab),
            tabindex: index === this.#tab ? 0 : -1,
            onclick: () => this.#choose(index),
            onkeydown: (event) => {
              const by = { ArrowLeft: -1, ArrowRight: 1 }[(event as KeyboardEvent).key];
              if (by === undefined) return;
              this.#choose((index + by + titles.length) % titles.length);
              (this.#tabs.children[this.#tab] as HTMLElement).focus();
            },
          },
          title,
        ),
      ),
    );
    this.#drawSteps();
    this.#drawBody();
  }

  #choose(tab: number): void {
    this.#tab = tab;
    this.#draw();
  }

  /** The steps that the filter leaves. */
  #shown(): { step: StepView; index: number }[] {
    const wanted = this.#filter.value.trim().toLowerCase();
    return (this.#views?.steps ?? [])
      .map((step, index) => ({ step, index }))
      .filter(({ step }) => (step.summary.textContent ?? "").toLowerCase().includes(wanted));
  }

  #drawSteps(): void {
    this.#bar.hidden = this.#steps.hidden = !this.#showsSteps;
    if (!this.#showsSteps) return;
    const shown = this.#shown();
    this.#count.textContent = `${this.#step + 1} of ${this.#views!.steps.length}`;
    const items = shown.map(({ step, index }) => {
      const item = element(
        "li",
        {
          "aria-current": index === this.#step ? "step" : undefined,
          onclick: () => {
            this.#step = index;
            this.#drawSteps();
            this.#drawBody();
          },
        },
        element("span", { class: "wb-step-number" }, String(index + 1)),
        element("code", {}, step.title),
      );
      return item;
    });
    this.#steps.replaceChildren(...items);
    this.#steps.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #drawBody(): void {
    const views = this.#views;
    if (!views) {
      const text =
        "Select a cell whose output is a schedule, a program or a pipeline: its views stand here, larger.";
      this.#body.replaceChildren(element("p", { class: "wb-note" }, text));
      return;
    }
    const frame = views.frame();
    const others = this.#showsSteps ? undefined : views.others[this.#tab - (views.steps.length > 0 ? 1 : 0)];
    const step = views.steps[this.#step];
    if (others) frame.append(...copies(others.body, "view-"));
    else if (step)
      frame.append(...copies([...step.summary.querySelectorAll(".tw-did"), ...step.body], "view-"));
    if (this.#showsSteps)
      for (const fold of frame.querySelectorAll<HTMLDetailsElement>("details.tw-same"))
        fold.open = this.#unchanged.checked;
    this.#body.replaceChildren(frame);
  }

  #key(event: KeyboardEvent): void {
    if (!this.#showsSteps || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#views!.steps.length;
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -last, End: last }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.go(by);
  }
}
