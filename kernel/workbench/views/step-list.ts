// The steps of a schedule or a pipeline: a list, a search, and one step at a time, with the arrow keys.
import { button, element, redraw } from "../dom.ts";
import { copies, type StepView, type Views } from "./parts.ts";

/** The list of steps; what a step changed is drawn by whoever it is given to. */
export class StepList {
  readonly bar: HTMLElement;
  readonly list = element("ol", { class: "wb-steps", tabindex: 0, "aria-label": "Steps" });
  readonly #count = element("span", { class: "wb-step-count", "aria-live": "polite" });
  readonly #filter: HTMLInputElement;
  readonly #changes: HTMLInputElement;
  readonly #changesLabel: HTMLElement;
  readonly #lines: HTMLInputElement;
  readonly #chosen: () => void;
  #views: Views | undefined;
  #step = 0;

  /** `chosen` is called when another step, or more of it, is to be drawn. */
  constructor(chosen: () => void) {
    this.#chosen = chosen;
    const draw = () => {
      this.#keepAmongShown();
      this.#draw();
      this.#chosen();
    };
    this.#filter = element("input", {
      type: "search",
      placeholder: "Search steps",
      "aria-label": "Search steps",
      oninput: draw,
    });
    this.#changes = element("input", { type: "checkbox", onchange: draw });
    this.#lines = element("input", { type: "checkbox", onchange: () => this.#chosen() });
    this.#changesLabel = element("label", {}, this.#changes, "hide unchanged");
    this.bar = element(
      "div",
      { class: "wb-step-bar" },
      button("previous", "Previous step", () => this.go(-1), { keys: "," }),
      this.#count,
      button("next", "Next step", () => this.go(1), { keys: "." }),
      this.#filter,
      this.#changesLabel,
      element("label", {}, this.#lines, "all lines"),
    );
    this.list.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shows other steps, or none. The newest is chosen: it is what the reader has just done. */
  show(views: Views | undefined): void {
    const isSame = views !== undefined && views.html() === this.#views?.html();
    this.#views = views;
    if (!isSame) this.#step = Math.max(0, (views?.steps.length ?? 0) - 1);
    this.#changesLabel.hidden = !views?.steps.some(({ isChange }) => !isChange);
    if (!isSame) this.#keepAmongShown();
    this.#draw();
  }

  /** The chosen step, as it is to be drawn; undefined when there is none. */
  node(): HTMLElement | undefined {
    const step = this.#views?.steps[this.#step];
    if (!this.#views || !step) return undefined;
    const frame = this.#views.frame();
    const did = step.isChange ? [...step.summary.querySelectorAll(".tw-did")] : [...step.summary.childNodes];
    frame.append(...copies([...did, ...step.body], "view-"));
    for (const fold of frame.querySelectorAll<HTMLDetailsElement>("details.tw-same"))
      fold.open = this.#lines.checked;
    return frame;
  }

  /** Goes some steps on, or back. */
  go(by: number): void {
    const shown = this.#shown();
    const at = shown.findIndex(({ index }) => index === this.#step);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next) this.#choose(next.index);
  }

  /** Acts on the keys that go through steps. */
  key(event: KeyboardEvent): void {
    if (!this.#views || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#views.steps.length;
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -last, End: last }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.go(by);
  }

  #choose(step: number): void {
    this.#step = step;
    this.#draw();
    this.#chosen();
  }

  /** The steps that the search and the choice leave. */
  #shown(): { step: StepView; index: number }[] {
    const wanted = this.#filter.value.trim().toLowerCase();
    return (this.#views?.steps ?? [])
      .map((step, index) => ({ step, index }))
      .filter(({ step }) => step.text.includes(wanted) && (step.isChange || !this.#changes.checked));
  }

  #keepAmongShown(): void {
    const shown = this.#shown();
    if (shown.length > 0 && !shown.some(({ index }) => index === this.#step))
      this.#step = shown.at(-1)!.index;
  }

  #draw(): void {
    this.bar.hidden = this.list.hidden = this.#views === undefined;
    if (!this.#views) return;
    this.#count.textContent = `${this.#step + 1} of ${this.#views.steps.length}`;
    const items = this.#shown().map(({ step, index }) =>
      element(
        "li",
        {
          "data-key": index,
          class: step.isChange ? undefined : "wb-unchanged",
          "aria-current": index === this.#step ? "step" : undefined,
          onclick: () => this.#choose(index),
        },
        element("span", { class: "wb-step-number" }, String(index + 1)),
        element("code", {}, step.title),
      ),
    );
    redraw(this.list, items);
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }
}
