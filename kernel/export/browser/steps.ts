// Steps of a schedule or a pipeline, gone through one at a time: by buttons, or by the arrow keys.

/** Puts a bar above the steps of every display that has several. */
export function addStepBars(): void {
  for (const display of document.querySelectorAll<HTMLElement>(".outputs .tw")) {
    const steps = [...display.querySelectorAll<HTMLDetailsElement>("details.tw-step")].filter(
      (step) => step.closest(".tw") === display && !step.parentElement?.closest(".tw-step"),
    );
    if (steps.length >= 2) new StepBar(steps);
  }
}

class StepBar {
  readonly #steps: readonly HTMLDetailsElement[];
  readonly #count = document.createElement("span");
  readonly #buttons: HTMLButtonElement[];
  #at: number;

  constructor(steps: readonly HTMLDetailsElement[]) {
    this.#steps = steps;
    this.#at = Math.max(
      0,
      steps.findLastIndex(({ open }) => open),
    );
    const bar = document.createElement("div");
    bar.className = "step-bar";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Steps");
    this.#count.className = "step-count";
    this.#count.setAttribute("aria-live", "polite");
    this.#buttons = [
      button("‹", "Previous step (arrow up)", () => this.go(this.#at - 1)),
      button("›", "Next step (arrow down)", () => this.go(this.#at + 1)),
    ];
    const all = document.createElement("input");
    all.type = "checkbox";
    all.addEventListener("change", () => {
      for (const step of steps)
        for (const fold of step.querySelectorAll<HTMLDetailsElement>("details.tw-same"))
          fold.open = all.checked;
    });
    const label = document.createElement("label");
    label.append(all, " all lines");
    bar.append(this.#buttons[0]!, this.#count, this.#buttons[1]!);
    if (steps.some((step) => step.querySelector("details.tw-same"))) bar.append(label);
    steps[0]!.before(bar);
    bar.addEventListener("keydown", (event) => this.#key(event));
    for (const [index, step] of steps.entries()) {
      step.querySelector("summary")?.addEventListener("keydown", (event) => this.#key(event));
      step.addEventListener("toggle", () => {
        if (!step.open || index === this.#at) return;
        this.#at = index;
        this.#draw();
      });
    }
    this.#draw();
  }

  /** Opens a step, and closes the others. */
  go(to: number): void {
    this.#at = Math.max(0, Math.min(this.#steps.length - 1, to));
    for (const [index, step] of this.#steps.entries()) step.open = index === this.#at;
    this.#draw();
  }

  #draw(): void {
    this.#count.textContent = `step ${this.#at + 1} of ${this.#steps.length}`;
    this.#buttons[0]!.disabled = this.#at === 0;
    this.#buttons[1]!.disabled = this.#at === this.#steps.length - 1;
    for (const [index, step] of this.#steps.entries()) {
      if (index === this.#at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const to: { [key: string]: number } = {
      ArrowUp: this.#at - 1,
      ArrowLeft: this.#at - 1,
      ArrowDown: this.#at + 1,
      ArrowRight: this.#at + 1,
      Home: 0,
      End: this.#steps.length - 1,
    };
    if (to[event.key] === undefined) return;
    event.preventDefault();
    this.go(to[event.key]!);
    // The keys go on from the step that is open; its line stays in the window.
    const summary = this.#steps[this.#at]!.querySelector("summary");
    summary?.focus({ preventScroll: true });
    summary?.scrollIntoView({ block: "nearest" });
  }
}

function button(text: string, label: string, pressed: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", pressed);
  return made;
}
