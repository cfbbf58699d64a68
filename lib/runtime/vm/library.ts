/** The graph-level functions of a built module, as something that can be called. */
import {
  constInt,
  type GraphFunc,
  type GraphType,
  getGraphFunc,
  graphFuncs,
  type IRModule,
  visitGraphBody,
} from "../../ir/index.ts";
import { cpuMemory } from "../memory.ts";
import { Tensor } from "../tensor.ts";
import type { ThreadCount } from "../threads/index.ts";
import { bindSizes, checkArguments, symbolicSizesOf } from "./arguments.ts";
import { installEvaluator } from "./evaluate.ts";
import { Heap, type Output } from "./held.ts";
import { type MemoryPlan, memoryPlanOf } from "./plan.ts";
import { type Profile, profileOf, type Seen } from "./profile.ts";
import { Specializations, type Specialized, type SpecializeOptions } from "./specializations.ts";

installEvaluator();

/** What a graph-level function gives: a tensor, or an array for a tuple. */
export type GraphResult = Tensor | readonly GraphResult[];

/** Gives the memory of executables that were dropped without `dispose()` back. */
const forgotten = new FinalizationRegistry<Specializations>((s) => s.dispose());

/** What is known of a function before it is called. */
interface Entry {
  readonly func: GraphFunc;
  readonly isStatic: boolean;
  /** dtype and sizes of each parameter of a static function whose parameters are tensors: the short way. */
  readonly plain?: readonly { readonly dtype: string; readonly shape: readonly number[] }[];
  program?: Specialized;
}

export class GraphLibrary {
  readonly module: IRModule;
  readonly names: readonly string[];
  private readonly entries = new Map<string, Entry>();
  private readonly specializations: Specializations;
  private readonly heap = new Heap(cpuMemory());

  /** Functions with known sizes that no other function calls are compiled now; the others when they are called. */
  constructor(module: IRModule, options: SpecializeOptions = {}) {
    this.module = module;
    this.names = Object.keys(graphFuncs(module));
    this.specializations = new Specializations(options);
    forgotten.register(this, this.specializations, this);
    const called = calledFuncs(module);
    for (const name of this.names) {
      const entry = this.entry(name);
      if (entry.isStatic && !called.has(name)) this.programOf(name, entry, []);
    }
  }

  /** Calls a function. Throws an `ArgumentError` for arguments that do not fit. */
  call(name: string, args: readonly unknown[]): GraphResult {
    const entry = this.entry(name);
    const tensors = plainArguments(entry, args) ?? checkArguments(name, entry.func, args);
    const { linked } = entry.program ?? this.programOf(name, entry, tensors);
    const addresses: number[] = new Array(tensors.length);
    for (let i = 0; i < tensors.length; i++) addresses[i] = tensors[i].address;
    return this.resultOf(linked.program.functions[name].resultType, linked.run(name, addresses));
  }

  /** The result of this type; takes its tensors from the front of the outputs. */
  private resultOf(t: GraphType, outputs: Output[]): GraphResult {
    return t.kind === "tuple"
      ? t.fields.map((field) => this.resultOf(field, outputs))
      : this.tensorOf(outputs.shift() as Output);
  }

  /** Calls a function and tells what each step took. The middle one of `runs` calls, after one that is not counted. */
  profile(name: string, args: readonly unknown[], runs = 5): Profile {
    disposeResult(this.call(name, args));
    const profiles = Array.from({ length: runs }, () => this.profileOnce(name, args));
    return profiles.sort((a, b) => a.ms - b.ms)[Math.floor(runs / 2)];
  }

  private profileOnce(name: string, args: readonly unknown[]): Profile {
    const seen: Seen[] = [];
    const programs = this.specializations.all().map((s) => s.linked);
    const record = (info: Seen["info"], start: number, end: number): void => {
      seen.push({ info, start, end });
    };
    for (const p of programs) p.recorder = record;
    try {
      const start = performance.now();
      const result = this.call(name, args);
      const ms = performance.now() - start;
      disposeResult(result);
      return profileOf(name, seen, start, ms);
    } finally {
      for (const p of programs) p.recorder = undefined;
    }
  }

  /** Where the intermediate values of a call lie. `args` are needed where sizes are symbolic. */
  memoryPlan(name: string, args: readonly unknown[] = []): MemoryPlan {
    const { linked, module } = this.specialized(name, args);
    const { program } = linked;
    const constants = program.constants.reduce((n, c) => n + c.bytes.length, 0);
    return memoryPlanOf(program.functions[name], module, constants);
  }

  /** The module after the pipeline, for these arguments' sizes. */
  lowered(name: string, args: readonly unknown[] = []): IRModule {
    return this.specialized(name, args).module;
  }

  /** The generated code of what was compiled so far, one text for each WebAssembly module. */
  sources(format?: string): readonly string[] {
    const texts = this.specializations.all().flatMap(({ linked }) => linked.kernels.sources(format));
    return [...new Set(texts)];
  }

  /** When the threads of what was compiled so far have begun; undefined when there is nothing to wait for. */
  ready(): Promise<void> | undefined {
    for (const { linked } of this.specializations.all()) {
      const starting = linked.kernels.ready?.();
      if (starting) return starting;
    }
    return undefined;
  }

  /** How many threads share parallel loops of what was compiled so far, and why not more. */
  threads(): ThreadCount | undefined {
    const counts = this.specializations.all().flatMap(({ linked }) => linked.kernels.threads?.() ?? []);
    return counts.reduce<ThreadCount | undefined>((a, b) => (a && a.count >= b.count ? a : b), undefined);
  }

  /** How many programs are there, and the bytes they use of the arena. */
  get compiled(): number {
    return this.specializations.all().length;
  }

  /** Gives back what the programs need of memory. Results of calls stay valid. */
  dispose(): void {
    forgotten.unregister(this);
    this.specializations.dispose();
    for (const e of this.entries.values()) e.program = undefined;
  }

  private specialized(name: string, args: readonly unknown[]): Specialized {
    const entry = this.entry(name);
    if (entry.isStatic) return entry.program ?? this.programOf(name, entry, []);
    return this.programOf(name, entry, checkArguments(name, entry.func, args));
  }

  private entry(name: string): Entry {
    let entry = this.entries.get(name);
    if (!entry) {
      const func = getGraphFunc(this.module, name);
      const isStatic = symbolicSizesOf(func).length === 0;
      const plain = isStatic ? plainTypes(func) : undefined;
      entry = { func, isStatic, ...(plain ? { plain } : {}) };
      this.entries.set(name, entry);
    }
    return entry;
  }

  private programOf(name: string, entry: Entry, tensors: readonly Tensor[]): Specialized {
    const { func, isStatic } = entry;
    const sizes = isStatic ? new Map<number, number>() : bindSizes(name, func, tensors, this.heap);
    const found = this.specializations.get(this.module, name, func, sizes);
    if (isStatic) entry.program = found;
    return found;
  }

  /** A tensor of its own of what a program gave. */
  private tensorOf(o: Output): Tensor {
    const { memory } = this.heap;
    if (o.held?.users === 1) return Tensor.over(memory, o.address, o.shape, o.dtype, true);
    const t = Tensor.empty(o.shape, o.dtype);
    this.heap.copy(o.address, t.address, t.data.byteLength);
    this.heap.drop(o.held);
    return t;
  }
}

/** Gives back the memory of a result. */
export function disposeResult(r: GraphResult): void {
  if (r instanceof Tensor) r.dispose();
  else r.forEach(disposeResult);
}

function plainTypes(f: GraphFunc): Entry["plain"] {
  const out: { dtype: string; shape: number[] }[] = [];
  for (const { type } of f.params) {
    if (type.kind !== "tensor") return undefined;
    out.push({ dtype: type.dtype, shape: type.shape.map((s) => constInt(s) as number) });
  }
  return out;
}

/** The arguments, when they are tensors of exactly the types; undefined when a closer look is needed. */
function plainArguments({ plain }: Entry, args: readonly unknown[]): readonly Tensor[] | undefined {
  if (!plain || plain.length !== args.length) return undefined;
  for (let i = 0; i < args.length; i++) {
    const x = args[i];
    const { dtype, shape } = plain[i];
    if (!(x instanceof Tensor) || x.disposed || x.dtype !== dtype || x.shape.length !== shape.length)
      return undefined;
    for (let d = 0; d < shape.length; d++) if (x.shape[d] !== shape[d]) return undefined;
  }
  return args as readonly Tensor[];
}

function calledFuncs(mod: IRModule): Set<string> {
  const called = new Set<string>();
  for (const f of Object.values(graphFuncs(mod))) {
    visitGraphBody(f.body, (e) => {
      if (e.kind === "callFunc" || e.kind === "graphLoop") called.add(e.func);
    });
  }
  return called;
}
