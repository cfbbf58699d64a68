// Tabs that come one by one, each with what it shows.
import { reachable } from "../accessible.ts";
import { element } from "../dom.ts";

let count = 0;

interface Tab {
  button: HTMLButtonElement;
  panel: HTMLElement;
}

/** Tabs over a panel each, by the pattern of the ARIA Authoring Practices: arrow keys go from one to the next. */
export class Tabs {
  readonly node: HTMLElement;
  readonly #list: HTMLElement;
  readonly #panels = element("div", { class: "wb-try-panels" });
  readonly #tabs = new Map<string, Tab>();
  #selected: string | undefined;

  constructor(label: string) {
    this.#list = element("div", {
      class: "wb-tabs",
      role: "tablist",
      "aria-label": label,
      onkeydown: (event) => this.#key(event as KeyboardEvent),
    });
    this.node = element("div", { class: "wb-try-tabs", hidden: true }, this.#list, this.#panels);
    new ResizeObserver(() => reachable(this.#panels)).observe(this.#panels);
  }

  /** Shows something on the tab of this title; a new tab is the last one. The first tab is selected by itself. */
  show(title: string, content: Node): void {
    const tab = this.#tabs.get(title) ?? this.#add(title);
    tab.panel.replaceChildren(content);
    this.node.hidden = false;
    if (this.#selected === undefined) this.#select(title);
  }

  /** Takes all tabs away; one of the title that was selected will be selected again when it comes back. */
  clear(): void {
    this.#wanted = this.#selected ?? this.#wanted;
    this.#selected = undefined;
    this.#tabs.clear();
    this.#list.replaceChildren();
    this.#panels.replaceChildren();
    this.node.hidden = true;
  }
  #wanted: string | undefined;

  #add(title: string): Tab {
    const id = `wb-try-tab-${++count}`;
    const button = element(
      "button",
      {
        type: "button",
        role: "tab",
        id,
        "aria-controls": `${id}-panel`,
        "aria-selected": "false",
        tabindex: -1,
        onclick: () => {
          this.#wanted = undefined;
          this.#select(title);
        },
      },
      title,
    );
    const panel = element("div", {
      role: "tabpanel",
      id: `${id}-panel`,
      "aria-labelledby": id,
      tabindex: 0,
      hidden: true,
    });
    const tab = { button, panel };
    this.#tabs.set(title, tab);
    this.#list.append(button);
    this.#panels.append(panel);
    if (title === this.#wanted) {
      this.#wanted = undefined;
      this.#select(title);
    }
    return tab;
  }

  #select(title: string): void {
    this.#selected = title;
    for (const [name, { button, panel }] of this.#tabs) {
      const chosen = name === title;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
    reachable(this.#panels);
  }

  #key(event: KeyboardEvent): void {
    const names = [...this.#tabs.keys()];
    const at = names.indexOf(this.#selected ?? "");
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: names.length - 1 }[event.key];
    const name = to === undefined ? undefined : names[(to + names.length) % names.length];
    if (name === undefined) return;
    event.preventDefault();
    this.#select(name);
    this.#tabs.get(name)!.button.focus();
  }
}
