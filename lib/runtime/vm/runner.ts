/** What runs the graph-level functions of a module: on the CPU at once, on a GPU by and by. */
import type { IRModule } from "../../ir/index.ts";
import type { ThreadCount } from "../threads/index.ts";
import type { GraphResult } from "./library.ts";
import type { MemoryPlan } from "./plan.ts";
import type { Profile } from "./profile.ts";

export interface CallOptions {
  /** Where the results are to be. Default: on the GPU if an argument is there. */
  readonly outputs?: "cpu" | "gpu";
}

export interface GraphRunner {
  readonly module: IRModule;
  readonly names: readonly string[];
  /** Calls a function. Throws (or rejects with) an `ArgumentError` for arguments that do not fit. */
  call(name: string, args: readonly unknown[], options?: CallOptions): GraphResult | Promise<GraphResult>;
  /** Calls a function and tells what each step took: the middle one of `runs` calls. */
  profile(name: string, args: readonly unknown[], runs?: number): Profile | Promise<Profile>;
  /** Where the intermediate values of a call lie. `args` are needed where sizes are symbolic. */
  memoryPlan(name: string, args?: readonly unknown[]): MemoryPlan;
  /** The module after the pipeline, for these arguments' sizes. */
  lowered(name: string, args?: readonly unknown[]): IRModule;
  /** Why a function, or a step of it, runs on another device than the target says: a line for each. */
  notes?(name: string, args: readonly unknown[]): Promise<readonly string[]>;
  /** The generated code of what was compiled so far, in its parts. */
  sources(format?: string): readonly string[];
  /** How many programs are there. */
  readonly compiled: number;
  /** When the threads of what was compiled so far have begun; undefined when there is nothing to wait for. */
  ready(): Promise<void> | undefined;
  /** How many threads share parallel loops of what was compiled so far, and why not more. */
  threads(): ThreadCount | undefined;
  /** Gives back what the programs need of memory. Results of calls stay valid. */
  dispose(): void;
}
