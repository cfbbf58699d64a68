import type { JsonObject } from "../../protocol/messages.ts";
import { displaySymbol } from "../engine/bundle.ts";
import type { Task } from "../engine/host.ts";
import type { MimeBundle } from "../types.ts";
import { Checkbox, Dropdown, FloatSlider, IntSlider, Text, ValueControl, VBox } from "./controls.ts";
import { OutputArea } from "./output.ts";
import { session } from "./session.ts";

/** How an argument is chosen: a range, a choice, a first value, or a control made by hand. */
export type Argument =
  | readonly [min: number, max: number, step?: number, value?: number]
  | readonly string[]
  | { readonly [label: string]: unknown }
  | boolean
  | number
  | string
  | ValueControl<never>;

/** The values that the controls of arguments give. */
export type ArgumentValues<A> = {
  [name in keyof A]: A[name] extends ValueControl<infer V>
    ? V
    : A[name] extends readonly number[] | number
      ? number
      : A[name] extends boolean
        ? boolean
        : A[name] extends readonly (infer V)[]
          ? V
          : A[name] extends string
            ? string
            : A[name][keyof A[name]];
};

/**
 * Shows controls for the arguments of `fn` and, below, what it returns, prints and displays; runs it again whenever
 * one changes. While a run is under way only the latest values wait for their turn.
 */
export function interact<const A extends { [name: string]: unknown }>(
  fn: (values: ArgumentValues<A>) => unknown,
  args: A,
): Interaction {
  const controls = Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [name, control(name, argument as Argument)]),
  );
  const interaction = new Interaction(controls, fn as (values: JsonObject) => unknown);
  session().displays.present(interaction);
  return interaction;
}

/** What `interact` shows. */
export class Interaction {
  readonly controls: { readonly [name: string]: ValueControl<unknown> };
  readonly output = new OutputArea();
  readonly #fn: (values: JsonObject) => unknown;
  readonly #box: VBox;
  #running: Promise<void> | undefined;
  #task: Task | undefined;
  #again = false;

  constructor(controls: { [name: string]: ValueControl<unknown> }, fn: (values: JsonObject) => unknown) {
    this.controls = controls;
    this.#fn = fn;
    this.#box = new VBox([...Object.values(controls), this.output]);
    for (const one of Object.values(controls)) one.onChange(() => this.run());
  }

  /** The present values of the controls. */
  get values(): JsonObject {
    return Object.fromEntries(Object.entries(this.controls).map(([name, { value }]) => [name, value]));
  }

  /** Runs the function with the present values; resolves when the latest values have been shown. */
  run(): Promise<void> {
    this.#again = true;
    // A run that was interrupted never comes to its end.
    if (this.#task?.stopped) this.#running = undefined;
    this.#task = session().task();
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The controls, and for readers without a kernel the first result. */
  async [displaySymbol](): Promise<MimeBundle> {
    await this.run();
    const bundle = await this.#box[displaySymbol]();
    const first = this.output.outputs.map((output) => output.data as MimeBundle | undefined).find(Boolean);
    const values = Object.entries(this.values).map(([name, value]) => `${name} = ${String(value)}`);
    const result = first?.["text/plain"];
    const text = [values.join(", "), ...(typeof result === "string" ? [result] : [])].join("\n");
    const { "text/html": html, "image/svg+xml": svg } = first ?? {};
    return {
      ...bundle,
      "text/plain": text,
      ...(html === undefined ? {} : { "text/html": html }),
      ...(svg === undefined ? {} : { "image/svg+xml": svg }),
    };
  }

  async #runAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.output.fill(() => this.#fn(this.values));
    }
  }
}

function control(name: string, argument: Argument): ValueControl<unknown> {
  const description = name;
  if (argument instanceof ValueControl) return argument as ValueControl<unknown>;
  if (typeof argument === "boolean")
    return new Checkbox({ description, value: argument }) as ValueControl<unknown>;
  if (typeof argument === "string")
    return new Text({ description, value: argument }) as ValueControl<unknown>;
  if (typeof argument === "number") {
    const reach = argument === 0 ? 1 : Math.abs(argument);
    return slider(description, [argument - 2 * reach, argument + 2 * reach, undefined, argument]);
  }
  if (isRange(argument)) return slider(description, argument);
  return new Dropdown<unknown>({ description, options: argument as { [label: string]: unknown } });
}

function isRange(argument: unknown): argument is [number, number, number?, number?] {
  if (!Array.isArray(argument) || argument.length < 2 || argument.length > 4) return false;
  return argument.every((part) => typeof part === "number") && argument[0] <= argument[1];
}

function slider(
  description: string,
  [min, max, step, given]: readonly [number, number, number?, number?],
): ValueControl<unknown> {
  const whole = [min, max, step ?? 1].every(Number.isInteger);
  const by = step ?? (whole ? 1 : (max - min) / 100);
  const middle = min + Math.floor((max - min) / 2 / by) * by;
  const options = { description, min, max, step: by, value: given ?? middle };
  return (whole ? new IntSlider(options) : new FloatSlider(options)) as ValueControl<unknown>;
}
