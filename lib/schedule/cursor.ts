/**
 * What a schedule does, whatever the primitive: it runs a row of a table in the present state, records the step and the
 * instruction, and explains refusals. When a primitive refuses, nothing has changed. What undo brings back is in
 * `state.ts`, what handles stand for in `handles.ts`, and how they are given to primitives in `inputs.ts`. `Schedule`
 * puts the named methods on top.
 */
import { type Attr, getPrimFunc, type IRModule, primFuncs, updateFunc } from "../ir/index.ts";
import { refuse, ScheduleError } from "./error.ts";
import { excerpt } from "./excerpt.ts";
import {
  bury,
  checkHandle,
  drawnNumber,
  handleOf,
  handlesIn,
  idOf,
  isRV,
  type Node,
  nodeOf,
  nodesOf,
  placeHandle,
  valueHandle,
} from "./handles.ts";
import { idsOf, mapAttr, resolvedAttr } from "./inputs.ts";
import { PRIMITIVES, type Row } from "./primitives.ts";
import { type Found, getBlock, QUERIES } from "./queries.ts";
import { Random } from "./random.ts";
import { SAMPLERS, type SamplerRow } from "./samplers.ts";
import { copyState, firstState, keyOf, type State, type Step } from "./state.ts";
import { checkSharedWork } from "./thread-axis.ts";
import {
  type CallAttr,
  type CallAttrs,
  callText,
  type Input,
  type Instruction,
  Trace,
  type TraceTarget,
  type Value,
} from "./trace.ts";
import type { AnyRV, Changed, ExprRV, RV } from "./types.ts";

type Attrs = Instruction["attrs"];

export class Cursor implements TraceTarget {
  private now: State;
  /** States before each step, and those that undo left behind; the nearest is the last. */
  private before: readonly State[] = [];
  private after: readonly State[] = [];
  private readonly listeners = new Set<(s: Step) => void>();

  constructor(module: IRModule, seed: number) {
    this.now = firstState(module, new Random(seed).state);
  }

  /** The module as it is now. */
  get mod(): IRModule {
    return this.now.module;
  }

  /** The transformations so far. */
  get history(): readonly Step[] {
    return this.now.steps;
  }

  /** Everything asked so far that the present state depends on. */
  get trace(): Trace {
    return new Trace(this.now.instructions);
  }

  /** Calls `listener` after every transformation. Returns a function that ends this. */
  onStep(listener: (s: Step) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes over the state of another; both go their own ways from there. Listeners stay where they are. */
  protected continueFrom(other: Cursor): void {
    this.now = copyState(other.now);
    this.before = other.before;
    this.after = other.after;
  }

  /** Goes back to the state before the last transformation or draw. Handles from then on are gone. */
  undo(): void {
    const back = this.before[this.before.length - 1];
    if (!back) refuse("undo", "there is nothing to undo", "nothing was transformed or drawn yet", []);
    this.before = this.before.slice(0, -1);
    this.after = [...this.after, this.now];
    this.moveTo(back);
  }

  /** Goes forward again to the state that the last undo left. */
  redo(): void {
    const next = this.after[this.after.length - 1];
    if (!next) refuse("redo", "there is nothing to redo", "no undo came before", []);
    this.after = this.after.slice(0, -1);
    this.before = [...this.before, this.now];
    this.moveTo(next);
  }

  private moveTo(state: State): void {
    const left = this.now;
    this.now = copyState(state);
    for (const key of left.names.keys()) {
      if (this.now.names.get(key) === undefined) {
        this.now.gone.set(key, "was given out by a call that was undone");
      }
    }
  }

  /** Notes the state for undo; what was undone before cannot be redone from here. */
  private checkpoint(): void {
    this.before = [...this.before, copyState(this.now)];
    this.after = [];
  }

  /** The node a handle stands for now. Throws when it is gone. */
  protected node(rv: RV): Node {
    return nodeOf(this.now, rv);
  }

  /** The number a drawn value is now. */
  protected valueOf(rv: ExprRV): number {
    return drawnNumber(this.now, rv);
  }

  /** Makes a handle unusable; its name stays taken. */
  protected forget(rv: AnyRV): void {
    checkHandle(this.now, "removeRv", rv);
    this.now.names.remove(keyOf(rv));
    this.now.gone.set(keyOf(rv), "was removed with sch.removeRv");
  }

  /** The generator of random numbers goes on from there. */
  protected reseed(seed: number): void {
    this.now.random = new Random(seed).state;
  }

  /** A seed for another generator. */
  protected drawSeed(): number {
    return this.withRandom((r) => r.fork());
  }

  private withRandom<X>(run: (r: Random) => X): X {
    const r = Random.at(this.now.random);
    const out = run(r);
    this.now.random = r.state;
    return out;
  }

  /** Runs a primitive or a query by name; the methods of `Schedule` and the replay of traces come here. */
  call(name: string, inputs: readonly Value[], given: CallAttrs, decision?: Attr): readonly AnyRV[] {
    if (Object.hasOwn(PRIMITIVES, name))
      return this.transform(name as keyof typeof PRIMITIVES, inputs, given);
    if (Object.hasOwn(SAMPLERS, name)) {
      return this.draw(name as keyof typeof SAMPLERS, inputs, given as Attrs, decision);
    }
    const attrs = given as Attrs;
    if (name === "workOn") return this.setCurrent(String(attrs.func));
    if (name === "getBlock") return this.find(name, inputs, attrs, () => this.blockNamed(attrs));
    if (Object.hasOwn(QUERIES, name)) {
      const { of, run } = QUERIES[name as keyof typeof QUERIES];
      return this.find(name, inputs, attrs, () => {
        const [id] = idsOf(this.now, name, [of], inputs);
        return run(this.now.module, (inputs[0] as RV).func, id as number);
      });
    }
    throw new Error(`a schedule has no primitive ${name}; it has ${Object.keys(PRIMITIVES).join(", ")}`);
  }

  private setCurrent(func: string): readonly RV[] {
    this.now.current = func;
    this.record("workOn", [], { func }, [], "nothing");
    return [];
  }

  private blockNamed(attrs: Attrs): Found {
    const func = typeof attrs.func === "string" ? attrs.func : this.now.current;
    return getBlock(this.now.module, String(attrs.name), func);
  }

  private find(name: string, inputs: readonly Value[], attrs: Attrs, run: () => Found): readonly RV[] {
    const rv = handlesIn(inputs)[0];
    const only = Object.keys(primFuncs(this.now.module));
    const func = rv?.func ?? (typeof attrs.func === "string" ? attrs.func : (this.now.current ?? only[0]));
    const found = this.explained(func, run);
    const fresh: (string | null)[] = [];
    const out = found.nodes.map((n) => handleOf(this.now, found.func, n, fresh));
    if (fresh.some((x) => x !== null)) {
      this.record(name, inputs, attrs, fresh, name === "getBlock" ? "one" : "list");
    }
    return out;
  }

  private transform(
    name: keyof typeof PRIMITIVES,
    inputs: readonly Value[],
    attrs: CallAttrs,
  ): readonly RV[] {
    const row: Row = PRIMITIVES[name];
    const rvs = handlesIn(inputs);
    const func = rvs[0]?.func;
    const { ms, changed } = this.explained(func, () => {
      const plain = row.attrs.map((a) => resolvedAttr(this.now, name, attrs[a]));
      const args = [...idsOf(this.now, name, row.inputs, inputs), ...plain];
      const other = rvs.find((rv) => rv.func !== func);
      if (other) {
        const detail = `${rvs[0].name} is in ${func}, ${other.name} in ${other.func}`;
        refuse(name, "the handles belong to different functions", detail, []);
      }
      const start = performance.now();
      const changed = row.run(getPrimFunc(this.now.module, func), ...(args as never[]));
      checkSharedWork(name, "func" in changed ? changed.func : changed);
      return { changed, ms: performance.now() - start };
    });
    return this.commit(name, row, func, inputs, attrs, changed, ms);
  }

  private commit(
    name: string,
    row: Row,
    func: string,
    inputs: readonly Value[],
    attrs: CallAttrs,
    changed: Changed,
    ms: number,
  ): readonly RV[] {
    this.checkpoint();
    const before = this.now.module;
    const f = "func" in changed ? changed.func : changed;
    const was = nodesOf(getPrimFunc(before, func));
    const is = nodesOf(f);
    this.now.module = updateFunc(before, func, f);
    const fresh: (string | null)[] = [];
    const out = madeBy(changed).map((id) => handleOf(this.now, func, is.get(id) as Node, fresh));
    const index = this.now.steps.length + 1;
    bury(this.now, func, was, is, handlesIn(inputs), (direct) => {
      if (!direct) return `was removed by ${name} in step ${index}`;
      const into = out.length > 0 ? ` into ${out.map((o) => o.name).join(", ")}` : "";
      return `was ${row.did} in step ${index}${into}`;
    });
    const gives =
      row.gives === undefined ? "nothing" : row.gives === "loops" || row.gives === "blocks" ? "list" : "one";
    const instruction = this.record(name, inputs, attrs, fresh, gives);
    const step: Step = {
      index,
      primitive: name,
      call: callText(instruction),
      func,
      before,
      after: this.now.module,
      ms,
    };
    this.now.steps = [...this.now.steps, step];
    for (const l of this.listeners) l(step);
    return out;
  }

  private draw(
    name: keyof typeof SAMPLERS,
    inputs: readonly Value[],
    attrs: Attrs,
    given?: Attr,
  ): readonly AnyRV[] {
    const row: SamplerRow = SAMPLERS[name];
    const [rv] = handlesIn(inputs);
    const func = rv?.func;
    const random = Random.at(this.now.random);
    const drawn = this.explained(func, () => {
      const ids = idsOf(this.now, name, row.inputs, inputs);
      const plain = row.attrs.map((a) => attrs[a]);
      const f = func === undefined ? [] : [getPrimFunc(this.now.module, func)];
      return row.run(...([...f, random, ...ids, ...plain, given] as never[]));
    });
    this.checkpoint();
    this.now.random = random.state;
    const out =
      "place" in drawn
        ? [placeHandle(this.now, func, drawn.place)]
        : drawn.values.map((v) => valueHandle(this.now, row.named(rv?.name), v));
    const names = out.map((o) => o.name);
    this.record(name, inputs, attrs, names, row.gives, drawn.decision);
    return out;
  }

  private record(
    primitive: string,
    inputs: readonly Value[],
    attrs: CallAttrs,
    outputs: readonly (string | null)[],
    gives: Instruction["gives"],
    decision?: Attr,
  ): Instruction {
    const named = (rv: AnyRV): string => this.now.names.get(keyOf(rv)) as string;
    const name = (v: Value): Input =>
      isRV(v) ? named(v) : typeof v === "object" && v !== null ? v.map(name) : v;
    const given = Object.entries(attrs).filter(([, v]) => v !== undefined);
    const plain = (a: CallAttr): Attr => mapAttr(a, (rv) => ({ $rv: named(rv) }));
    const instruction: Instruction = {
      primitive,
      inputs: inputs.map(name),
      attrs: Object.fromEntries(given.map(([k, v]) => [k, plain(v)])),
      outputs,
      gives,
      ...(decision === undefined ? {} : { decision }),
    };
    this.now.instructions = [...this.now.instructions, instruction];
    return instruction;
  }

  /** Runs `run`; a refusal is given the program, the nodes underlined, and the reader's names. */
  private explained<X>(func: string | undefined, run: () => X): X {
    try {
      return run();
    } catch (e) {
      if (!(e instanceof ScheduleError) || func === undefined) throw e;
      const f = getPrimFunc(this.now.module, func);
      const name = (n: Node) =>
        this.now.names.get(keyOf({ kind: "blockRV", func, id: idOf(n) })) ??
        (n.kind === "for" ? n.v.name : n.name);
      throw new ScheduleError(e.thrown, { func: f, excerpt: excerpt(f, e.thrown.nodes), name });
    }
  }
}

/** Ids a primitive says it made. */
function madeBy(c: Changed): readonly number[] {
  if ("loops" in c) return c.loops;
  if ("blocks" in c) return c.blocks;
  if ("loop" in c) return [c.loop];
  return "block" in c ? [c.block] : [];
}
