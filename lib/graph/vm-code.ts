/**
 * What the virtual machine runs: `vmLower` writes it, lib/runtime/vm executes it, a bundle stores it. Plain data (but for
 * the bytes of constants), with everything decided: shapes are numbers, tuples are taken apart into their tensors, and
 * memory has its place. Only a program that was compiled whole (`PipelineOptions.whole`), which a bundle is made of, has
 * sizes that are variables: they are set by `size` instructions, and have bounds, for which memory is planned.
 *
 * A function has numbered slots, each of which holds one tensor: memory, dtype and shape. Instructions run in order.
 */
import type { Attrs, DType, Expr, GraphType, NDArray, Var } from "../ir/index.ts";

/** Where the tensor of a slot comes from. */
export type VmSource =
  /** The argument of that number; tuples among the parameters are counted tensor by tensor. */
  | { readonly kind: "param"; readonly index: number }
  /** The constant of that number in `VmProgram.constants`, shared by all functions. */
  | { readonly kind: "constant"; readonly index: number }
  /** Bytes of the function's arena; aligned to 64. Several slots may name the same bytes, at different times or as views. */
  | { readonly kind: "arena"; readonly offset: number }
  /** An instruction sets it: alloc, view, move, callFunc, loop. */
  | { readonly kind: "set" };

export interface VmSlot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** The sizes, where they are not all numbers. `shape` and `bytes` are the most that they can come to. */
  readonly sizes?: readonly Expr[];
  readonly source: VmSource;
}

/** The number of a slot. */
export type Slot = number;

export type VmInstr =
  /** A tensor program on inputs, then outputs; `scalars` are its scalar parameters. `node` names the value it makes. */
  | {
      readonly op: "callTir";
      readonly func: string;
      readonly args: readonly Slot[];
      readonly scalars: readonly (number | Expr)[];
      readonly node: string;
    }
  /** A registered library function on inputs and outputs. */
  | {
      readonly op: "callPacked";
      readonly func: string;
      readonly args: readonly Slot[];
      readonly outputs: readonly Slot[];
      readonly attrs: Attrs;
      readonly node: string;
    }
  /** Another function of the program; its results, tensor by tensor, come into `dst`. */
  | {
      readonly op: "callFunc";
      readonly func: string;
      readonly args: readonly Slot[];
      readonly dst: readonly Slot[];
      readonly node: string;
    }
  /** `cond`: bool, one element. What the branches give they `move` into slots that are used afterwards. */
  | {
      readonly op: "if";
      readonly cond: Slot;
      readonly then: readonly VmInstr[];
      readonly else: readonly VmInstr[];
      readonly node: string;
    }
  /**
   * `func` on (iteration: i64[], condition: bool[], …carried, …captured), giving (condition, …carried, …scanned), while
   * the condition holds (absent: true) and at most `trip` times (i64 of one element; absent: no bound). `dst`: the
   * carried values, then the scanned ones stacked along a new first axis, whose size is the number of iterations: the
   * slot's shape has the largest number there (the type's), and must be what happened, unless that many are only the most
   * and `count` is the size that the number of iterations becomes.
   */
  | {
      readonly op: "loop";
      readonly func: string;
      readonly trip?: Slot;
      readonly cond?: Slot;
      readonly carried: readonly Slot[];
      readonly captured: readonly Slot[];
      readonly dst: readonly Slot[];
      readonly count?: Var;
      readonly node: string;
    }
  /** New memory, of the slot's type: for what the function gives away. */
  | { readonly op: "alloc"; readonly dst: Slot }
  /** The memory of `src` with dst's shape. */
  | { readonly op: "view"; readonly dst: Slot; readonly src: Slot }
  /** `dst` is the tensor `src`; nothing is copied. */
  | { readonly op: "move"; readonly dst: Slot; readonly src: Slot }
  /** From here on the size `v`, of 0 to `most`, is an element of an integer tensor, or what an expression of sizes gives. */
  | {
      readonly op: "size";
      readonly v: Var;
      readonly from: { readonly slot: Slot; readonly element: number } | { readonly value: Expr };
      readonly most: number;
      readonly node: string;
    }
  /** Two sizes have to be equal for what `node` computes to mean anything. */
  | { readonly op: "sameSize"; readonly a: Expr; readonly b: Expr; readonly node: string }
  /** What these slots hold is not used any more; memory that an alloc, call or loop made may go back. */
  | { readonly op: "kill"; readonly slots: readonly Slot[] }
  /**
   * The last instruction of a function whose sizes depend on its data: the result is that of `func` (a graph-level
   * function of the module, not yet lowered) on these arguments, specialised to the values of its `tensorToShape`s,
   * whose operands are parameters of it, or to its parameters' shapes. With `late`, what that gives is passed too, after
   * `args`.
   */
  | {
      readonly op: "specialize";
      readonly func: string;
      readonly args: readonly Slot[];
      readonly late?: VmLate;
    };

/** What is run to find out the sizes of its results. Functions are not yet lowered, as in `specialize`. */
export type VmLate =
  | { readonly kind: "call"; readonly func: string; readonly args: readonly Slot[] }
  | { readonly kind: "if"; readonly cond: Slot; readonly then: VmLate; readonly else: VmLate }
  /** As the instruction `loop`; `scanned`: types of the rows that are stacked, with -1 for sizes that are not known. */
  | {
      readonly kind: "loop";
      readonly func: string;
      readonly trip?: Slot;
      readonly cond?: Slot;
      readonly carried: readonly Slot[];
      readonly captured: readonly Slot[];
      readonly scanned: readonly { readonly dtype: DType; readonly shape: readonly number[] }[];
      readonly node: string;
    };

export interface VmFunction {
  readonly name: string;
  /** Names and types of the parameters as people give them: tuples are not taken apart here. */
  readonly params: readonly { readonly name: string; readonly type: GraphType }[];
  readonly slots: readonly VmSlot[];
  /** Sizes that the parameters' types declare: who calls it gives them. With the most that each can be. */
  readonly sizes: readonly { readonly v: Var; readonly most: number }[];
  readonly code: readonly VmInstr[];
  /** The slots of the result's tensors. Empty when the last instruction is `specialize`. */
  readonly results: readonly Slot[];
  /** How they make up the result. */
  readonly resultType: GraphType;
  /** Size of the arena. A function calls no function that is running, so one arena each is enough. */
  readonly arenaBytes: number;
}

export interface VmProgram {
  readonly functions: { readonly [name: string]: VmFunction };
  readonly constants: readonly NDArray[];
}
