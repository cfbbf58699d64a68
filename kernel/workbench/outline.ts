// The headings of the notebook that is shown.
import { goTo, type OpenNotebook } from "./documents.ts";
import { element, redraw } from "./dom.ts";

interface Heading {
  level: number;
  text: string;
  cell: number;
  /** Its place among the headings of its cell. */
  place: number;
}

/** How long after a change the outline follows, in milliseconds. */
const pause = 400;

/** The table of contents. */
export class Outline {
  readonly node: HTMLElement;
  readonly #list = element("ul", { class: "wb-outline" });
  #open: OpenNotebook | undefined;
  readonly #watched = new WeakSet<OpenNotebook>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #chosen: () => void;

  /** `chosen` is called when the reader has gone to a heading. */
  constructor(chosen: () => void) {
    this.#chosen = chosen;
    this.node = element(
      "nav",
      { class: "wb-outline-area", "aria-label": "Headings of this chapter" },
      element("div", { class: "wb-section-head" }, element("h2", {}, "In this chapter")),
      this.#list,
    );
  }

  /** Shows the headings of a notebook, and follows it. */
  show(open: OpenNotebook): void {
    this.#open = open;
    this.#draw();
    if (this.#watched.has(open)) return;
    this.#watched.add(open);
    const later = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#draw(), pause);
    };
    open.context.model.contentChanged.connect(later);
    open.panel.content.activeCellChanged.connect(() => this.#mark());
  }

  #draw(): void {
    const open = this.#open;
    if (!open || open.panel.isDisposed) return;
    const items = headings(open).map(({ level, text, cell, place }) =>
      element(
        "li",
        { class: `wb-level-${level}`, "data-key": `${cell}.${place}`, "data-cell": cell },
        element(
          "button",
          {
            type: "button",
            onclick: () => {
              if (this.#open) void goTo(this.#open.panel, cell);
              this.#chosen();
            },
          },
          text,
        ),
      ),
    );
    this.node.hidden = items.length === 0;
    redraw(this.#list, items);
    this.#mark();
  }

  /** Marks the last heading at or before the active cell. */
  #mark(): void {
    const active = this.#open?.panel.content.activeCellIndex ?? -1;
    const items = [...this.#list.children] as HTMLElement[];
    const current = items.findLast((item) => Number(item.dataset.cell) <= active);
    for (const item of items) {
      if (item === current) item.firstElementChild!.setAttribute("aria-current", "true");
      else item.firstElementChild!.removeAttribute("aria-current");
    }
  }
}

/** The headings of the levels 2 and 3; what stands in fences is none. */
function headings({ panel }: OpenNotebook): Heading[] {
  return panel.content.widgets.flatMap(({ model }, cell) => {
    if (model.type !== "markdown") return [];
    const text = model.sharedModel.getSource().replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
    return [...text.matchAll(/^(#{2,3})\s+(.+?)\s*#*$/gm)].map(([, marks, heading], place) => ({
      level: marks!.length,
      text: heading!.replace(/[`*]|\[([^\]]*)\]\([^)]*\)/g, "$1"),
      cell,
      place,
    }));
  });
}
