/**
 * Compiled tensor programs that several lowered modules share: what a model needs for another set of sizes is mostly what it
 * had for the last one, and only the programs that mention what changed are compiled. A kernel is there as long as a module
 * that calls it.
 */
import { expandExterns, isClosed } from "../../codegen/externs.ts";
import { instantiateWasmNow, type WasmFunction } from "../../codegen/wasm/index.ts";
import { irModule, type PrimFunc, ProgramMap } from "../../ir/index.ts";
import { threadsFor } from "../thread-count.ts";
import { type WasmCode, type WasmCodeOptions, wasmCode } from "../wasm-code.ts";

export interface Kernel {
  /** The program that was compiled: its variables are those of `code`. */
  readonly func: PrimFunc;
  readonly code: WasmFunction;
  readonly entry: CallableFunction;
  /** The WebAssembly module it is part of, with all that was compiled at the same time. */
  readonly module: WasmCode;
}

interface Shared extends Kernel {
  /** Where it is known. */
  readonly among: ProgramMap<Shared>;
  users: number;
}

export class KernelPool {
  private readonly options: WasmCodeOptions;
  /** By the number of threads that code has room for. */
  private readonly known = new Map<number, ProgramMap<Shared>>();
  private made = 0;

  constructor(options: WasmCodeOptions = {}) {
    this.options = options;
  }

  /** How many programs were compiled so far. */
  get compiled(): number {
    return this.made;
  }

  /** How many kernels are kept for programs that come again. */
  get size(): number {
    let n = 0;
    for (const programs of this.known.values()) n += programs.size;
    return n;
  }

  /**
   * Kernels of programs by name, until each is given back with `release`. Those that are not there are compiled, as one
   * WebAssembly module.
   */
  acquire(programs: Readonly<Record<string, PrimFunc>>): Map<string, Kernel> {
    const { count } = threadsFor(this.options.threads);
    const among = this.known.get(count) ?? new ProgramMap<Shared>();
    this.known.set(count, among);
    const kernels = new Map<string, Shared>();
    const missing: Record<string, PrimFunc> = {};
    for (const [name, given] of Object.entries(programs)) {
      const func = expandExterns(given, (callee) => programs[callee], true);
      const known = isClosed(func) ? among.get(func) : undefined;
      if (known) kernels.set(name, known);
      else missing[name] = func;
    }
    if (Object.keys(missing).length > 0)
      for (const [name, kernel] of this.compile(missing, among)) kernels.set(name, kernel);
    for (const kernel of kernels.values()) kernel.users++;
    return kernels;
  }

  release(kernel: Kernel): void {
    const shared = kernel as Shared;
    if (--shared.users === 0) shared.among.delete(shared.func, shared);
  }

  private compile(
    programs: Readonly<Record<string, PrimFunc>>,
    among: ProgramMap<Shared>,
  ): Map<string, Shared> {
    const module = wasmCode(irModule(programs), this.options);
    const { exports } = instantiateWasmNow(module.code, module.memory.memory, module.spread);
    const made = new Map<string, Shared>();
    for (const [name, func] of Object.entries(programs)) {
      const entry = exports[name] as CallableFunction;
      const kernel = { func, code: module.code.functions[name], entry, module, among, users: 0 };
      made.set(name, kernel);
      // What is linked under a name may be another kernel next time.
      if (isClosed(func)) among.set(func, kernel);
    }
    this.made += made.size;
    return made;
  }
}
