// The way to "Try it": a link in the left column, and the panel, which is loaded when it is first shown.
import "./page.css";
import type { Workshop } from "../documents.ts";
import { element } from "../dom.ts";
import type { TryIt } from "./panel.ts";

/** What stands in the address while it is shown. */
export const tryAddress = "#try-it";

/** The link and the panel. */
export class TryEntry {
  readonly link: HTMLAnchorElement;
  readonly #workshop: Workshop;
  readonly #page: HTMLElement;
  readonly #center: HTMLElement;
  readonly #openNotebook: (path: string) => void;
  #panel: Promise<TryIt> | undefined;
  #isShown = false;

  /** `openNotebook` shows a notebook that was made. */
  constructor(
    workshop: Workshop,
    page: HTMLElement,
    center: HTMLElement,
    openNotebook: (path: string) => void,
  ) {
    this.#workshop = workshop;
    this.#page = page;
    this.#center = center;
    this.#openNotebook = openNotebook;
    this.link = element(
      "a",
      { class: "wb-try-link", href: tryAddress },
      element("b", {}, "Try it"),
      element("span", {}, "a model of yours, from its ONNX file"),
    );
  }

  get isShown(): boolean {
    return this.#isShown;
  }

  /** Shows the panel in the place of the notebook. */
  async show(): Promise<void> {
    this.#mark(true);
    this.#panel ??= this.#load();
    const panel = await this.#panel;
    panel.node.hidden = !this.#isShown;
    if (this.#isShown) panel.focus();
  }

  /** Puts it away; what is going on there goes on. */
  hide(): void {
    if (!this.#isShown) return;
    this.#mark(false);
    void this.#panel?.then(({ node }) => {
      node.hidden = !this.#isShown;
    });
  }

  async #load(): Promise<TryIt> {
    const { TryIt } = await import("./panel.ts");
    const { services, rendering } = this.#workshop;
    const panel = new TryIt(services.serverSettings, rendering, this.#openNotebook);
    this.#center.append(panel.node);
    return panel;
  }

  #mark(shown: boolean): void {
    this.#isShown = shown;
    this.#page.classList.toggle("wb-trying", shown);
    this.#center.setAttribute("aria-label", shown ? "Try it" : "Notebook");
    if (shown) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
  }
}
