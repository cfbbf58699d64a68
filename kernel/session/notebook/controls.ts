import type { JsonObject } from "../../protocol/messages.ts";
import { session } from "./session.ts";
import { type ModelName, Widget } from "./widget.ts";

/** What every control may be given. */
export interface ControlOptions {
  /** The label before it. */
  description?: string;
  disabled?: boolean;
  /** CSS of its box, by the front end's names: `{ width: "300px" }`. */
  layout?: { [property: string]: string };
}

/** A widget one sees: it has a layout and, for most, a style, which are models of their own. */
export class Control extends Widget {
  constructor(model: ModelName, state: JsonObject, options: ControlOptions = {}, style?: string) {
    const { layout = {}, description = "", disabled = false } = options;
    super(model, {
      layout: new Widget({ name: "LayoutModel", module: "@jupyter-widgets/base" }, layout),
      ...(style === undefined ? {} : { style: styleModel(style), description, disabled }),
      ...state,
    });
  }
}

function styleModel(name: string): Widget {
  const base = { name, view: "StyleView" };
  return new StyleModel(base, { _view_module: "@jupyter-widgets/base" });
}

/** Styles of controls are drawn by a view of the base module. */
class StyleModel extends Widget {}

/** A control with a value that the reader changes. */
export class ValueControl<V> extends Control {
  get value(): V {
    return this.decode(this.get(this.trait()));
  }

  set value(value: V) {
    this.set({ [this.trait()]: this.encode(value) });
  }

  /** Calls `listener` with every new value, wherever it was set; gives a function that ends this. */
  onChange(listener: (value: V) => unknown): () => void {
    return this.observe(this.trait(), (raw) => listener(this.decode(raw)));
  }

  /** The trait that holds the value. */
  protected trait(): string {
    return "value";
  }

  protected decode(raw: unknown): V {
    return raw as V;
  }

  protected encode(value: V): unknown {
    return value;
  }
}

/** Options of controls for numbers. */
export interface NumberOptions extends ControlOptions {
  min?: number;
  max?: number;
  step?: number;
  value?: number;
  /** Sends values while the handle moves, not only when it is let go. */
  continuousUpdate?: boolean;
}

function numeric(options: NumberOptions, step: number): JsonObject {
  const { min = 0, max = 100, value = min } = options;
  if (!(min <= value && value <= max))
    throw new RangeError(`the value ${value} is not within ${min} … ${max}`);
  const { continuousUpdate = true } = options;
  return { min, max, step: options.step ?? step, value, continuous_update: continuousUpdate };
}

/** A slider over whole numbers. */
export class IntSlider extends ValueControl<number> {
  constructor(options: NumberOptions = {}) {
    super({ name: "IntSliderModel" }, numeric(options, 1), options, "SliderStyleModel");
  }
}

/** A slider over numbers. */
export class FloatSlider extends ValueControl<number> {
  constructor(options: NumberOptions = {}) {
    super({ name: "FloatSliderModel" }, numeric(options, 0.1), options, "SliderStyleModel");
  }
}

/** A bar that shows how far something is; "" | "success" | "info" | "warning" | "danger". */
export interface BarOptions extends Omit<NumberOptions, "step" | "continuousUpdate"> {
  barStyle?: string;
}

function bar({ min = 0, max = 100, value = min, barStyle = "" }: BarOptions): JsonObject {
  return { min, max, value, bar_style: barStyle };
}

/** A progress bar over whole numbers. */
export class IntProgress extends ValueControl<number> {
  constructor(options: BarOptions = {}) {
    super({ name: "IntProgressModel", view: "ProgressView" }, bar(options), options, "ProgressStyleModel");
  }
}

/** A progress bar over numbers. */
export class FloatProgress extends ValueControl<number> {
  constructor(options: BarOptions = {}) {
    super({ name: "FloatProgressModel", view: "ProgressView" }, bar(options), options, "ProgressStyleModel");
  }
}

/** A line of text. */
export class Text extends ValueControl<string> {
  constructor(options: ControlOptions & { value?: string; placeholder?: string } = {}) {
    const { value = "", placeholder = "" } = options;
    super({ name: "TextModel" }, { value, placeholder }, options, "TextStyleModel");
  }
}

/** A box to tick. */
export class Checkbox extends ValueControl<boolean> {
  constructor(options: ControlOptions & { value?: boolean } = {}) {
    const { value = false } = options;
    super({ name: "CheckboxModel" }, { value, indent: true }, options, "CheckboxStyleModel");
  }
}

/** A choice among values, which are shown by their own text or by the given labels. */
export class Dropdown<V> extends ValueControl<V> {
  readonly #values: readonly V[];

  constructor(options: ControlOptions & { options: readonly V[] | { [label: string]: V }; value?: V }) {
    const given = options.options;
    const values = Array.isArray(given)
      ? (given as readonly V[])
      : Object.values(given as { [k: string]: V });
    const labels = Array.isArray(given) ? values.map(String) : Object.keys(given);
    const index = options.value === undefined ? 0 : values.indexOf(options.value);
    if (index < 0 || values.length === 0)
      throw new RangeError(`${String(options.value)} is none of ${labels.join(", ")}`);
    const state = { _options_labels: labels, index };
    super({ name: "DropdownModel" }, state, options, "DescriptionStyleModel");
    this.#values = values;
  }

  protected override trait(): string {
    return "index";
  }

  protected override decode(raw: unknown): V {
    return this.#values[raw as number] as V;
  }

  protected override encode(value: V): unknown {
    const index = this.#values.indexOf(value);
    if (index < 0) throw new RangeError(`${String(value)} is none of the options`);
    return index;
  }
}

/** A button. */
export class Button extends Control {
  readonly #clicks = new Set<() => unknown>();

  constructor(options: ControlOptions & { icon?: string; buttonStyle?: string; tooltip?: string } = {}) {
    const { icon = "", buttonStyle = "", tooltip = null } = options;
    super({ name: "ButtonModel" }, { icon, button_style: buttonStyle, tooltip }, options, "ButtonStyleModel");
  }

  /** Calls `listener` at every click; gives a function that ends this. */
  onClick(listener: () => unknown): () => void {
    this.#clicks.add(listener);
    return () => this.#clicks.delete(listener);
  }

  protected override async heard(content: JsonObject): Promise<void> {
    if (content.event !== "click") return;
    const { task, within } = session();
    const work = task();
    for (const listener of this.#clicks) await within(work, listener);
  }
}

/** A piece of HTML that can be changed. */
export class HtmlView extends ValueControl<string> {
  constructor(value = "", options: ControlOptions = {}) {
    super({ name: "HTMLModel" }, { value, placeholder: "" }, options, "HTMLStyleModel");
  }
}

/** Widgets side by side. */
export class HBox extends Control {
  constructor(children: readonly Widget[], options: ControlOptions = {}) {
    super({ name: "HBoxModel" }, { children, box_style: "" }, options);
  }
}

/** Widgets one under another. */
export class VBox extends Control {
  constructor(children: readonly Widget[], options: ControlOptions = {}) {
    super({ name: "VBoxModel" }, { children, box_style: "" }, options);
  }
}
