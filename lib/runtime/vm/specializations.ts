/**
 * Programs for graph-level functions, one for each set of sizes that was met, in a bounded cache: the one that was not
 * used for longest makes room, and what only it needed of memory goes back.
 */

import { isDeferred } from "../../graph/passes/pass.ts";
import { type GraphFunc, getGraphFunc, type IRModule } from "../../ir/index.ts";
import { spreadLoops } from "../../tune/default/parallel.ts";
import { threadsFor } from "../thread-count.ts";
import { bindSizes, symbolicSizesOf } from "./arguments.ts";
import type { Output } from "./held.ts";
import { KernelPool } from "./kernel-pool.ts";
import { compileKernels, type KernelOptions } from "./kernels.ts";
import { LinkedProgram } from "./linked.ts";
import { type LowerOptions, lowerFunction } from "./lower.ts";
import type { Host, Specialize } from "./types.ts";

/** Programs that are kept unless the caller says otherwise. */
export const CACHE_SIZE = 16;

export interface SpecializeOptions extends KernelOptions {
  /** How many specialised programs are kept. Default 16. */
  readonly cacheSize?: number;
  /** Changes to the pipeline: passes of one's own, a recorder, other schedules. */
  readonly pipeline?: LowerOptions;
  /** Kernels that are shared with others, who have the same options. Default: a pool of one's own. */
  readonly kernels?: KernelPool;
}

export interface Specialized {
  readonly linked: LinkedProgram;
  /** The module after the pipeline: its tensor programs are what `linked` calls. */
  readonly module: IRModule;
}

export class Specializations {
  private readonly options: SpecializeOptions;
  private readonly kernels: KernelPool;
  /** In the order of last use. */
  private readonly cache = new Map<string, Specialized>();
  /** Static functions: compiled once and kept. */
  private readonly pinned = new Map<GraphFunc, Specialized>();
  private readonly numbers = new WeakMap<GraphFunc, number>();
  private readonly modules = new WeakMap<Host, IRModule>();
  private next = 0;
  private disposed = false;

  constructor(options: SpecializeOptions) {
    const { cacheSize = CACHE_SIZE } = options;
    if (!Number.isInteger(cacheSize) || cacheSize < 1)
      throw new RangeError(`cacheSize must be a whole number of at least 1, got ${cacheSize}`);
    this.options = { ...options, cacheSize };
    this.kernels = options.kernels ?? new KernelPool(options);
  }

  /** The program of a function for sizes by variable id; compiled when it is not there. */
  get(mod: IRModule, name: string, f: GraphFunc, sizes: ReadonlyMap<number, number>): Specialized {
    if (this.disposed) throw new Error(`${name}: the executable was disposed and may not be used any more`);
    // Functions that waited come anew with every program that they are part of.
    if (sizes.size === 0 && !isDeferred(f)) {
      const known = this.pinned.get(f) ?? this.compile(mod, name, sizes);
      this.pinned.set(f, known);
      return known;
    }
    const key = this.key(f, sizes);
    const known = this.cache.get(key);
    const found = known ?? this.compile(mod, name, sizes);
    this.cache.delete(key);
    this.cache.set(key, found);
    if (!known) this.shrink();
    return found;
  }

  /** Programs that are there now, in the order of last use. */
  all(): Specialized[] {
    return [...this.pinned.values(), ...this.cache.values()];
  }

  dispose(): void {
    this.disposed = true;
    for (const { linked } of this.all()) linked.dispose();
    this.pinned.clear();
    this.cache.clear();
  }

  private key(f: GraphFunc, sizes: ReadonlyMap<number, number>): string {
    let number = this.numbers.get(f);
    if (number === undefined) {
      number = this.next++;
      this.numbers.set(f, number);
    }
    return `${number}:${symbolicSizesOf(f).map((v) => sizes.get(v.id))}`;
  }

  private compile(mod: IRModule, name: string, sizes: ReadonlyMap<number, number>): Specialized {
    const { module: lowered, program, unscheduled } = lowerFunction(mod, name, sizes, this.options.pipeline);
    const isWasm = this.options.target !== "interpreter";
    const module = isWasm ? spreadLoops(lowered, threadsFor(this.options.threads).count) : lowered;
    const kernels = compileKernels(module, this.options, this.kernels);
    const rest: Specialize = (from, func, args) => this.rest(from, func, args);
    const linked = new LinkedProgram(program, kernels, rest, unscheduled);
    this.modules.set(linked, module);
    return { linked, module };
  }

  /** The rest of a function, whose sizes the arguments tell. */
  private rest(from: Host, name: string, args: readonly Output[]): Output[] {
    const mod = this.modules.get(from) as IRModule;
    const f = getGraphFunc(mod, name);
    const { linked } = this.get(mod, name, f, bindSizes(name, f, args, from.heap));
    return linked.run(
      name,
      args.map((a) => a.address),
    );
  }

  /** Drops what was not used for longest; never what is running. */
  private shrink(): void {
    for (const [key, { linked }] of this.cache) {
      if (this.cache.size <= (this.options.cacheSize as number)) return;
      if (linked.running) continue;
      this.cache.delete(key);
      linked.dispose();
    }
  }
}
