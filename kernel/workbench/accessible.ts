// What JupyterLab's notebook and the displays in it lack for readers who use the keyboard or a screen reader.
import type { Notebook } from "@jupyterlab/notebook";
import { startAtFirstBox } from "../export/browser/graphs.ts";

/** How long after a change the notebook is gone through, in milliseconds. */
const pause = 300;

/** Gives the cells of a notebook their roles, and makes what scrolls reachable, from now on. */
export class Accessible {
  readonly #notebook: Notebook;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(notebook: Notebook) {
    this.#notebook = notebook;
    // What editors do while somebody types is none of this.
    const observer = new MutationObserver((changes) => {
      if (changes.some(({ target }) => !(target as Element).closest(".cm-editor"))) this.#later();
    });
    observer.observe(notebook.node, { childList: true, subtree: true });
    notebook.disposed.connect(() => observer.disconnect());
    this.#later();
  }

  #later(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#go();
    }, pause);
  }

  #go(): void {
    for (const { node } of this.#notebook.widgets)
      if (!node.hasAttribute("role")) node.setAttribute("role", "article");
    reachable(this.#notebook.node);
    for (const handle of this.#notebook.node.querySelectorAll(".noUi-handle:not([aria-label])")) {
      const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
      handle.setAttribute("aria-label", label || "Value");
    }
  }
}

/** Lets the keyboard reach what is wider than its place; pictures of graphs begin at their first box. */
export function reachable(root: Element): void {
  startAtFirstBox(root);
  const wide = ".tw, .tw pre, .tw-scroll, .jp-RenderedText pre, .wb-vega, .jp-RenderedMarkdown pre";
  for (const area of root.querySelectorAll<HTMLElement>(wide)) {
    if (area.tabIndex >= 0 || area.scrollWidth <= area.clientWidth) continue;
    area.tabIndex = 0;
    area.setAttribute("role", "group");
    area.setAttribute("aria-label", "Wide output");
  }
}
