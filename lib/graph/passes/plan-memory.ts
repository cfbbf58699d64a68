/** planMemory: every intermediate tensor gets its place in one arena, by when it is needed. */
import {
  type Attr,
  BYTES,
  bindingsOf,
  type DType,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphVar,
  graphFunc,
  graphVar,
  type IRModule,
  type OpCall,
  type Ranges,
  shapeLiteral,
} from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { type Aliases, aliasesOf, leafVars } from "./aliases.ts";
import { worksInPlace } from "./in-place.ts";
import { graphPass, type Pass } from "./pass.ts";
import { aligned, type LiveSpan, largestLiveSet, planOffsets } from "./plan-offsets.ts";
import { rewriteFunc } from "./rewrite.ts";
import { mostShape, sizeBounds } from "./size-bounds.ts";
import { varsUsed } from "./uses.ts";

/** One tensor of the arena: what the attribute `memoryPlan` of a function holds, for showing it. */
export interface PlannedTensor extends LiveSpan {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** The attribute `memoryPlan` of a planned function. Steps count bindings, those in branches too. */
export interface MemoryPlan {
  readonly arenaBytes: number;
  /** The most bytes that are in use at one step: what no plan can go below. */
  readonly largestLiveSet: number;
  /** What the tensors would take without sharing. */
  readonly sumBytes: number;
  readonly steps: readonly string[];
  readonly tensors: readonly PlannedTensor[];
}

/**
 * Tensors that callTirRewrite allocated get offsets in one storage, so that tensors that are needed at the same time do
 * not overlap; symbolic sizes count with the most that they can be. An elementwise program writes over an input that nobody
 * needs afterwards. What the function gives, and what has no bound, keeps memory of its own. The plan stands in the
 * attribute `memoryPlan`.
 */
export const planMemory: Pass = graphPass("planMemory", (f, mod) =>
  f.attrs.Primitive ? f : planned(f, mod),
);

/** The plan of a function, if it was planned. */
export const memoryPlanOf = (f: GraphFunc): MemoryPlan | undefined =>
  f.attrs.memoryPlan as unknown as MemoryPlan | undefined;

interface Allocation {
  readonly v: GraphVar;
  readonly bytes: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly start: number;
}

function planned(f: GraphFunc, mod: IRModule): GraphFunc {
  const look = new Liveness(f, mod);
  const kept = look.allocations.filter((a) => !look.escapes(a.v.id));
  if (kept.length === 0) return f;
  // Tensors that take over the memory of an input form one chunk with it.
  const chunks: { span: { bytes: number; start: number; end: number }; members: Allocation[] }[] = [];
  const chunkOf = new Map<number, (typeof chunks)[number]>();
  for (const a of kept) {
    const end = look.lastUse(a.v.id, a.start);
    const donor = look.donor(a, (id) => chunkOf.get(id)?.span.end);
    const into = donor === undefined ? undefined : chunkOf.get(donor);
    if (into && aligned(into.span.bytes) === aligned(a.bytes)) {
      into.span.end = end;
      into.members.push(a);
      chunkOf.set(a.v.id, into);
      continue;
    }
    const chunk = { span: { bytes: a.bytes, start: a.start, end }, members: [a] };
    chunks.push(chunk);
    chunkOf.set(a.v.id, chunk);
  }
  const spans = chunks.map((c) => c.span);
  const { offsets, total } = planOffsets(spans);
  const offsetOf = new Map<number, number>();
  chunks.forEach((c, i) => {
    for (const m of c.members) offsetOf.set(m.v.id, offsets[i]);
  });
  const plan: MemoryPlan = {
    arenaBytes: total,
    largestLiveSet: largestLiveSet(spans),
    sumBytes: kept.reduce((n, a) => n + aligned(a.bytes), 0),
    steps: look.steps,
    tensors: kept.map((a) => ({
      name: look.nameOf(a.v.id),
      dtype: a.dtype,
      shape: a.shape,
      bytes: a.bytes,
      offset: offsetOf.get(a.v.id) as number,
      start: a.start,
      end: look.lastUse(a.v.id, a.start),
    })),
  };
  return withPlan(f, plan, offsetOf);
}

function withPlan(f: GraphFunc, plan: MemoryPlan, offsets: ReadonlyMap<number, number>): GraphFunc {
  const arena = callOp("memory.allocStorage", [shapeLiteral([plan.arenaBytes])]);
  const storage = graphVar("arena", arena.type);
  const done = rewriteFunc(f, {
    value: (e, at) => {
      const offset = at.binding.kind === "bind" ? offsets.get(at.binding.v.id) : undefined;
      if (offset === undefined || e.kind !== "opCall") return e;
      return callOp("memory.allocTensor", [e.args[0], storage], { dtype: e.attrs.dtype, offset });
    },
  });
  const first = {
    dataflow: false,
    bindings: [{ kind: "bind", v: storage, value: arena } as const],
    outputs: [],
  };
  const body: GraphBody = { blocks: [first, ...done.body.blocks], result: done.body.result };
  return graphFunc(done.params, body, { ...done.attrs, memoryPlan: plan as unknown as Attr });
}

/** When the memory behind each variable is used, in steps of the function. */
class Liveness {
  readonly allocations: Allocation[] = [];
  /** The name of what each step computes. */
  readonly steps: string[] = [];
  private readonly mod: IRModule;
  private readonly aliases: Aliases;
  private readonly last = new Map<number, number>();
  private readonly given = new Set<number>();
  private readonly ranges: Ranges;
  /** The call that writes into an allocation. */
  private readonly writers = new Map<
    number,
    { call: GraphExpr & { kind: "callTir" }; step: number; name: string }
  >();

  constructor(f: GraphFunc, mod: IRModule) {
    this.mod = mod;
    this.aliases = aliasesOf(f, mod);
    this.ranges = sizeBounds(f);
    this.body(f.body);
    for (const id of leafVars(f.body.result)) this.given.add(this.aliases.find(id));
  }

  /** Whether the memory may be part of what the function gives. */
  escapes(id: number): boolean {
    return this.given.has(this.aliases.find(id));
  }

  /** The last step that uses the memory behind a variable, under whatever name. */
  lastUse(id: number, atLeast: number): number {
    return Math.max(atLeast, this.last.get(this.aliases.find(id)) ?? 0);
  }

  nameOf(id: number): string {
    return this.writers.get(id)?.name ?? "alloc";
  }

  /** The allocation whose memory another may take over, because the call that fills it reads the first for the last time. */
  donor(a: Allocation, endOf: (id: number) => number | undefined): number | undefined {
    const writer = this.writers.get(a.v.id);
    if (!writer) return undefined;
    const { call, step } = writer;
    const f = this.mod.funcs[call.func];
    if (f?.kind !== "primFunc" || call.into?.length !== 1) return undefined;
    for (const [i, arg] of call.args.entries()) {
      if (arg.kind !== "graphVar") continue;
      const set = this.aliases.find(arg.id);
      const twice =
        call.args.filter((x) => x.kind === "graphVar" && this.aliases.find(x.id) === set).length > 1;
      const source = this.allocations.filter((x) => this.aliases.find(x.v.id) === set);
      if (twice || source.length !== 1 || source[0] === a) continue;
      if (endOf(source[0].v.id) !== step || this.lastUse(arg.id, 0) !== step) continue;
      if (worksInPlace(f, i, call.args.length)) return source[0].v.id;
    }
    return undefined;
  }

  private use(e: GraphExpr, step: number): void {
    for (const id of varsUsed(e)) this.last.set(this.aliases.find(id), step);
  }

  private body(b: GraphBody): void {
    for (const x of bindingsOf(b)) {
      const step = this.steps.length;
      this.steps.push(x.kind === "tensorToShape" ? "shape" : x.v.name);
      const e = x.value;
      if (e.kind === "graphIf") {
        this.use(e.cond, step);
        this.body(e.then);
        this.body(e.else);
        // What the branches give is used where the if ends.
        for (const id of [e.then, e.else].flatMap((y) => leafVars(y.result))) {
          this.last.set(this.aliases.find(id), this.steps.length - 1);
        }
        continue;
      }
      this.use(e, step);
      if (x.kind !== "tensorToShape") this.note(x.v, e, step);
    }
    this.use(b.result, this.steps.length - 1);
  }

  private note(v: GraphVar, e: GraphExpr, step: number): void {
    if (e.kind === "callTir" && e.into) {
      for (const into of e.into)
        if (into.kind === "graphVar") this.writers.set(into.id, { call: e, step, name: v.name });
    }
    if (e.kind !== "opCall" || e.op !== "memory.allocTensor" || e.args.length > 1) return;
    const shape = allocatedShape(e, this.ranges);
    if (!shape) return;
    const dtype = e.attrs.dtype as DType;
    const bytes = shape.reduce((a, b) => a * b, BYTES[dtype]);
    this.allocations.push({ v, bytes, shape, dtype, start: step });
  }
}

function allocatedShape(e: OpCall, ranges: Ranges): readonly number[] | undefined {
  const [shape] = e.args;
  return shape?.kind === "shapeLiteral" ? mostShape(shape.values, ranges) : undefined;
}
