// What there is to look at for a cell: its output, the values that it set, a search that runs. Each has tabs.
import type { Kernel } from "@jupyterlab/services";
import { element } from "../dom.ts";
import { copies, type Views, viewsOf } from "./parts.ts";
import type { Drawn, LiveSearch, Questions, Value, ViewName } from "./questions.ts";

/** What a tab shows: steps one at a time, HTML, or something that a renderer of outputs draws. */
export interface Shown {
  /** Taken apart, when there are steps. */
  steps?: Views;
  /** A new copy of it. */
  node?(): Node;
  /** What an output would hold. */
  data: Drawn["data"];
  code: string;
}

/** One view. */
export interface Tab {
  title: string;
  load(): Promise<Shown>;
}

/** A thing to look at. */
export interface Entry {
  key: string;
  label: string;
  tabs: Tab[];
}

/**
 * What the output of a cell shows, which needs no kernel; `live` are views of the same value that the kernel knows of. `isOld`:
 * an earlier kernel made it.
 */
export function outputEntry(views: Views, live: readonly Tab[], isOld = false): Entry {
  const whole = { data: { "text/html": views.html(), "text/plain": "" }, code: "" };
  const steps: Tab[] =
    views.steps.length > 0 ? [{ title: "Steps", load: async () => ({ ...whole, steps: views }) }] : [];
  const others = views.others.map(({ title, body }): Tab => {
    const node = () => framed(views, copies(body, "view-"));
    const load = async () => {
      const frame = views.frame();
      frame.append(...body.map((part) => part.cloneNode(true)));
      return { node, data: { "text/html": frame.outerHTML, "text/plain": title }, code: "" };
    };
    return { title, load };
  });
  // What the kernel draws of the value shows more than the folds of its output do.
  const isCovered = steps.length > 0 && live.some(({ title }) => title === "Program");
  const own = [...steps, ...(isCovered ? [] : others)];
  const more = live.filter(({ title }) => title !== "Passes" && !own.some((tab) => tab.title === title));
  const label = isOld ? "output of this cell, by an earlier kernel" : "output of this cell";
  return { key: "output", label, tabs: [...own, ...more] };
}

/** A value of the kernel's; next to a second one, when there is one. */
export function valueEntry(
  questions: Questions,
  kernel: Kernel.IKernelConnection,
  value: Value,
  second?: Value,
): Entry {
  const { key, kind } = value;
  const load = async (of: string, view: ViewName, and?: string) =>
    shownOf(await questions.view(kernel, of, view.name, and));
  const label = `${key} (${kind})`;
  if (!second) {
    const tabs = value.views.map((view) => ({ title: view.title, load: () => load(key, view) }));
    return { key, label, tabs };
  }
  const together = value.comparisons.map((view) => ({
    title: view.title,
    load: () => load(key, view, second.key),
  }));
  const shared = value.views.flatMap((view): Tab[] => {
    const other = second.views.find(({ name }) => name === view.name);
    if (!other) return [];
    const both = async () =>
      beside([key, await load(key, view)], [second.key, await load(second.key, other)]);
    return [{ title: view.title, load: both }];
  });
  return { key, label, tabs: [...together, ...shared] };
}

/** A search that runs, or ran last. */
export function searchEntry({ title, trials, total, done, data }: LiveSearch): Entry {
  const state = done ? `search, ${trials} candidates` : `search: ${trials} of ${total} candidates`;
  return { key: "search", label: state, tabs: [{ title, load: async () => ({ data, code: "" }) }] };
}

function shownOf({ data, code }: Drawn): Shown {
  const html = data["text/html"];
  const isPlot = Object.keys(data).some((mimeType) => mimeType.startsWith("application/vnd.vega"));
  const root = typeof html === "string" && !isPlot ? parsed(html) : undefined;
  if (!root) return { data, code };
  const views = viewsOf(root);
  if (views.steps.length > 0) return { steps: views, data, code };
  return { node: () => framed(views, copies([...root.childNodes], "view-")), data, code };
}

/** Two things next to each other where there is room, else one under the other. */
function beside(...sides: [string, Shown][]): Shown {
  const node = () => {
    const columns = sides.map(([title, shown]) => {
      const body = shown.steps ? framed(shown.steps, stepNodes(shown.steps)) : shown.node?.();
      const text = element("pre", {}, String(shown.data["text/plain"] ?? ""));
      return element("section", {}, element("h3", {}, title), body ?? text);
    });
    return element("div", { class: "wb-beside" }, ...columns);
  };
  const html = sides.map(([, { data }]) => String(data["text/html"] ?? "")).join("");
  const text = sides.map(([title, { data }]) => `${title}\n${String(data["text/plain"] ?? "")}`).join("\n\n");
  const codes = sides.map(([, { code }]) => code).filter((code) => code !== "");
  return { node, data: { "text/html": html, "text/plain": text }, code: codes.at(-1) ?? "" };
}

function stepNodes({ steps }: Views): Node[] {
  return steps.flatMap(({ summary }) => {
    const step = summary.nodeName === "SUMMARY" ? summary.parentElement! : summary;
    return copies([step], "beside-");
  });
}

function framed(views: Views, nodes: Node[]): HTMLElement {
  const frame = views.frame();
  frame.append(...nodes);
  return frame;
}

/** The display in a text of HTML, or all of it. A document of its own: nothing in it is loaded or run. */
function parsed(html: string): HTMLElement {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  return body.querySelector<HTMLElement>(".tw") ?? body;
}
