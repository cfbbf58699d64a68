// Says when a kernel died on its own: the server starts another, but the variables are gone.
import type { OpenNotebook } from "./documents.ts";
import { element } from "./dom.ts";

/** A line above the page that is there from a death until the reader has seen it, or runs a cell. */
export class Deaths {
  readonly node: HTMLElement;
  readonly #text = element("span", {});

  constructor() {
    const seen = element("button", { type: "button", onclick: () => this.#hide() }, "Dismiss");
    this.node = element(
      "div",
      { class: "wb-banner wb-death", role: "status", hidden: true },
      this.#text,
      seen,
    );
  }

  /** Tells of the deaths of a notebook's kernel from now on. */
  follow({ panel, runs, context }: OpenNotebook): void {
    // JupyterLab's panel would open a dialog each time, above whatever the reader is writing.
    const told: unknown = Reflect.get(panel, "_onSessionStatusChanged");
    if (typeof told === "function") panel.sessionContext.statusChanged.disconnect(told as never, panel);
    panel.sessionContext.statusChanged.connect((_, status) => {
      if (status !== "autorestarting") return;
      this.tell(
        `The kernel of ${context.path} died and another one was started: variables are gone, text and outputs are kept.`,
      );
    });
    runs.scheduled.connect(() => this.#hide());
  }

  /** Shows a line until the reader has seen it, or runs a cell. */
  tell(text: string): void {
    this.#text.textContent = text;
    this.node.hidden = false;
  }

  #hide(): void {
    this.node.hidden = true;
  }
}
