/** What stands between an executable and a code generator: one implementation for each target. */
import type { Argument, Bound, RemoteArg } from "../codegen/index.ts";
import type { ThreadCount } from "./threads/index.ts";

export type Target = "wasm" | "interpreter" | "webgpu";
export const TARGETS = ["wasm", "interpreter", "webgpu"] as const satisfies readonly Target[];

/**
 * A call with its arguments bound: what runs when nothing is left to check. On a GPU it gives a promise, which is
 * fulfilled when the results are in the arguments.
 */
export interface Prepared {
  (): void | Promise<void>;
  /** Milliseconds that so many calls take by the clock of the device: kernels alone, without copies. */
  timed?(calls: number): Promise<number>;
}

/** Which clock times are read from: that of the machine, around calls, or the GPU's own, around kernels. */
export type Clock = "wall" | "timestamp-query";

export interface Backend {
  readonly target: Target;
  /** `args` fit the function (see `bindArguments`); `bound` is what they said about sizes and scalars. */
  prepare(name: string, args: readonly (Argument | RemoteArg)[], bound: Bound): Prepared;
  /** How many threads share parallel loops, and why not more; absent where that is up to the device. */
  threads?(): ThreadCount;
  /** When the threads of parallel loops have begun; undefined when there is nothing to wait for. */
  ready?(): Promise<void> | undefined;
  /** Generated code as text. Throws for formats the target does not have, naming those it has. */
  source(format: string | undefined): string;
}
