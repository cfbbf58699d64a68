/** What a schedule is at a moment: all that undo brings back. */
import type { IRModule } from "../ir/index.ts";
import { Names } from "./names.ts";
import type { Instruction } from "./trace.ts";
import type { AnyRV } from "./types.ts";

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

/** Its maps are this state's own; everything in them, and everything else, is never changed in place. */
export interface State {
  module: IRModule;
  /** The function `workOn` named. */
  current: string | undefined;
  readonly names: Names;
  /** What became of blocks, loops and values that can no longer be used, by key. */
  readonly gone: Map<string, string>;
  /** Drawn numbers, by the id of their handle. */
  readonly values: Map<number, number>;
  /** Drawn places, by the id of their handle: the id of a loop, or one of the places of `compute-location.ts`. */
  readonly places: Map<number, number>;
  /** Of the generator of random numbers. */
  random: number;
  steps: readonly Step[];
  instructions: readonly Instruction[];
}

export const firstState = (module: IRModule, random: number): State => ({
  module,
  current: undefined,
  names: new Names(),
  gone: new Map(),
  values: new Map(),
  places: new Map(),
  random,
  steps: [],
  instructions: [],
});

export const copyState = (s: State): State => ({
  ...s,
  names: new Names(s.names),
  gone: new Map(s.gone),
  values: new Map(s.values),
  places: new Map(s.places),
});

/** Handles of one block, loop or value have one key. */
export const keyOf = (
  rv: Pick<AnyRV, "id"> & { readonly kind: AnyRV["kind"]; readonly func?: string },
): string => (rv.kind === "exprRV" ? `value/${rv.id}` : `${rv.func}/${rv.id}`);
