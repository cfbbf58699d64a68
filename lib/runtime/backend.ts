/** What stands between an executable and a code generator: one implementation for each target. */
import type { Argument, Bound } from "../codegen/index.ts";
import type { ThreadCount } from "./threads/index.ts";

export type Target = "wasm" | "interpreter" | "webgpu";
export const TARGETS = ["wasm", "interpreter", "webgpu"] as const satisfies readonly Target[];

/**
 * A call with its arguments bound: what runs when nothing is left to check. On a GPU it gives a promise, which is
 * fulfilled when the results are in the arguments.
 */
export type Prepared = () => void | Promise<void>;

export interface Backend {
  readonly target: Target;
  /** `args` fit the function (see `bindArguments`); `bound` is what they said about sizes and scalars. */
  prepare(name: string, args: readonly Argument[], bound: Bound): Prepared;
  /** How many threads share parallel loops, and why not more; absent where that is up to the device. */
  threads?(): ThreadCount;
  /** When the threads of parallel loops have begun; undefined when there is nothing to wait for. */
  ready?(): Promise<void> | undefined;
  /** Generated code as text. Throws for formats the target does not have, naming those it has. */
  source(format: string | undefined): string;
}
