/**
 * Linking what depends on data: the CPU looks at conditions and counts, the bodies are steps like all others. What branches
 * and iterations hand on lies in a place of its own, on one side, whichever way it came.
 */
import type { Slot, VmInstr } from "../../../graph/vm-code.ts";
import type { GpuStep, Side } from "./gpu-steps.ts";
import { type GpuValue, type GpuValues, touch } from "./values.ts";

/** Where a value is. */
export interface Valid {
  gpu: boolean;
  cpu: boolean;
}

/** The linker, as far as it is needed here. */
interface Linker {
  readonly valid: Map<GpuValue, Valid>;
  readonly all: readonly GpuValue[];
  readonly values: GpuValues;
  /** The number of the next step. */
  readonly at: number;
  code(code: readonly VmInstr[]): void;
  push(step: GpuStep): void;
  /** The steps that come of what is linked. */
  nested(work: () => void): readonly GpuStep[];
  /** Links a function on values that the caller has, and gives its results. */
  inside(name: string, args: readonly GpuValue[]): GpuValue[];
  /** A value for a slot with a place of its own. */
  own(slot: Slot): GpuValue;
  /** Sees to it that a value is there. */
  bring(v: GpuValue, to: Side): void;
  copy(from: GpuValue, to: GpuValue, on: Side): void;
  /** Says that a value is on one side and not on the other. */
  only(v: GpuValue, on: Side): void;
}

type Instr<Op extends VmInstr["op"]> = Extract<VmInstr, { op: Op }>;

/** A call is the function's own steps. */
export function linkCall(l: Linker, i: Instr<"callFunc">): void {
  const results = l.inside(
    i.func,
    i.args.map((slot) => l.values.read(slot)),
  );
  i.dst.forEach((slot, k) => {
    l.values.set(slot, results[k]);
  });
}

/** A value that the CPU reads to decide what is next. */
function looked(l: Linker, slot: Slot): GpuValue {
  const v = l.values.read(slot);
  l.bring(v, "cpu");
  touch(v, l.at, "cpu");
  return v;
}

/** Where a value that comes from several places is kept: on the GPU, unless its elements may be none of WGSL's. */
const sideOf = (v: GpuValue): Side =>
  v.dtype === "i64" || v.dtype === "f64" || v.dtype === "f16" ? "cpu" : "gpu";

const snapshot = (l: Linker): Map<GpuValue, Valid> => new Map([...l.valid].map(([v, x]) => [v, { ...x }]));

function restore(l: Linker, before: ReadonlyMap<GpuValue, Valid>): void {
  l.valid.clear();
  for (const [v, x] of before) l.valid.set(v, { ...x });
}

/** What a branch moves where; a slot that both branches move to is used afterwards. */
const movesOf = (code: readonly VmInstr[]): Map<Slot, Slot> =>
  new Map(code.flatMap((i) => (i.op === "move" ? [[i.dst, i.src] as const] : [])));

export function linkIf(l: Linker, i: Instr<"if">): void {
  const cond = looked(l, i.cond);
  const moves = [movesOf(i.then), movesOf(i.else)];
  const joined = [...moves[0].keys()].filter((slot) => moves[1].has(slot));
  const isJoin = new Set(joined);
  const places = joined.map((slot) => l.own(slot));
  const before = snapshot(l);
  const sides = places.map(sideOf);
  const states: Map<GpuValue, Valid>[] = [];
  const branches = [i.then, i.else].map((code) => {
    restore(l, before);
    const steps = l.nested(() =>
      l.values.branch(() => {
        for (const x of code) {
          if (x.op !== "move" || !isJoin.has(x.dst)) l.code([x]);
          else {
            const k = joined.indexOf(x.dst);
            l.copy(l.values.read(x.src), places[k], sides[k]);
          }
        }
      }),
    );
    states.push(snapshot(l));
    return steps;
  });
  // What was known before is where both branches have it.
  restore(l, before);
  for (const v of before.keys()) {
    const [a, b] = states.map((s) => s.get(v) as Valid);
    l.valid.set(v, { gpu: a.gpu && b.gpu, cpu: a.cpu && b.cpu });
  }
  l.push({ kind: "if", cond, branches: [branches[0], branches[1]], node: i.node });
  joined.forEach((slot, k) => {
    l.only(places[k], sides[k]);
    l.values.set(slot, places[k]);
  });
}

export function linkLoop(l: Linker, i: Instr<"loop">): void {
  const trip = i.trip === undefined ? undefined : looked(l, i.trip);
  const cond = i.cond === undefined ? undefined : looked(l, i.cond);
  const count = i.carried.length;
  const sources = i.carried.map((slot) => l.values.read(slot));
  const captured = i.captured.map((slot) => l.values.read(slot));
  const made = i.dst.map((slot) => l.own(slot));
  const sides = made.map(sideOf);
  const carried = made.slice(0, count);
  sources.forEach((v, k) => {
    l.copy(v, carried[k], sides[k]);
  });
  const [iteration, given, again] = [
    l.values.scalar("iteration", "i64"),
    l.values.scalar("condition", "bool"),
    l.values.scalar("again", "bool"),
  ];
  const [known, start] = [l.all.length, l.at];
  const before = snapshot(l);
  for (const v of [iteration, given, again]) {
    touch(v, start, "cpu");
    l.only(v, "cpu");
  }
  for (const [k, v] of made.entries()) touch(v, start, sides[k]);
  const body = l.nested(() => {
    const [more, ...results] = l.inside(i.func, [iteration, given, ...carried, ...captured]);
    // Read before what is carried changes, of which it may be one.
    l.copy(more, again, "cpu");
    results.slice(count).forEach((from, k) => {
      const [to, on] = [made[count + k], sides[count + k]];
      l.bring(from, on);
      for (const v of [from, to]) touch(v, l.at, on);
      l.push({ kind: "row", from, to, on, iteration });
    });
    // What is another carried value now is set aside before that one changes.
    const next = results.slice(0, count).map((v, k) => {
      if (v === carried[k] || !carried.includes(v)) return v;
      const aside = l.own(i.dst[k]);
      l.copy(v, aside, sides[k]);
      return aside;
    });
    next.forEach((v, k) => {
      if (v !== carried[k]) l.copy(v, carried[k], sides[k]);
    });
  });
  // What was there before is needed to the end: another iteration may read it.
  for (const v of l.all.slice(0, known)) {
    for (const on of ["gpu", "cpu"] as const) {
      const span = on === "gpu" ? v.span : v.here;
      if (span && span.end >= start) touch(v, l.at, on);
    }
  }
  restore(l, before);
  const stacked = i.dst.slice(count);
  const rows = stacked.length > 0 ? l.values.shapeOf(stacked[0])[0] : undefined;
  l.push({ kind: "loop", trip, cond, iteration, given, again, rows, body, node: i.node });
  i.dst.forEach((slot, k) => {
    l.only(made[k], sides[k]);
    l.values.set(slot, made[k]);
  });
}
