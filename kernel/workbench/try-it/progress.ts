// What is being done with a model, step by step.
import { duration } from "../../../lib/show/number.ts";
import type { StepName, TryEvent } from "../../server/try-it/events.ts";
import { element, icon } from "../dom.ts";
import { viewTitles } from "./results.ts";

const titles: { readonly [step in StepName]: string } = {
  read: "Read",
  import: "Import",
  compile: "Passes and code",
  measure: "Measure",
  tune: "Search",
  remeasure: "Measure again",
  bundle: "Bundle",
};

/** The list of steps, and a line that says what is going on. */
export class StepList {
  readonly node: HTMLElement;
  readonly #list = element("ol", { class: "wb-try-steps", "aria-label": "Steps" });
  readonly #status = element("p", { class: "wb-try-status", role: "status" });
  readonly #items = new Map<string, HTMLElement>();

  constructor() {
    this.node = element("div", { class: "wb-try-progress", hidden: true }, this.#list, this.#status);
  }

  /** Begins anew; the file is on its way to the server. */
  start(): void {
    this.#items.clear();
    this.#list.replaceChildren();
    this.node.hidden = false;
    this.say("Sending the file …");
  }

  /** Says what is going on, or how it ended. */
  say(text: string): void {
    this.#status.textContent = text;
  }

  hear(event: TryEvent): void {
    if (event.event === "tuning") this.say(`Search: ${event.text}`);
    if (event.event === "drawing") this.say(`Drawing: ${viewTitles[event.view]} …`);
    if (event.event !== "step") return;
    const { step } = event;
    if (event.state === "began") {
      const item = element("li", { "data-state": "running" }, element("span", {}, titles[step]));
      this.#items.set(step, item);
      this.#list.append(item);
      this.say(`${titles[step]} …`);
    } else {
      const item = this.#items.get(step);
      if (!item) return;
      item.dataset.state = "done";
      item.prepend(icon("done"));
      item.append(element("small", {}, duration(event.ms)));
    }
  }

  /** Marks the step that was going on as one that did not come to its end. */
  stop(): void {
    for (const item of this.#items.values())
      if (item.dataset.state === "running") item.dataset.state = "stopped";
  }
}
