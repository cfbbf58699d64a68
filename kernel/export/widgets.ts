// Widgets without a kernel: each as it was when the notebook was stored, and not to be moved.
import type { Output } from "../notebook/format.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { escapeHtml } from "../session/engine/table.ts";

/** How parts of widgets that come from cells are shown. */
export interface WidgetParts {
  output(output: Output): string;
  html(text: string): string;
}

interface Drawing extends WidgetParts {
  state: JsonObject;
  child(reference: unknown): string;
}

const text = (value: unknown): string => escapeHtml(typeof value === "string" ? value : String(value ?? ""));
const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

function labelled({ state }: Drawing, field: string): string {
  const label = state.description ? `<span class="widget-label">${text(state.description)}</span>` : "";
  return `<label class="widget">${label}${field}</label>`;
}

const slider = (drawing: Drawing): string => {
  const { min, max, value } = drawing.state;
  const [from, to, at] = [number(min), number(max), number(value)];
  const part = to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 0;
  const title = `${text(drawing.state.description || "value")}: ${at} of ${from} to ${to}`;
  const rail = `<span class="widget-rail" role="img" aria-label="${title}"><span style="left:${(100 * part).toFixed(1)}%"></span></span>`;
  return labelled(drawing, `${rail}<output>${at}</output>`);
};

const progress = (drawing: Drawing): string => {
  const { min, max, value } = drawing.state;
  const [from, to, at] = [number(min), number(max), number(value)];
  const label = text(drawing.state.description || "progress");
  return labelled(
    drawing,
    `<progress aria-label="${label}" max="${Math.max(1e-9, to - from)}" value="${at - from}"></progress>`,
  );
};

const children = ({ state, child }: Drawing): string =>
  Array.isArray(state.children) ? state.children.map(child).join("") : "";

const drawings: { [model: string]: (drawing: Drawing) => string } = {
  IntSliderModel: slider,
  FloatSliderModel: slider,
  IntProgressModel: progress,
  FloatProgressModel: progress,
  TextModel: (d) => labelled(d, `<span class="widget-field">${text(d.state.value)}</span>`),
  CheckboxModel: (d) =>
    `<label class="widget"><input type="checkbox" disabled${d.state.value === true ? " checked" : ""}> ${text(d.state.description)}</label>`,
  DropdownModel: (d) => {
    const labels = Array.isArray(d.state._options_labels) ? d.state._options_labels : [];
    return labelled(d, `<span class="widget-field">${text(labels[number(d.state.index)])} ▾</span>`);
  },
  ButtonModel: (d) => `<span class="widget widget-button">${text(d.state.description)}</span>`,
  HTMLModel: (d) => labelled(d, `<span>${d.html(String(d.state.value ?? ""))}</span>`),
  HBoxModel: (d) => `<div class="widget-row">${children(d)}</div>`,
  VBoxModel: (d) => `<div class="widget-column">${children(d)}</div>`,
  OutputModel: (d) =>
    Array.isArray(d.state.outputs) ? (d.state.outputs as Output[]).map(d.output).join("") : "",
};

/** How deep boxes may stand in boxes. */
const deepest = 20;

/** A widget by the id of its model, as it was last; undefined when the notebook does not hold its state. */
export function widgetHtml(id: string, models: JsonObject, parts: WidgetParts): string | undefined {
  const shown = draw(id, models, parts, 0);
  return shown === undefined ? undefined : `<div class="widgets">${shown}</div>`;
}

function draw(id: string, models: JsonObject, parts: WidgetParts, depth: number): string | undefined {
  const model = Object.hasOwn(models, id) ? models[id] : undefined;
  if (!isObject(model) || !isObject(model.state) || depth > deepest) return undefined;
  const name = String(model.model_name);
  const drawing = Object.hasOwn(drawings, name) ? drawings[name] : undefined;
  const child = (reference: unknown): string => {
    const found = /^IPY_MODEL_(.+)$/.exec(String(reference));
    return (found && draw(found[1]!, models, parts, depth + 1)) ?? "";
  };
  return drawing?.({ ...parts, state: model.state, child });
}
