// What is known of a model: its summary, times, and the compiler's displays, on tabs.
import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Widget } from "@lumino/widgets";
import { bytes, duration, num } from "../../../lib/show/number.ts";
import type { TryEvent, ViewName } from "../../server/try-it/events.ts";
import { element } from "../dom.ts";
import { Tabs } from "./tabs.ts";

/** What the displays are called. */
export const viewTitles: { readonly [view in ViewName]: string } = {
  graph: "Graph",
  passes: "Passes",
  kernels: "Kernels",
  profile: "Times",
  memory: "Memory",
};

const plotType = "application/vnd.vegalite.v5+json";
type Event<Name extends TryEvent["event"]> = Extract<TryEvent, { event: Name }>;

/** The results of the work on one model. */
export class Results {
  readonly node: HTMLElement;
  readonly #rendering: IRenderMimeRegistry;
  readonly #summary = element("section", { class: "wb-try-summary", "aria-label": "The file", hidden: true });
  readonly #times = element("section", { class: "wb-try-times", "aria-label": "Times", hidden: true });
  readonly #tabs = new Tabs("Views");
  #plot: IRenderMime.IRenderer | undefined;
  #drawing: Promise<unknown> = Promise.resolve();
  #next: Event<"tuning"> | undefined;

  constructor(rendering: IRenderMimeRegistry) {
    this.#rendering = rendering;
    this.node = element("div", { class: "wb-try-results" }, this.#summary, this.#times, this.#tabs.node);
  }

  /** Forgets what was shown; the file's own summary stays when the file does. */
  clear(keepSummary: boolean): void {
    if (!keepSummary) this.#summary.hidden = true;
    this.#times.hidden = true;
    this.#times.replaceChildren();
    // Before its place goes.
    this.#plot?.dispose();
    this.#plot = undefined;
    this.#tabs.clear();
    this.#next = undefined;
  }

  hear(event: TryEvent, fileSize: number): void {
    switch (event.event) {
      case "summary":
        this.#showSummary(event, fileSize);
        break;
      case "view":
        this.#tabs.show(viewTitles[event.view], displayed(event.html));
        break;
      case "measured":
        this.#showTimes(event);
        break;
      case "notes":
        this.#times.append(...event.notes.map((note) => element("p", { class: "wb-dim" }, note)));
        break;
      case "tuning":
        this.#showSearch(event);
        break;
      case "bundle":
        this.#tabs.show("Bundle", bundleTable(event));
        break;
    }
  }

  #showSummary({ summary }: Event<"summary">, fileSize: number): void {
    const list = (values: Readonly<Record<string, unknown>>, between: string) =>
      Object.entries(values).map(([name, value]) => `${name}${between}${value}`);
    const lines = (texts: readonly string[]) => {
      const shown = texts.slice(0, 20).map((text) => element("div", {}, element("code", {}, text)));
      const left = texts.length - shown.length;
      return left > 0 ? [...shown, element("div", {}, `… and ${left} more`)] : shown;
    };
    const chips = Object.entries(summary.operators).map(([name, count]) =>
      element("li", {}, element("code", {}, name), count > 1 ? ` × ${count}` : ""),
    );
    const { tensors, elements, bytes: size } = summary.weights;
    const rows: [string, (Node | string)[]][] = [
      ["Inputs", lines(list(summary.inputs, ": "))],
      ["Outputs", lines(list(summary.outputs, ": "))],
      ["Weights", [`${count(elements, "element")} in ${count(tensors, "tensor")}, ${bytes(size)}`]],
      [
        "File",
        [
          [bytes(fileSize), `operator set ${list(summary.opsets, " ").join(", ")}`, summary.producer]
            .filter(Boolean)
            .join(" · "),
        ],
      ],
      [`${count(summary.nodes, "node")}`, [element("ul", { class: "wb-try-operators" }, ...chips)]],
    ];
    this.#summary.replaceChildren(
      element(
        "dl",
        {},
        ...rows.flatMap(([title, content]) => [element("dt", {}, title), element("dd", {}, ...content)]),
      ),
    );
    this.#summary.hidden = false;
  }

  #showTimes(m: Event<"measured">): void {
    this.#times.hidden = false;
    const speed = m.flops > 0 ? `${num(m.flops / m.median / 1e6, 3)} GFLOP/s` : "";
    const work = m.flops > 0 ? `${m.allCounted ? "" : "at least "}${operations(m.flops)}` : "";
    const spread = `middle half ${duration(m.p25)} to ${duration(m.p75)} of ${m.runs} measurements`;
    this.#times.append(
      element(
        "p",
        { class: "wb-try-time" },
        element("b", {}, duration(m.median)),
        ` a run${m.tuned ? " after the search" : ""} `,
        element("span", { class: "wb-dim" }, [work, speed, spread].filter(Boolean).join(" · ")),
      ),
    );
  }

  /** Draws the search's curve; while one is being drawn only the newest waits. */
  #showSearch(event: Event<"tuning">): void {
    const drawn = this.#next !== undefined;
    this.#next = event;
    if (drawn) return;
    this.#drawing = this.#drawing.then(() => this.#draw()).catch(() => undefined);
  }

  async #draw(): Promise<void> {
    const event = this.#next;
    this.#next = undefined;
    if (!event) return;
    if (!this.#plot) {
      this.#plot = this.#rendering.createRenderer(plotType);
      const place = element("div", { class: "wb-try-plot" });
      this.#tabs.show("Search", place);
      Widget.attach(this.#plot as IRenderMime.IRenderer & Widget, place);
    }
    const data = { [plotType]: event.spec as never };
    await this.#plot.renderModel(this.#rendering.createModel({ data, trusted: true }));
  }
}

/** A display of the compiler's. It is parsed in a document of its own: nothing in it is loaded or run. */
function displayed(html: string): HTMLElement {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const script of body.querySelectorAll("script")) script.remove();
  const place = element("div", { class: "wb-try-view jp-RenderedHTMLCommon" });
  place.append(...[...body.childNodes].map((node) => document.importNode(node, true)));
  return place;
}

function bundleTable({ files, memoryBytes, zip, fixed, onTheCpu }: Event<"bundle">): HTMLElement {
  const cells = (kind: "td" | "th", ...texts: string[]) =>
    element(
      "tr",
      {},
      ...texts.map((text, i) => element(i === 0 ? "th" : kind, { scope: i === 0 ? "row" : undefined }, text)),
    );
  const sum = (key: "bytes" | "gzip", of = files) => bytes(of.reduce((n, file) => n + file[key], 0));
  const code = files.filter(({ name }) => /\.(js|wasm|wgsl)$/.test(name));
  const head = element(
    "tr",
    {},
    ...["part", "bytes", "after gzip"].map((text) => element("th", { scope: "col" }, text)),
  );
  return element(
    "div",
    { class: "wb-try-bundle" },
    element(
      "table",
      {},
      element("thead", {}, head),
      element(
        "tbody",
        {},
        ...files.map((file) => cells("td", file.name, bytes(file.bytes), bytes(file.gzip))),
      ),
      element(
        "tfoot",
        {},
        cells("td", "code", sum("bytes", code), sum("gzip", code)),
        cells("td", "all", sum("bytes"), sum("gzip")),
      ),
    ),
    element(
      "p",
      { class: "wb-dim" },
      `${bytes(zip)} to download; ${bytes(memoryBytes)} of memory when it runs, weights included.`,
      ...(fixed.length > 0 ? [` Fixed for good: ${fixed.join(", ")}.`] : []),
    ),
    ...onTheCpu.map((note) => element("p", { class: "wb-dim" }, note)),
  );
}

/** "12.3 million operations". */
function operations(n: number): string {
  const [unit, name] = [
    [1e12, "trillion "],
    [1e9, "billion "],
    [1e6, "million "],
    [1, ""],
  ].find(([size]) => n >= Number(size)) ?? [1, ""];
  const amount = unit === 1 ? n.toLocaleString("en-US") : num(n / Number(unit), 3);
  return `${amount} ${name}floating-point operations`;
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
}
