// The kernels that run: which notebook each is for, how it is, and a button that ends it.
import type { Session } from "@jupyterlab/services";
import { button, element, redraw } from "./dom.ts";

/** The list of running kernels; empty it is not shown. */
export class Running {
  readonly node: HTMLElement;
  readonly #sessions: Session.IManager;
  readonly #list = element("ul", { class: "wb-running" });
  readonly #titleOf: (path: string) => string;
  readonly #stateOf: (path: string) => string | undefined;
  readonly #stop: (id: string) => void;

  /** `stateOf` knows the states of open notebooks; `stop` is called with the session that the reader wants to end. */
  constructor(
    sessions: Session.IManager,
    titleOf: (path: string) => string,
    stateOf: (path: string) => string | undefined,
    stop: (id: string) => void,
  ) {
    this.#stateOf = stateOf;
    this.#sessions = sessions;
    this.#titleOf = titleOf;
    this.#stop = stop;
    this.node = element(
      "section",
      { class: "wb-running-area", "aria-label": "Running kernels", hidden: true },
      element("div", { class: "wb-section-head" }, element("h2", {}, "Running")),
      this.#list,
    );
    sessions.runningChanged.connect(() => this.draw());
  }

  /** Draws the list as it is now. */
  draw(): void {
    const running = [...this.#sessions.running()].sort((a, b) => a.path.localeCompare(b.path));
    this.node.hidden = running.length === 0;
    const items = running.map(({ id, path, kernel }) => {
      const title = this.#titleOf(path);
      // What the server's list says of an open one is seconds old.
      const state = this.#stateOf(path) ?? kernel?.execution_state ?? "dead";
      return element(
        "li",
        { "data-key": id },
        element(
          "a",
          { href: `#/${encodeURI(path)}`, title: path },
          element("span", { class: "wb-title" }, title),
        ),
        element("span", { class: "wb-progress" }, state),
        button("stop", `End the kernel of ${title}`, () => this.#stop(id)),
      );
    });
    redraw(this.#list, items);
  }
}
