/** The trace: what was asked of a schedule, as plain data that prints as TypeScript and can be run again. */
import type { Attr } from "../ir/index.ts";
import type { AnyRV } from "./types.ts";

/** A handle's name in the trace, a number or null (a factor), or several of these. */
export type Input = string | number | null | readonly Input[];

/** One call. Outputs that had a name before are null: `const [, j_0] = …`. */
export interface Instruction {
  readonly primitive: string;
  /** Handles and values, in the order of the call. */
  readonly inputs: readonly Input[];
  /** Plain arguments after the inputs, in the order of the call. A drawn number or a handle in them is `{ $rv: name }`. */
  readonly attrs: { readonly [name: string]: Attr };
  readonly outputs: readonly (string | null)[];
  /** Whether the call returns one handle, a list, or nothing. */
  readonly gives: "one" | "list" | "nothing";
  /** Of sampling primitives: what was drawn or given. It is the last argument of the call. */
  readonly decision?: Attr;
}

/** What can run instructions: a `Schedule`. */
export interface TraceTarget {
  call(name: string, inputs: readonly Value[], attrs: CallAttrs, decision?: Attr): readonly AnyRV[];
}

/** An input whose names are replaced by handles. */
export type Value = AnyRV | number | null | readonly Value[];
/** Plain arguments of a call; drawn numbers and handles may stand anywhere in them. */
export type CallAttrs = { readonly [name: string]: CallAttr };
export type CallAttr = Attr | AnyRV | readonly CallAttr[] | { readonly [key: string]: CallAttr };

/** A decision and the instruction (by its index) that made it. */
export interface Decision {
  readonly index: number;
  readonly primitive: string;
  readonly decision: Attr;
}

/** An immutable list of instructions. `JSON.stringify` gives its data, `Trace.from` takes them back. */
export class Trace {
  readonly instructions: readonly Instruction[];

  constructor(instructions: readonly Instruction[] = []) {
    this.instructions = instructions;
  }

  static from(json: { readonly instructions: readonly Instruction[] }): Trace {
    return new Trace(json.instructions);
  }

  /** The decisions, in the order they were made. */
  get decisions(): readonly Decision[] {
    return this.instructions.flatMap(({ primitive, decision }, index) =>
      decision === undefined ? [] : [{ index, primitive, decision }],
    );
  }

  /**
   * The trace with another decision at instruction `index`. Later decisions stay; where they no longer fit, they are
   * fitted when the trace is applied. Throws when that instruction decides nothing.
   */
  withDecision(index: number, decision: Attr): Trace {
    const old = this.instructions[index] as Instruction | undefined;
    if (old?.decision === undefined) {
      const has = this.decisions.map((d) => `${d.index} (${d.primitive})`).join(", ") || "none";
      const what = old ? `${old.primitive} decides nothing` : "there is no such instruction";
      throw new RangeError(`instruction ${index}: ${what}; decisions: ${has}`);
    }
    return new Trace(this.instructions.map((i, k) => (k === index ? { ...i, decision } : i)));
  }

  /** The trace without its decisions: applied, they are drawn anew. */
  withoutDecisions(): Trace {
    return new Trace(this.instructions.map(({ decision: _, ...i }) => i));
  }

  /** Without the instructions that only look or draw and whose results nothing uses. */
  simplified(): Trace {
    const used = new Set<string>();
    const kept: Instruction[] = [];
    for (const i of [...this.instructions].reverse()) {
      const workOn = i.primitive === "workOn" && kept.some((k) => k.primitive === "getBlock");
      const dead = isPure(i) && !workOn && !i.outputs.some((o) => o !== null && used.has(o));
      if (dead) continue;
      kept.unshift(i);
      for (const n of [...namesIn(i.inputs), ...rvsIn(i.attrs)]) used.add(n);
    }
    return kept.length === this.instructions.length ? this : new Trace(kept);
  }

  /** TypeScript that rebuilds the schedule `name` from the module it started with. */
  script(name = "sch"): string {
    return this.instructions.map((i) => callText(i, name)).join("\n");
  }

  toJSON(): { readonly instructions: readonly Instruction[] } {
    return { instructions: this.instructions };
  }
}

/** Changes no program: queries, sampling and `workOn`. */
const isPure = (i: Instruction): boolean => /^(get[A-Z]|sample[A-Z]|workOn$)/.test(i.primitive);

const namesIn = (xs: readonly Input[]): string[] =>
  xs.flatMap((x) => (typeof x === "string" ? [x] : typeof x === "object" && x !== null ? namesIn(x) : []));

const rvName = (x: Attr): string | undefined =>
  typeof x === "object" && x !== null && "$rv" in x ? String(x.$rv) : undefined;

function rvsIn(x: Attr): string[] {
  if (typeof x !== "object" || x === null) return [];
  const name = rvName(x);
  return name === undefined ? Object.values(x).flatMap(rvsIn) : [name];
}

/** The call as a reader would write it. */
export function callText(i: Instruction, schedule = "sch"): string {
  const args = [...i.inputs.map(inputText), ...Object.values(i.attrs).map(attrText)];
  if (i.decision !== undefined) args.push(attrText(i.decision));
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
  const name = rvName(x);
  if (name !== undefined) return name;
  if (Array.isArray(x)) return `[${x.map(attrText).join(", ")}]`;
  const entries = Object.entries(x).map(([k, v]) => {
    return `${/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k)}: ${attrText(v)}`;
  });
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/**
 * Runs the instructions of a trace on a schedule of a module of the same shape, with the decisions of the trace.
 * Returns the schedule.
 */
export function applyTrace<S extends TraceTarget>(trace: Trace, sch: S): S {
  const handles = new Map<string, AnyRV>();
  const named = (x: string): AnyRV => {
    const rv = handles.get(x);
    if (!rv) throw new Error(`the trace uses ${x} before it is defined`);
    return rv;
  };
  const value = (x: Input): Value => {
    if (typeof x === "string") return named(x);
    return typeof x === "object" && x !== null ? x.map(value) : x;
  };
  const attr = (x: Attr): CallAttr => {
    if (typeof x !== "object" || x === null) return x;
    const name = rvName(x);
    if (name !== undefined) return named(name);
    if (Array.isArray(x)) return x.map(attr);
    return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, attr(v)]));
  };
  for (const i of trace.instructions) {
    const attrs = attr(i.attrs) as CallAttrs;
    const out = sch.call(i.primitive, i.inputs.map(value), attrs, i.decision);
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
