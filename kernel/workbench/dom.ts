import morphdom from "morphdom";

/** Attributes and listeners of an element: `onclick` and the like are listeners, true and false set and leave out. */
export type Attributes = { [name: string]: string | number | boolean | ((event: Event) => void) | undefined };

/** A new element with attributes and children. Text stays text: nothing is read as markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/** The drawings of buttons: 16 × 16, strokes in the colour of the text. */
const drawings = {
  menu: "M2 4h12M2 8h12M2 12h12",
  run: "M5 3l8 5-8 5z",
  runAll: "M2 3l6 5-6 5zM8 3l6 5-6 5z",
  stop: "M4 4h8v8H4z",
  restart: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3.2H9.8",
  verify: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3.2H9.8M6 8l1.6 1.6L10.6 6.4",
  save: "M3 2.5h8L13.5 5v8.5H3zM5.5 2.5v3.5h5v-3.5M5.5 13.5V9.5h5.5v4",
  add: "M8 3v10M3 8h10",
  download: "M8 2v8M4.5 6.5L8 10l3.5-3.5M3 13.5h10",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  panel: "M2.5 3h11v10h-11zM9.5 3v10",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.3h6",
  rename: "M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2z",
  delete: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  wide: "M2 8h12M5 5L2 8l3 3M11 5l3 3-3 3",
  previous: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  done: "M3 8.5l3.2 3L13 4.5",
} as const;

/** The name of a drawing. */
export type Drawing = keyof typeof drawings;

/** A drawing, which says nothing to a screen reader. */
export function icon(name: Drawing): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const path = document.createElementNS(namespace, "path");
  const attributes = {
    viewBox: "0 0 16 16",
    width: "16",
    height: "16",
    "aria-hidden": "true",
    class: "wb-icon",
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  path.setAttribute("d", drawings[name]);
  svg.append(path);
  return svg;
}

/** A button with a drawing; `label` is its name and, with the keys, its tooltip. `text` stands beside the drawing. */
export function button(
  drawing: Drawing,
  label: string,
  pressed: () => void,
  { keys = "", text = "" }: { keys?: string; text?: string } = {},
): HTMLButtonElement {
  const title = keys === "" ? label : `${label} (${keys})`;
  const made = element("button", {
    type: "button",
    class: "wb-button",
    "aria-label": label,
    title,
    onclick: pressed,
  });
  made.append(icon(drawing));
  if (text !== "") made.append(element("span", {}, text));
  return made;
}

/**
 * Draws the items of a list anew: those of the same `data-key` stay, with the focus and with a click that has begun on them.
 * Their listeners stay, too, so these may depend on nothing but the key.
 */
export function redraw(list: HTMLElement, items: readonly HTMLElement[]): void {
  const drawn = list.cloneNode(false) as HTMLElement;
  drawn.append(...items);
  morphdom(list, drawn, {
    childrenOnly: true,
    getNodeKey: (node) => (node as HTMLElement).dataset?.key,
  });
}
