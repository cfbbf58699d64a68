// What the output of a cell has to show, taken apart: the steps of a schedule or a pipeline, and the views beside them.
// Displays of the compiler are HTML that works without scripts; here it is only shown piece by piece.

/** One step: what was called, what it did, and what it changed. */
export interface StepView {
  title: string;
  summary: Element;
  body: readonly Node[];
  /** Whether it changed anything. */
  isChange: boolean;
  /** All of its text, in lower case, for the search. */
  text: string;
}

/** A view that is not made of steps: a program, a loop tree, an estimate, or a whole output. */
export interface PlainView {
  title: string;
  body: readonly Node[];
}

/** All that one display has, or what of it is shown. */
export interface Views {
  steps: readonly StepView[];
  others: readonly PlainView[];
  /** The frame around a display, without what is in it. */
  frame(): HTMLElement;
  /** The whole display. */
  html(): string;
}

/** The views of the last display of an output that has any; undefined for an output with nothing to look at. */
export function viewsIn(output: Element): Views | undefined {
  const frames = [...output.querySelectorAll<HTMLElement>(".jp-RenderedHTMLCommon .tw")].filter(
    (frame) => !frame.parentElement?.closest(".tw"),
  );
  const made = frames.map(viewsOf);
  return made.findLast(({ steps }) => steps.length > 0) ?? made.at(-1);
}

/** The views of one display. */
export function viewsOf(root: HTMLElement): Views {
  const outermost = (selector: string) =>
    [...root.querySelectorAll<HTMLElement>(selector)].filter((one) => !one.parentElement?.closest(selector));
  const steps = outermost(".tw-step").map((step) => {
    const summary = step.querySelector("summary") ?? step;
    const title = texts(summary.querySelector("code") ?? summary);
    const isChange = step.nodeName === "DETAILS";
    // Where nothing changed there is nothing to open: the line is all there is.
    const body = isChange ? contents(step) : [];
    return { title, summary, body, isChange, text: (step.textContent ?? "").toLowerCase() };
  });
  const others = outermost(".tw-more")
    .filter((more) => !more.closest(".tw-step"))
    .map((more) => ({ title: viewTitle(more), body: contents(more) }));
  // The steps take the place of the display that lists them.
  const whole =
    steps.length > 0 || others.length > 0 ? [] : [{ title: "Output", body: [...root.childNodes] }];
  const styles = [...root.querySelectorAll("style")];
  return {
    steps,
    others: [...others, ...whole],
    frame: () => {
      const frame = root.cloneNode(false) as HTMLElement;
      frame.removeAttribute("id");
      frame.append(...styles.map((style) => style.cloneNode(true)));
      return frame;
    },
    html: () => root.outerHTML,
  };
}

/** What a fold holds, without the line that opens it. */
function contents(fold: Element): Node[] {
  return [...fold.childNodes].filter((node) => node.nodeName !== "SUMMARY");
}

function viewTitle(fold: Element): string {
  const text = texts(fold.querySelector("summary") ?? fold);
  return text.split(":", 1)[0]!.slice(0, 40);
}

function texts(node: Element): string {
  return (node.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** Copies of nodes with links between their parts kept, and names that do not clash with the originals'. */
export function copies(nodes: readonly Node[], prefix: string): Node[] {
  return nodes
    .filter((node) => node.nodeName !== "STYLE")
    .map((node) => {
      const copy = node.cloneNode(true);
      if (!(copy instanceof Element)) return copy;
      for (const one of [copy, ...copy.querySelectorAll("*")]) {
        for (const name of ["id", "for", "name", "aria-labelledby", "aria-describedby"]) {
          const value = one.getAttribute(name);
          if (value) one.setAttribute(name, prefix + value);
        }
        const link = one.getAttribute("href");
        if (link?.startsWith("#")) one.setAttribute("href", `#${prefix}${link.slice(1)}`);
      }
      return copy;
    });
}
