/** The memory plan of a program as data: which value lies where, from when to when, and in whose place. */
import type { Slot, VmFunction, VmInstr } from "../../graph/vm-code.ts";
import { bufferParams, getPrimFunc, type IRModule, unreachable } from "../../ir/index.ts";
import { writtenBy } from "../written.ts";

export interface PlannedTensor {
  readonly name: string;
  /** In bytes, from the start of the arena. */
  readonly offset: number;
  readonly bytes: number;
  /** The steps that write it first and use it last: indices of `MemoryPlan.steps`. */
  readonly first: number;
  readonly last: number;
  /** Indices of the tensors, no longer needed then, whose bytes it takes over. */
  readonly reuses: readonly number[];
}

export interface MemoryPlan {
  readonly name: string;
  /** What runs, in order: the values that the steps compute. */
  readonly steps: readonly string[];
  readonly tensors: readonly PlannedTensor[];
  readonly arenaBytes: number;
  readonly constantBytes: number;
  /** Bytes of the largest set of values that live at the same time: no plan can do with less. */
  readonly lowerBound: number;
}

interface Life {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/** The plan of a function. `mod`: the module whose tensor programs it calls. */
export function memoryPlanOf(f: VmFunction, mod: IRModule, constantBytes: number): MemoryPlan {
  const steps: string[] = [];
  const lives: Life[] = [];
  const use = (slot: Slot, step: number, written: boolean): void => {
    const { source, bytes } = f.slots[slot];
    if (source.kind !== "arena" || bytes === 0) return;
    const { offset } = source;
    const there = lives.findLast((l) => l.offset < offset + bytes && offset < l.offset + l.bytes);
    // A view, or a second part of the same value, is no new life.
    if (there && (!written || there.first === step)) there.last = step;
    else lives.push({ name: steps[step], offset, bytes, first: step, last: step });
  };
  const visit = (code: readonly VmInstr[], within?: number): void => {
    for (const i of code) {
      if (!("node" in i)) {
        if (i.op === "view" || i.op === "move") use(i.src, Math.max(0, within ?? steps.length - 1), false);
        if (i.op === "specialize") for (const s of i.args) use(s, Math.max(0, steps.length - 1), false);
        continue;
      }
      const step = within ?? steps.push(i.node) - 1;
      for (const [slot, written] of operandsOf(i, mod)) use(slot, step, written);
      if (i.op === "if") for (const branch of [i.then, i.else]) visit(branch, step);
    }
  };
  visit(f.code);
  for (const s of f.results) use(s, Math.max(0, steps.length - 1), false);
  const tensors = lives.map((t, k) => ({ ...t, reuses: takenOver(lives, k) }));
  const live = steps.map((_, step) =>
    lives.filter((t) => t.first <= step && step <= t.last).reduce((n, t) => n + t.bytes, 0),
  );
  return {
    name: f.name,
    steps,
    tensors,
    arenaBytes: f.arenaBytes,
    constantBytes,
    lowerBound: Math.max(0, ...live),
  };
}

/** Slots of an instruction, what it reads before what it writes. */
function operandsOf(i: Extract<VmInstr, { node: string }>, mod: IRModule): [Slot, boolean][] {
  const reads = (slots: readonly Slot[]): [Slot, boolean][] => slots.map((s) => [s, false]);
  const writes = (slots: readonly Slot[]): [Slot, boolean][] => slots.map((s) => [s, true]);
  switch (i.op) {
    case "callTir": {
      const f = getPrimFunc(mod, i.func);
      const written = writtenBy(f);
      const buffers = bufferParams(f);
      const isOut = (k: number): boolean => written.has(buffers[k].id);
      return [...reads(i.args.filter((_, k) => !isOut(k))), ...writes(i.args.filter((_, k) => isOut(k)))];
    }
    case "callPacked":
      return [...reads(i.args), ...writes(i.outputs)];
    case "callFunc":
      return [...reads(i.args), ...writes(i.dst)];
    case "size":
      return "slot" in i.from ? reads([i.from.slot]) : [];
    case "sameSize":
      return [];
    case "if":
      return reads([i.cond]);
    case "loop": {
      const given = [i.trip, i.cond].filter((s) => s !== undefined);
      return [...reads([...given, ...i.carried, ...i.captured]), ...writes(i.dst)];
    }
    default:
      return unreachable(i);
  }
}

function takenOver(lives: readonly Life[], k: number): number[] {
  const t = lives[k];
  const out: number[] = [];
  // Latest first: what an even earlier tensor had there was taken over by those.
  const free: [number, number][] = [[t.offset, t.offset + t.bytes]];
  for (let j = k - 1; j >= 0 && free.length > 0; j--) {
    const u = lives[j];
    const [from, to] = [u.offset, u.offset + u.bytes];
    const hit = free.filter(([a, b]) => a < to && from < b);
    if (hit.length === 0) continue;
    out.push(j);
    const rest = free.flatMap(([a, b]): [number, number][] =>
      a < to && from < b
        ? (
            [
              [a, Math.min(b, from)],
              [Math.max(a, to), b],
            ] as [number, number][]
          ).filter(([x, y]) => x < y)
        : [[a, b]],
    );
    free.splice(0, free.length, ...rest);
  }
  return out;
}
