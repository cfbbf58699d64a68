// What can be chosen for a model: sizes, passes, target, threads, search.
import type { TryOptions } from "../../server/try-it/options.ts";
import { element } from "../dom.ts";
import type { Terms } from "./client.ts";

/** What the file leaves open: sizes by name with the inputs that have them, and inputs whose elements are wanted. */
export interface Open {
  sizes: Readonly<Record<string, readonly string[]>>;
  values: readonly string[];
}

/** Left out unless the reader wants it: its weights are larger, and bundles are to be small. */
const offAtFirst = new Set(["winogradConv2d"]);
/** What sizes are at first, by what their names say of them; a batch is 1, like all that say nothing. */
const firstSizes: readonly (readonly [RegExp, number])[] = [
  [/past|cache/i, 1],
  [/seq|token|length|len$/i, 16],
  [/height|width|^[hw]$/i, 224],
];
const firstSize = (name: string): number => firstSizes.find(([says]) => says.test(name))?.[1] ?? 1;

/** The form. */
export class OptionsForm {
  readonly node: HTMLFormElement;
  readonly #open = element("div", { class: "wb-try-fields" });
  readonly #sizes = new Map<string, HTMLInputElement>();
  readonly #values = new Map<string, HTMLInputElement>();
  readonly #passes: readonly (readonly [string, HTMLInputElement])[];
  readonly #passCount = element("span", { class: "wb-dim" });
  readonly #target: HTMLSelectElement;
  readonly #threads: HTMLInputElement;
  readonly #trials: HTMLInputElement;
  readonly #relaxedSimd: HTMLInputElement;
  readonly #f16: HTMLInputElement;

  /** `submit` is called when the reader asks for the work, `changed` at every choice. */
  constructor({ machine, seconds }: Terms, submit: () => void, changed: () => void, ...buttons: Node[]) {
    this.#target = element(
      "select",
      {},
      element("option", { value: "wasm" }, "WebAssembly"),
      element("option", { value: "webgpu", disabled: machine.gpu === null }, "WebGPU"),
    );
    this.#threads = number(1, 1, machine.threads);
    this.#trials = number(0, 0, 100_000);
    this.#relaxedSimd = element("input", { type: "checkbox", disabled: !machine.relaxedSimd });
    this.#f16 = element("input", { type: "checkbox" });
    this.#passes = machine.passes.map(({ name }) => [
      name,
      element("input", { type: "checkbox", checked: !offAtFirst.has(name) }),
    ]);
    const passes = machine.passes.map(({ name, brings }, i) =>
      element(
        "li",
        {},
        element("label", {}, this.#passes[i]![1], element("code", {}, name), element("span", {}, brings)),
      ),
    );
    const gpu = `WebGPU here: ${machine.gpu ?? "no adapter was found"}`;
    this.node = element(
      "form",
      {
        class: "wb-try-form",
        "aria-label": "Options",
        onsubmit: (event) => {
          event.preventDefault();
          submit();
        },
        oninput: () => {
          this.#countPasses();
          changed();
        },
      },
      this.#open,
      element(
        "div",
        { class: "wb-try-fields" },
        field("Target", this.#target, gpu),
        field("Threads", this.#threads, `1 to ${machine.threads}; bundles run in one`),
        field("Search", this.#trials, `candidates to try, 0 for none; all within ${seconds} s`),
      ),
      element(
        "div",
        { class: "wb-try-checks" },
        check(
          this.#relaxedSimd,
          "Relaxed SIMD",
          machine.relaxedSimd ? "faster; not in every browser" : "not in this engine",
        ),
        check(this.#f16, "Weights as f16 in the bundle", "half the bytes"),
      ),
      element(
        "details",
        { class: "wb-try-passes" },
        element("summary", {}, "Passes ", this.#passCount),
        element("ul", {}, ...passes),
      ),
      element("div", { class: "wb-try-buttons" }, ...buttons),
    );
    this.#countPasses();
  }

  /** Shows fields for what the file leaves open. What was filled in stays. */
  ask({ sizes, values }: Open): void {
    const fields: Node[] = [];
    keep(this.#sizes, Object.keys(sizes), (name) => number(firstSize(name), 0, 2 ** 31 - 1));
    for (const [name, input] of this.#sizes)
      fields.push(field(`Size ${name}`, input, `of ${sizes[name]!.join(", ")}`));
    keep(this.#values, values, () =>
      element("input", { type: "text", placeholder: "1, 3, 8", required: true, inputmode: "decimal" }),
    );
    for (const [name, input] of this.#values)
      fields.push(field(`Elements of ${name}`, input, "sizes depend on them; the bundle has them fixed"));
    this.#open.replaceChildren(...fields);
    this.#open.hidden = fields.length === 0;
  }

  /** Puts the cursor where something is wanted first. */
  focusOpen(): void {
    const inputs = [...this.#values.values(), ...this.#sizes.values()];
    (inputs.find(({ value }) => value === "") ?? inputs[0])?.focus();
  }

  /** What is chosen; undefined, with the browser's word at the field, where that cannot be meant. */
  options(): TryOptions | undefined {
    for (const input of this.#values.values()) {
      const wrong = input.value.trim() !== "" && elementsOf(input.value).some((n) => !Number.isFinite(n));
      input.setCustomValidity(wrong ? "Numbers with commas between them" : "");
    }
    if (!this.node.reportValidity()) return undefined;
    const read = <T>(inputs: Map<string, HTMLInputElement>, value: (text: string) => T) =>
      Object.fromEntries([...inputs].map(([name, input]) => [name, value(input.value)]));
    return {
      sizes: read(this.#sizes, Number),
      values: read(this.#values, elementsOf),
      skip: this.#passes.filter(([, box]) => !box.checked).map(([name]) => name),
      target: this.#target.value === "webgpu" ? "webgpu" : "wasm",
      threads: Number(this.#threads.value),
      trials: Number(this.#trials.value),
      relaxedSimd: this.#relaxedSimd.checked,
      f16: this.#f16.checked,
    };
  }

  #countPasses(): void {
    const on = this.#passes.filter(([, box]) => box.checked).length;
    this.#passCount.textContent = `${on} of ${this.#passes.length} that can be left out are on`;
  }
}

/** Gives a map exactly these keys, in this order, with the values it had or new ones. */
function keep<T>(map: Map<string, T>, names: readonly string[], make: (name: string) => T): void {
  const made = names.map((name) => [name, map.get(name) ?? make(name)] as const);
  map.clear();
  for (const [name, value] of made) map.set(name, value);
}

const elementsOf = (text: string): number[] =>
  text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map(Number);

function number(value: number, min: number, max: number): HTMLInputElement {
  return element("input", { type: "number", value, min, max, step: 1, required: true });
}

function field(label: string, control: HTMLElement, hint: string): HTMLElement {
  return element(
    "label",
    { class: "wb-try-field" },
    element("span", {}, label),
    control,
    element("small", {}, hint),
  );
}

function check(box: HTMLInputElement, label: string, hint: string): HTMLElement {
  return element("label", {}, box, element("span", {}, label), element("small", {}, hint));
}
