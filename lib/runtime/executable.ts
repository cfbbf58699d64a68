/** Built modules: functions that can be called and timed. */
import {
  type Argument,
  ArgumentError,
  type Bound,
  bindArguments,
  describeParam,
  isBufferArg,
} from "../codegen/index.ts";
import { getPrimFunc, type IRModule, type PrimFunc, primFuncs, type Scalar, visitStmt } from "../ir/index.ts";
import type { Backend, Prepared, Target } from "./backend.ts";
import { countFlops } from "./flops.ts";
import { Tensor } from "./tensor.ts";
import { measure, measureTogether, type TimeOptions, type Timing } from "./timing.ts";

/** What a function takes: a tensor for each buffer, a number for each scalar parameter. */
export type KernelArg = Tensor | Scalar | boolean;
/** A function of a built module. It writes into its arguments; the promise rejects when they do not fit. */
export type Kernel = (...args: KernelArg[]) => Promise<void>;

/** The members that every executable has beside its functions. */
export interface ExecutableMethods {
  readonly target: Target;
  readonly module: IRModule;
  /** All functions by name, also those whose name is taken by a member listed here. */
  readonly functions: Readonly<Record<string, Kernel>>;
  /** Checks the arguments once and returns what makes the call, for loops and measurements. */
  prepare(name: string, args: readonly KernelArg[]): Prepared;
  /** Measures a function: warm-up, then measurements of enough calls each. Counts its work where it can. */
  time(name: string, args: readonly KernelArg[], options?: TimeOptions): Promise<Timing>;
  /** The generated code, for example `source("wat")`. */
  source(format?: string): string;
}

/** A built module; its functions are its members: `await lib.matmul(a, b, c)`. */
export type Executable = ExecutableMethods & { readonly [name: string]: Kernel };

/** `then` would make an executable a promise in the eyes of `await`. */
const RESERVED = new Set(["target", "module", "functions", "prepare", "time", "source", "then", "toString"]);

/** What `build` gives; its type for readers is `Executable`. */
export class Built implements ExecutableMethods {
  readonly target: Target;
  readonly module: IRModule;
  readonly functions: Readonly<Record<string, Kernel>>;
  readonly #backend: Backend;

  constructor(module: IRModule, backend: Backend) {
    this.module = module;
    this.target = backend.target;
    this.#backend = backend;
    const functions: Record<string, Kernel> = {};
    for (const name of Object.keys(primFuncs(module))) {
      functions[name] = async (...args) => this.prepare(name, args)();
      if (!RESERVED.has(name)) {
        Object.defineProperty(this, name, { value: functions[name], enumerable: true });
      }
    }
    this.functions = functions;
  }

  prepare(name: string, args: readonly KernelArg[]): Prepared {
    return this.#bind(name, args).run;
  }

  async time(name: string, args: readonly KernelArg[], options: TimeOptions = {}): Promise<Timing> {
    const { run, bound } = this.#bind(name, args);
    const flops = options.flops ?? (countFlops(getPrimFunc(this.module, name), bound.sizes) || undefined);
    return measure(name, this.target, run, { ...options, flops });
  }

  source(format?: string): string {
    return this.#backend.source(format);
  }

  toString(): string {
    return `Executable (${this.target}): ${Object.keys(this.functions).join(", ")}`;
  }

  #bind(name: string, args: readonly KernelArg[]): { run: Prepared; bound: Bound } {
    const func = getPrimFunc(this.module, name);
    func.params.slice(0, args.length).forEach((p, i) => {
      if (p.kind === "buffer") checkTensor(args[i], `${name}: argument ${i} (${p.name})`, describeParam(p));
    });
    const bound = bindArguments(func, args, name);
    checkOverlap(func, args, name);
    const fixed: readonly Argument[] = [...args];
    const run = this.#backend.prepare(name, fixed, bound);
    const tensors = fixed.filter((a): a is Tensor => a instanceof Tensor);
    const checked = (): void => {
      for (const t of tensors) if (t.disposed) throw new Error(`${name}: an argument, ${t}, was disposed`);
      run();
    };
    return { run: checked, bound };
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
  const things = Object.entries(variants).map(([name, lib]) => {
    const run = lib.prepare(func, args);
    const f = getPrimFunc(lib.module, func);
    const flops = options.flops ?? (countFlops(f, bindArguments(f, args, func).sizes) || undefined);
    return { name, target: lib.target, run, flops };
  });
  return measureTogether(things, options);
}

/** An executable over a code generator's result. */
export function executable(module: IRModule, backend: Backend): Executable {
  return new Built(module, backend) as ExecutableMethods as Executable;
}

function checkTensor(x: unknown, which: string, wanted: string): void {
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

const written = new WeakMap<PrimFunc, ReadonlySet<number>>();

/** Ids of the buffers a function writes. */
function writtenBy(f: PrimFunc): ReadonlySet<number> {
  let ids = written.get(f);
  if (!ids) {
    const found = new Set<number>();
    visitStmt(f.body, {
      stmt: (s) => {
        if (s.kind === "store") found.add(s.buffer.id);
        if (s.kind === "block") for (const r of s.writes ?? []) found.add(r.buffer.id);
      },
    });
    ids = found;
    written.set(f, ids);
  }
  return ids;
}

/** Generated code takes for granted that what it writes is seen through one parameter alone. */
function checkOverlap(f: PrimFunc, args: readonly KernelArg[], name: string): void {
  const writes = writtenBy(f);
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
      throw new ArgumentError(
        `${name}: arguments ${a.i} (${a.p.name}) and ${b.i} (${b.p.name}) share memory, and ${a.p.name} is written: ` +
          "pass a tensor of its own, for example a clone()",
      );
    }
  }
}
