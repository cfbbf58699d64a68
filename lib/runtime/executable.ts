/** Built modules: functions that can be called and timed. */
import { type Argument, ArgumentError, bindArguments, describeParam, isBufferArg } from "../codegen/index.ts";
import {
  getFunc,
  getGraphFunc,
  getPrimFunc,
  type IRModule,
  type Param,
  type PrimFunc,
  primFuncs,
  type Scalar,
} from "../ir/index.ts";
import type { Backend, Prepared, Target } from "./backend.ts";
import { countFlops } from "./flops.ts";
import { Tensor } from "./tensor.ts";
import type { ThreadCount } from "./threads/index.ts";
import { measure, measureTogether, type TimeOptions, type Timing } from "./timing.ts";
import type { GraphArg } from "./vm/arguments.ts";
import { disposeResult, type GraphResult } from "./vm/library.ts";
import type { MemoryPlan } from "./vm/plan.ts";
import type { Profile } from "./vm/profile.ts";
import type { GraphRunner } from "./vm/runner.ts";
import { GpuTensor } from "./webgpu/tensor.ts";
import { writtenBy } from "./written.ts";

/** What a function takes: a tensor for each buffer, a number for each scalar parameter. */
export type KernelArg = GraphArg | GpuTensor | readonly GpuTensor[] | Scalar | boolean;
/**
 * A function of a built module. A tensor program writes into its arguments and gives nothing; a graph-level function
 * gives its result, a tensor, or an array for a tuple (then say so: `lib.main<Tensor[]>(x)`); where an argument is on the
 * GPU, results are there too (`lib.main<GpuTensor>(x)`). The promise rejects when the arguments do not fit.
 */
export type Kernel = <Result extends GraphResult | GpuTensor | readonly GpuTensor[] | void = Tensor>(
  ...args: KernelArg[]
) => Promise<NoInfer<Result>>;

/** The members that every executable has beside its functions. */
export interface ExecutableMethods {
  readonly target: Target;
  readonly module: IRModule;
  /** How many threads share its parallel loops, and why not more. */
  readonly threads: ThreadCount;
  /** All functions by name, also those whose name is taken by a member listed here. */
  readonly functions: Readonly<Record<string, Kernel>>;
  /** Checks the arguments once and returns what makes the call, for loops and measurements. */
  prepare(name: string, args: readonly KernelArg[]): Prepared;
  /** Measures a function: warm-up, then measurements of enough calls each. Counts its work where it can. */
  time(name: string, args: readonly KernelArg[], options?: TimeOptions): Promise<Timing>;
  /** The generated code, for example `source("wat")`. */
  source(format?: string): string;
  /** Calls a graph-level function and tells what each of its steps took. */
  profile(name: string, args: readonly KernelArg[], options?: ProfileOptions): Promise<Profile>;
  /** Where the intermediate values of a graph-level function lie; `args` are needed where sizes are symbolic. */
  memoryPlan(name: string, args?: readonly KernelArg[]): MemoryPlan;
  /** The module after the pipeline, as a graph-level function runs it; `args` as for `memoryPlan`. */
  lowered(name: string, args?: readonly KernelArg[]): IRModule;
  /** Gives back the memory of constants and compiled functions. Results of calls stay valid. */
  dispose(): void;
}

export interface ProfileOptions {
  /** Calls of which the middle one is told. Default 5. */
  readonly runs?: number;
}

/** A built module; its functions are its members: `await lib.matmul(a, b, c)`. */
export type Executable = ExecutableMethods & { readonly [name: string]: Kernel };

/** `then` would make an executable a promise in the eyes of `await`. */
const RESERVED = new Set([
  ...[
    "target",
    "module",
    "threads",
    "functions",
    "prepare",
    "time",
    "source",
    "profile",
    "memoryPlan",
    "lowered",
  ],
  ...["dispose", "then", "toString"],
]);

/** What `build` gives; its type for readers is `Executable`. */
export class Built implements ExecutableMethods {
  readonly target: Target;
  readonly module: IRModule;
  readonly functions: Readonly<Record<string, Kernel>>;
  readonly #backend: Backend;
  readonly #graph: GraphRunner | undefined;

  constructor(module: IRModule, backend: Backend, graph?: GraphRunner) {
    this.module = module;
    this.target = backend.target;
    this.#backend = backend;
    this.#graph = graph;
    const functions: Record<string, Kernel> = {};
    const programs = primFuncs(module);
    for (const name of Object.keys(module.funcs)) {
      const run = Object.hasOwn(programs, name)
        ? async (...args: KernelArg[]) => this.#call(this.prepare(name, args))
        : async (...args: KernelArg[]) => this.#call(() => this.#graphs(name).call(name, args));
      functions[name] = run as Kernel;
      if (!RESERVED.has(name)) {
        Object.defineProperty(this, name, { value: functions[name], enumerable: true });
      }
    }
    this.functions = functions;
  }

  prepare(name: string, args: readonly KernelArg[]): Prepared {
    if (getFunc(this.module, name).kind === "primFunc") return this.#bind(name, args);
    const graph = this.#graphs(name);
    return () => {
      const given = graph.call(name, args);
      return given instanceof Promise ? given.then(disposeResult) : disposeResult(given);
    };
  }

  get threads(): ThreadCount {
    const counts = [this.#backend.threads?.(), this.#graph?.threads()].filter((x) => x !== undefined);
    const most = counts.sort((a, b) => b.count - a.count)[0];
    return most ?? { count: 1, reason: `target ${this.target} has its own ways to run loops side by side` };
  }

  async time(name: string, args: readonly KernelArg[], options: TimeOptions = {}): Promise<Timing> {
    const run = this.prepare(name, args);
    await this.#ready();
    return measure(name, this.target, run, { ...(await workOf(this, name, args)), ...options });
  }

  source(format?: string): string {
    const own = Object.keys(primFuncs(this.module)).length > 0 || !this.#graph;
    return [own ? this.#backend.source(format) : "", ...(this.#graph?.sources(format) ?? [])]
      .filter((text) => text !== "")
      .join("\n");
  }

  async profile(name: string, args: readonly KernelArg[], options: ProfileOptions = {}): Promise<Profile> {
    const { runs = 5 } = options;
    if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`profile: runs ${runs}`);
    return this.#graphs(name).profile(name, args, runs);
  }

  memoryPlan(name: string, args: readonly KernelArg[] = []): MemoryPlan {
    return this.#graphs(name).memoryPlan(name, args);
  }

  lowered(name: string, args: readonly KernelArg[] = []): IRModule {
    return this.#graphs(name).lowered(name, args);
  }

  dispose(): void {
    this.#graph?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `Executable (${this.target}): ${Object.keys(this.functions).join(", ")}`;
  }

  /** When the threads have begun: a call that does not wait for them runs without them. */
  #ready(): Promise<void> | undefined {
    return this.#backend.ready?.() ?? this.#graph?.ready();
  }

  async #call<X>(run: () => X): Promise<X> {
    const starting = this.#ready();
    if (starting) await starting;
    return run();
  }

  /** What runs the graph-level functions. Throws, with what there is, when `name` is none. */
  #graphs(name: string): GraphRunner {
    getGraphFunc(this.module, name);
    return this.#graph as GraphRunner;
  }

  #bind(name: string, args: readonly KernelArg[]): Prepared {
    const func = getPrimFunc(this.module, name);
    func.params.slice(0, args.length).forEach((p, i) => {
      const which = `${name}: argument ${i} (${p.name})`;
      if (p.kind === "buffer") checkTensor(args[i], which, describeParam(p), this.target);
    });
    const bound = bindArguments(func, args, name);
    checkOverlap(func, args, name);
    const fixed = [...args] as readonly Argument[];
    const run = this.#backend.prepare(name, fixed, bound);
    const tensors = args.filter(
      (a): a is Tensor | GpuTensor => a instanceof Tensor || a instanceof GpuTensor,
    );
    const check = (): void => {
      for (const t of tensors) if (t.disposed) throw new Error(`${name}: an argument, ${t}, was disposed`);
    };
    const checked = (): void | Promise<void> => {
      check();
      return run();
    };
    const { timed } = run;
    if (!timed) return checked;
    return Object.assign(checked, {
      timed: async (calls: number) => {
        check();
        return timed(calls);
      },
    });
  }
}

/**
 * Measures one function of several executables against each other, in turn: `compare({ plain, tiled }, "matmul", [a, b,
 * c])`. The names of the variants are the names of the timings.
 */
export async function compare(
  variants: Readonly<Record<string, Executable>>,
  func: string,
  args: readonly KernelArg[],
  options: Omit<TimeOptions, "name"> = {},
): Promise<Timing[]> {
  const things = [];
  for (const [name, lib] of Object.entries(variants)) {
    const run = lib.prepare(func, args);
    const { flops, bytes } = { ...(await workOf(lib, func, args)), ...options };
    things.push({ name, target: lib.target, run, flops, bytes });
  }
  return measureTogether(things, options);
}

/**
 * What a call does: floating-point operations, where those of all its steps can be counted, and the bytes of the
 * arguments, which have to move at least once (for a graph-level function, those of all its steps).
 */
async function workOf(
  lib: ExecutableMethods,
  name: string,
  args: readonly KernelArg[],
): Promise<{ flops?: number; bytes?: number }> {
  const f = getFunc(lib.module, name);
  if (f.kind === "primFunc") {
    const flops = countFlops(f, bindArguments(f, args, name).sizes) || undefined;
    const bytes = args.reduce((n: number, a) => n + (isBufferArg(a) ? a.data.byteLength : 0), 0);
    return { flops, bytes };
  }
  const { steps } = await lib.profile(name, args, { runs: 1 });
  const counted = steps.every((s) => s.flops !== undefined);
  return {
    flops: (counted && steps.reduce((n, s) => n + (s.flops as number), 0)) || undefined,
    bytes: steps.reduce((n, s) => n + s.bytes, 0),
  };
}

/** An executable over a code generator's result. */
export function executable(module: IRModule, backend: Backend, graph?: GraphRunner): Executable {
  return new Built(module, backend, graph) as ExecutableMethods as Executable;
}

function checkTensor(x: unknown, which: string, wanted: string, target: Target): void {
  if (x instanceof GpuTensor) {
    if (x.disposed)
      throw new ArgumentError(`${which} must be ${wanted}, got a tensor that was disposed: ${x}`);
    if (target !== "webgpu")
      throw new ArgumentError(`${which}: ${x}; bring it here with await t.to("cpu"), or build for "webgpu"`);
    return;
  }
  if (x instanceof Tensor) {
    if (x.disposed)
      throw new ArgumentError(`${which} must be ${wanted}, got a tensor that was disposed: ${x}`);
    return;
  }
  const array = Array.isArray(x) || ArrayBuffer.isView(x);
  if (array || isBufferArg(x)) {
    const kind = Array.isArray(x) ? "array" : x.constructor.name;
    throw new ArgumentError(
      `${which} must be a Tensor, ${wanted}, got a JavaScript ${kind}: copy it to the device with Tensor.from(…)`,
    );
  }
  // Anything else is refused by bindArguments, with the same words.
}

/** Generated code takes for granted that what it writes is seen through one parameter alone. */
function checkOverlap(f: PrimFunc, args: readonly KernelArg[], name: string): void {
  const writes = writtenBy(f);
  const remote = f.params.flatMap((p, i) => {
    const t = args[i];
    return t instanceof GpuTensor && t.size > 0 ? [{ p, i, from: t.buffer }] : [];
  });
  const shares = (a: { p: Param; i: number }, b: { p: Param; i: number }): never => {
    throw new ArgumentError(
      `${name}: arguments ${a.i} (${a.p.name}) and ${b.i} (${b.p.name}) share memory, and ${a.p.name} is written: ` +
        "pass a tensor of its own, for example a clone()",
    );
  };
  for (const a of remote)
    for (const b of remote) if (a !== b && a.from === b.from && writes.has(a.p.id)) shares(a, b);
  const tensors = f.params.flatMap((p, i) => {
    const t = args[i];
    return t instanceof Tensor && t.size > 0
      ? [{ p, i, from: t.address, to: t.address + t.data.byteLength }]
      : [];
  });
  for (const a of tensors) {
    if (!writes.has(a.p.id)) continue;
    for (const b of tensors) {
      if (a === b || a.to <= b.from || b.to <= a.from) continue;
      shares(a, b);
    }
  }
}
