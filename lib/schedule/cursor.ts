/**
 * What a schedule does, whatever the primitive: it resolves handles in the present state, runs a row of the table,
 * records the step and the instruction, and explains refusals. States are immutable; when a primitive refuses,
 * nothing has changed. `Schedule` puts the named methods on top.
 */
import { type Block, type For, type IRModule, type PrimFunc, updateFunc, visitStmt } from "../ir/index.ts";
import { refuse, ScheduleError } from "./error.ts";
import { excerpt } from "./excerpt.ts";
import { Names } from "./names.ts";
import { type InputKind, PRIMITIVES, type Row } from "./primitives.ts";
import { type Found, getBlock, QUERIES } from "./queries.ts";
import { callText, type Input, type Instruction, Trace, type TraceTarget, type Value } from "./trace.ts";
import type { Changed, RV } from "./types.ts";

/** One transformation that was made. */
export interface Step {
  /** 1 for the first. */
  readonly index: number;
  readonly primitive: string;
  /** The call as TypeScript: `const [j_0, j_1] = sch.split(j, [null, 8]);`. */
  readonly call: string;
  /** Name of the function that was transformed. */
  readonly func: string;
  readonly before: IRModule;
  readonly after: IRModule;
  /** Time the primitive took, in milliseconds. */
  readonly ms: number;
}

type Attrs = Instruction["attrs"];
type Node = Block | For;

export class Cursor implements TraceTarget {
  private module: IRModule;
  private current: string | undefined;
  private names = new Names();
  /** What became of blocks and loops that are no longer there, by key. */
  private gone = new Map<string, string>();
  private steps: readonly Step[] = [];
  private instructions: readonly Instruction[] = [];
  private readonly listeners = new Set<(s: Step) => void>();

  constructor(module: IRModule) {
    this.module = module;
  }

  /** The module as it is now. */
  get mod(): IRModule {
    return this.module;
  }

  /** The transformations so far. */
  get history(): readonly Step[] {
    return this.steps;
  }

  /** Everything asked so far that the present state depends on. */
  get trace(): Trace {
    return new Trace(this.instructions);
  }

  /** Calls `listener` after every transformation. Returns a function that ends this. */
  onStep(listener: (s: Step) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes over the state of another; both go their own ways from there. Listeners stay where they are. */
  protected continueFrom(other: Cursor): void {
    this.module = other.module;
    this.current = other.current;
    this.names = new Names(other.names);
    this.gone = new Map(other.gone);
    this.steps = other.steps;
    this.instructions = other.instructions;
  }

  /** The node a handle stands for now. Throws when it is gone. */
  protected node(rv: RV, primitive = "get"): Node {
    this.checkHandle(primitive, rv);
    const f = this.module.funcs[rv.func];
    const node = nodesOf(f).get(rv.id);
    if (node) return node;
    const what = rv.kind === "loopRV" ? "loop" : "block";
    const again =
      what === "loop" ? "take the loops again with sch.getLoops" : "take the block again with sch.getBlock";
    refuse(
      primitive,
      `the ${what} is gone`,
      `${what} ${rv.name} ${this.gone.get(keyOf(rv.func, rv.id)) ?? "is not in the program"}`,
      [],
      again,
    );
  }

  private checkHandle(primitive: string, rv: RV): void {
    if (this.names.get(keyOf(rv.func, rv.id)) !== undefined) return;
    const take = rv.kind === "loopRV" ? "sch.getLoops(…)" : `sch.getBlock("${rv.name}")`;
    refuse(
      primitive,
      "the handle belongs to another schedule",
      `this one never gave out ${rv.name}`,
      [],
      take,
    );
  }

  /** Runs a primitive or a query by name; the methods of `Schedule` and the replay of traces come here. */
  call(name: string, inputs: readonly Value[], attrs: Attrs): readonly RV[] {
    if (Object.hasOwn(PRIMITIVES, name))
      return this.transform(name as keyof typeof PRIMITIVES, inputs, attrs);
    if (name === "workOn") return this.setCurrent(String(attrs.func));
    if (name === "getBlock") return this.find(name, inputs, attrs, () => this.blockNamed(attrs));
    if (Object.hasOwn(QUERIES, name)) {
      const { of, run } = QUERIES[name as keyof typeof QUERIES];
      return this.find(name, inputs, attrs, () => {
        const [id] = this.idsOf(name, [of], inputs);
        return run(this.module, handlesIn(inputs)[0].func, id as number);
      });
    }
    throw new Error(`a schedule has no primitive ${name}; it has ${Object.keys(PRIMITIVES).join(", ")}`);
  }

  private setCurrent(func: string): readonly RV[] {
    this.current = func;
    this.record("workOn", [], { func }, [], "nothing");
    return [];
  }

  private blockNamed(attrs: Attrs): Found {
    const func = typeof attrs.func === "string" ? attrs.func : this.current;
    return getBlock(this.module, String(attrs.name), func);
  }

  private find(name: string, inputs: readonly Value[], attrs: Attrs, run: () => Found): readonly RV[] {
    const [rv] = inputs.filter(isRV);
    const only = Object.keys(this.module.funcs);
    const func = rv?.func ?? (typeof attrs.func === "string" ? attrs.func : (this.current ?? only[0]));
    const found = this.explained(func, run);
    const fresh: (string | null)[] = [];
    const out = found.nodes.map((n) => this.handle(found.func, n, fresh));
    if (fresh.some((x) => x !== null)) {
      this.record(name, inputs, attrs, fresh, name === "getBlock" ? "one" : "list");
    }
    return out;
  }

  private transform(name: keyof typeof PRIMITIVES, inputs: readonly Value[], attrs: Attrs): readonly RV[] {
    const row: Row = PRIMITIVES[name];
    const rvs = handlesIn(inputs);
    const func = rvs[0]?.func;
    const { ms, changed } = this.explained(func, () => {
      const args = [...this.idsOf(name, row.inputs, inputs), ...row.attrs.map((a) => attrs[a])];
      const other = rvs.find((rv) => rv.func !== func);
      if (other) {
        const detail = `${rvs[0].name} is in ${func}, ${other.name} in ${other.func}`;
        refuse(name, "the handles belong to different functions", detail, []);
      }
      const start = performance.now();
      const changed = row.run(this.module.funcs[func], ...(args as never[]));
      return { changed, ms: performance.now() - start };
    });
    return this.commit(name, row, func, inputs, attrs, changed, ms);
  }

  private commit(
    name: string,
    row: Row,
    func: string,
    inputs: readonly Value[],
    attrs: Attrs,
    changed: Changed,
    ms: number,
  ): readonly RV[] {
    const before = this.module;
    const f = "func" in changed ? changed.func : changed;
    const was = nodesOf(before.funcs[func]);
    const is = nodesOf(f);
    this.module = updateFunc(before, func, f);
    const fresh: (string | null)[] = [];
    const out = madeBy(changed).map((id) => this.handle(func, is.get(id) as Node, fresh));
    const index = this.steps.length + 1;
    this.bury(func, was, is, handlesIn(inputs), (direct) => {
      if (!direct) return `was removed by ${name} in step ${index}`;
      const into = out.length > 0 ? ` into ${out.map((o) => o.name).join(", ")}` : "";
      return `was ${row.did} in step ${index}${into}`;
    });
    const gives = row.gives === undefined ? "nothing" : row.gives === "loops" ? "list" : "one";
    const instruction = this.record(name, inputs, attrs, fresh, gives);
    const step: Step = {
      index,
      primitive: name,
      call: callText(instruction),
      func,
      before,
      after: this.module,
      ms,
    };
    this.steps = [...this.steps, step];
    for (const l of this.listeners) l(step);
    return out;
  }

  /** Notes what became of named nodes that this step removed. */
  private bury(
    func: string,
    was: ReadonlyMap<number, Node>,
    is: ReadonlyMap<number, Node>,
    direct: readonly RV[],
    how: (direct: boolean) => string,
  ): void {
    for (const id of was.keys()) {
      if (is.has(id) || this.names.get(keyOf(func, id)) === undefined) continue;
      this.gone.set(keyOf(func, id), how(direct.some((rv) => rv.id === id)));
    }
  }

  private record(
    primitive: string,
    inputs: readonly Value[],
    attrs: Attrs,
    outputs: readonly (string | null)[],
    gives: Instruction["gives"],
  ): Instruction {
    const name = (v: Value): Input =>
      isRV(v)
        ? (this.names.get(keyOf(v.func, v.id)) as string)
        : typeof v === "object" && v !== null
          ? v.map(name)
          : v;
    const given = Object.entries(attrs).filter(([, v]) => v !== undefined);
    const instruction: Instruction = {
      primitive,
      inputs: inputs.map(name),
      attrs: Object.fromEntries(given),
      outputs,
      gives,
    };
    this.instructions = [...this.instructions, instruction];
    return instruction;
  }

  /** The handle of a node; `fresh` receives its name when it has just got it, else null. */
  private handle(func: string, node: Node, fresh: (string | null)[]): RV {
    const id = idOf(node);
    const key = keyOf(func, id);
    const known = this.names.get(key);
    const name = known ?? this.names.add(key, node.kind === "for" ? node.v.name : node.name);
    fresh.push(known === undefined ? name : null);
    return Object.freeze({ kind: node.kind === "for" ? "loopRV" : "blockRV", id, name, func });
  }

  /** Inputs with ids in the place of handles, checked against what the primitive takes. */
  private idsOf(primitive: string, kinds: readonly InputKind[], inputs: readonly Value[]): unknown[] {
    const id = (v: Value, want: "block" | "loop" | "blockOrLoop"): number => {
      const wanted = want === "blockOrLoop" ? "a block or loop" : `a ${want}`;
      if (!isRV(v)) return this.refuseInput(primitive, wanted, v);
      const kind = v.kind === "loopRV" ? "loop" : "block";
      if (want !== "blockOrLoop" && kind !== want) this.refuseInput(primitive, wanted, v);
      return idOf(this.node(v, primitive));
    };
    return kinds.map((kind, k) => {
      if (kind === "loops") {
        const rest = inputs.slice(k);
        if (rest.length === 0) this.refuseInput(primitive, "loops", undefined);
        return rest.map((v) => id(v, "loop"));
      }
      return kind === "factors" ? inputs[k] : id(inputs[k], kind);
    });
  }

  private refuseInput(primitive: string, wanted: string, got: Value | undefined): never {
    const text = isRV(got)
      ? `${got.name} is a ${got.kind === "loopRV" ? "loop" : "block"}`
      : `got ${got === undefined ? "nothing" : JSON.stringify(got)}`;
    refuse(primitive, `${wanted} is needed`, text, []);
  }

  /** Runs `run`; a refusal is given the program, the nodes underlined, and the reader's names. */
  private explained<X>(func: string | undefined, run: () => X): X {
    try {
      return run();
    } catch (e) {
      if (!(e instanceof ScheduleError) || func === undefined) throw e;
      const f = this.module.funcs[func];
      const name = (n: Node) =>
        this.names.get(keyOf(func, idOf(n))) ?? (n.kind === "for" ? n.v.name : n.name);
      throw new ScheduleError(e.thrown, { func: f, excerpt: excerpt(f, e.thrown.nodes), name });
    }
  }
}

const keyOf = (func: string, id: number): string => `${func}/${id}`;
const idOf = (n: Node): number => (n.kind === "for" ? n.v.id : n.id);

function isRV(v: Value | undefined): v is RV {
  return typeof v === "object" && v !== null && "kind" in v && (v.kind === "loopRV" || v.kind === "blockRV");
}

const handlesIn = (vs: readonly Value[]): RV[] =>
  vs.flatMap((v) => (isRV(v) ? [v] : typeof v === "object" && v !== null ? handlesIn(v) : []));

/** Ids a primitive says it made. */
function madeBy(c: Changed): readonly number[] {
  if ("loops" in c) return c.loops;
  if ("loop" in c) return [c.loop];
  return "block" in c ? [c.block] : [];
}

const indexes = new WeakMap<PrimFunc, ReadonlyMap<number, Node>>();

/** Blocks and loops of a function by id. */
function nodesOf(f: PrimFunc): ReadonlyMap<number, Node> {
  let index = indexes.get(f) as Map<number, Node> | undefined;
  if (!index) {
    const all = new Map<number, Node>();
    visitStmt(f.body, {
      stmt: (s) => {
        if (s.kind === "for" || s.kind === "block") all.set(idOf(s), s);
      },
    });
    indexes.set(f, all);
    index = all;
  }
  return index;
}
