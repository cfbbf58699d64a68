// The left column: search, the chapters with the reader's progress, and the headings of the one that is open.
import { button, element, icon, redraw } from "./dom.ts";
import type { Chapter, Found, Library } from "./library.ts";
import { progressOf, progressText } from "./progress.ts";

/** What the column asks of the page. */
export interface Navigation {
  open(path: string, cell?: number): void;
  add(): void;
  rename(path: string): void;
  remove(path: string): void;
}

/** How long after a key the search begins, in milliseconds. */
const pause = 200;

/** The list of chapters and the search over them. */
export class Chapters {
  readonly node: HTMLElement;
  readonly #library: Library;
  readonly #navigation: Navigation;
  readonly #list = element("ul", { class: "wb-chapters" });
  readonly #results = element("div", { class: "wb-results", role: "region", "aria-label": "Search results" });
  readonly #input: HTMLInputElement;
  #chapters: Chapter[] = [];
  #current = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(library: Library, navigation: Navigation) {
    this.#library = library;
    this.#navigation = navigation;
    this.#input = element("input", {
      type: "search",
      placeholder: "Search all chapters",
      "aria-label": "Search all chapters",
      oninput: () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.#search(), pause);
      },
    });
    this.#results.hidden = true;
    const head = element(
      "div",
      { class: "wb-section-head" },
      element("h2", {}, "Chapters"),
      button("add", "New notebook", () => navigation.add()),
    );
    this.node = element("div", { class: "wb-chapter-area" }, this.#input, this.#results, head, this.#list);
  }

  /** Lists the folder's notebooks, and once more when their titles are known. */
  async load(): Promise<Chapter[]> {
    this.#chapters = await this.#library.list();
    this.draw();
    return this.#chapters;
  }

  /** Reads the titles that are not known. */
  async loadTitles(): Promise<void> {
    this.#chapters = await this.#library.titled();
    this.draw();
  }

  /** The title of a notebook. */
  titleOf(path: string): string {
    return this.#chapters.find((chapter) => chapter.path === path)?.title ?? path;
  }

  /** Marks the chapter that is shown. */
  select(path: string): void {
    this.#current = path;
    this.draw();
  }

  /** Puts the cursor into the search. */
  focusSearch(): void {
    this.#input.focus();
    this.#input.select();
  }

  /** Draws the list with the progress as it is now. */
  draw(): void {
    const items = this.#chapters.map((chapter) => {
      const { path, title } = chapter;
      return element(
        "li",
        { "data-key": path },
        this.#link(chapter),
        button("rename", `Rename ${title}`, () => this.#navigation.rename(path)),
        button("delete", `Delete ${title}`, () => this.#navigation.remove(path)),
      );
    });
    redraw(this.#list, items);
  }

  #link({ path, title, exercises }: Chapter): HTMLElement {
    const text = progressText(progressOf(path));
    const link = element(
      "a",
      {
        href: `#/${encodeURI(path)}`,
        "aria-current": path === this.#current ? "page" : undefined,
        title: path,
      },
      element("span", { class: "wb-title" }, title),
    );
    if (exercises > 0) {
      const label = exercises === 1 ? "1 exercise" : `${exercises} exercises`;
      link.append(element("span", { class: "wb-label" }, label));
    }
    if (text === "done") {
      const done = element("span", {}, "done");
      link.append(element("span", { class: "wb-progress wb-done" }, icon("done"), done));
    } else if (text !== "") link.append(element("span", { class: "wb-progress" }, text));
    return link;
  }

  async #search(): Promise<void> {
    const wanted = this.#input.value;
    const found = await this.#library.search(wanted);
    if (wanted !== this.#input.value) return;
    this.#results.hidden = wanted.trim().length < 2;
    if (found.length === 0) {
      this.#results.replaceChildren(element("p", { role: "status" }, "Nothing found."));
      return;
    }
    const groups = new Map<string, Found[]>();
    for (const one of found) groups.set(one.chapter.path, [...(groups.get(one.chapter.path) ?? []), one]);
    const sections = [...groups.values()].map((places) =>
      element(
        "section",
        {},
        element("h3", {}, places[0]!.chapter.title),
        ...places.map((place) =>
          element(
            "button",
            { type: "button", onclick: () => this.#navigation.open(place.chapter.path, place.cell) },
            place.before,
            element("mark", {}, place.match),
            place.after,
          ),
        ),
      ),
    );
    this.#results.replaceChildren(...sections);
  }
}
