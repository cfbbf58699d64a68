/** The trace: what was asked of a schedule, as plain data that prints as TypeScript and can be run again. */
import type { Attr } from "../ir/index.ts";
import type { RV } from "./types.ts";

/** A handle's name in the trace, a number or null (a factor), or several of these. */
export type Input = string | number | null | readonly Input[];

/** One call. Outputs that had a name before are null: `const [, j_0] = …`. */
export interface Instruction {
  readonly primitive: string;
  /** Handles and values, in the order of the call. */
  readonly inputs: readonly Input[];
  /** Plain arguments after the inputs, in the order of the call. */
  readonly attrs: { readonly [name: string]: Attr };
  readonly outputs: readonly (string | null)[];
  /** Whether the call returns one handle, a list, or nothing. */
  readonly gives: "one" | "list" | "nothing";
}

/** What can run instructions: a `Schedule`. */
export interface TraceTarget {
  call(name: string, inputs: readonly Value[], attrs: Instruction["attrs"]): readonly RV[];
}

/** An input whose names are replaced by handles. */
export type Value = RV | number | null | readonly Value[];

/** An immutable list of instructions. `JSON.stringify` gives its data, `Trace.from` takes them back. */
export class Trace {
  readonly instructions: readonly Instruction[];

  constructor(instructions: readonly Instruction[] = []) {
    this.instructions = instructions;
  }

  static from(json: { readonly instructions: readonly Instruction[] }): Trace {
    return new Trace(json.instructions);
  }

  /** TypeScript that rebuilds the schedule `name` from the module it started with. */
  script(name = "sch"): string {
    return this.instructions.map((i) => callText(i, name)).join("\n");
  }

  toJSON(): { readonly instructions: readonly Instruction[] } {
    return { instructions: this.instructions };
  }
}

/** The call as a reader would write it. */
export function callText(i: Instruction, schedule = "sch"): string {
  const args = [...i.inputs.map(inputText), ...Object.values(i.attrs).map(attrText)];
  const call = `${schedule}.${i.primitive}(${args.join(", ")});`;
  if (i.gives === "nothing" || i.outputs.every((o) => o === null)) return call;
  if (i.gives === "one") return `const ${i.outputs[0]} = ${call}`;
  const last = i.outputs.findLastIndex((o) => o !== null);
  const names = i.outputs.slice(0, last + 1).map((o) => o ?? "");
  return `const [${names.join(", ")}] = ${call}`;
}

function inputText(x: Input): string {
  return typeof x === "object" && x !== null ? `[${x.map(inputText).join(", ")}]` : String(x);
}

function attrText(x: Attr): string {
  if (typeof x !== "object" || x === null) return JSON.stringify(x);
  if (Array.isArray(x)) return `[${x.map(attrText).join(", ")}]`;
  const entries = Object.entries(x).map(([k, v]) => {
    return `${/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k)}: ${attrText(v)}`;
  });
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** Runs the instructions of a trace on a schedule of a module of the same shape. Returns the schedule. */
export function applyTrace<S extends TraceTarget>(trace: Trace, sch: S): S {
  const handles = new Map<string, RV>();
  const value = (x: Input): Value => {
    if (typeof x === "string") {
      const rv = handles.get(x);
      if (!rv) throw new Error(`the trace uses ${x} before it is defined`);
      return rv;
    }
    return typeof x === "object" && x !== null ? x.map(value) : x;
  };
  for (const i of trace.instructions) {
    const out = sch.call(i.primitive, i.inputs.map(value), i.attrs);
    if (out.length !== i.outputs.length) {
      throw new Error(
        `${callText(i)} gives ${out.length} handle(s) here and gave ${i.outputs.length} when it was recorded: the module has another shape`,
      );
    }
    i.outputs.forEach((name, k) => {
      if (name !== null) handles.set(name, out[k]);
    });
  }
  return sch;
}
