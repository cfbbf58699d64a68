/** What a primitive is, and the handles by which readers name blocks and loops. */
import type { PrimFunc } from "../ir/index.ts";

/**
 * Handles ("random variables" in the field's words: what they stand for may be drawn). They hold no node: a handle
 * names a block or loop by its ir id in function `func`, and is looked up in the state it is used on. `name` is for
 * display only.
 */
export interface BlockRV {
  readonly kind: "blockRV";
  /** `Block.id`. */
  readonly id: number;
  readonly name: string;
  readonly func: string;
}

export interface LoopRV {
  readonly kind: "loopRV";
  /** The id of the loop's variable; of a place that was drawn, an id of its own. */
  readonly id: number;
  readonly name: string;
  readonly func: string;
}

export type RV = BlockRV | LoopRV;

/** A number that was drawn: a factor, a choice. `sch.get` tells it; primitives take it where they take the number. */
export interface ExprRV {
  readonly kind: "exprRV";
  readonly id: number;
  readonly name: string;
}

export type AnyRV = RV | ExprRV;

/**
 * A primitive: a pure function of a function, the ids of blocks and loops, and plain arguments. It returns the new
 * function, or `{ func, … }` with the ids of what it made under `block`, `loop` or `loops`. It refuses by throwing
 * `ScheduleError(refusal)` and never changes its argument. Ids of what survives are kept.
 */
export type Primitive<Args extends readonly unknown[], R extends Changed = PrimFunc> = (
  f: PrimFunc,
  ...args: Args
) => R;

/** What a primitive returns. */
export type Changed = PrimFunc | WithBlock | WithBlocks | WithLoop | WithLoops;

export interface WithBlock {
  readonly func: PrimFunc;
  /** Id of the block that was made. */
  readonly block: number;
}

export interface WithBlocks {
  readonly func: PrimFunc;
  /** Ids of the blocks that were made, in program order. */
  readonly blocks: readonly number[];
}

export interface WithLoop {
  readonly func: PrimFunc;
  /** Id of the loop that was made. */
  readonly loop: number;
}

export interface WithLoops {
  readonly func: PrimFunc;
  /** Ids of the loops that were made, outermost first. */
  readonly loops: readonly number[];
}
