/**
 * What the pipeline makes of a graph-level function: straight-line code over addresses. All sizes are numbers, and ifs,
 * loops, calls of graph-level functions and sizes that depend on data are not among it: the virtual machine
 * (lib/runtime/vm) cuts a function at those and runs the pipeline on the pieces.
 */
import type { Attrs, DType, NDArray } from "../ir/index.ts";

/** Where a tensor lies. Views (reshapes) are tensors of other shapes at the same place. */
export type VmPlace =
  /** An argument of the call; tuples among the parameters count as their fields, in order. */
  | { readonly kind: "param"; readonly index: number }
  /** One of `VmFunction.constants`. */
  | { readonly kind: "constant"; readonly index: number }
  /** Bytes from the start of the arena; a multiple of 64. */
  | { readonly kind: "arena"; readonly offset: number }
  /** The memory of a result, which is new in each call; it may be read after it was written. */
  | { readonly kind: "result"; readonly index: number };

export interface VmTensor {
  readonly place: VmPlace;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export type VmInstruction =
  /** A tensor program of the module: its buffers are `args`, then `outs`, then its scalar parameters are `scalars`. */
  | {
      readonly kind: "callTir";
      readonly func: string;
      readonly args: readonly VmTensor[];
      readonly outs: readonly VmTensor[];
      readonly scalars: readonly number[];
      /** The variable it computes: what profiles call the step. */
      readonly name: string;
    }
  | {
      readonly kind: "callPacked";
      readonly func: string;
      readonly args: readonly VmTensor[];
      readonly outs: readonly VmTensor[];
      readonly attrs: Attrs;
      readonly name: string;
    }
  /** The bytes of one tensor to another place: a result that is a parameter, a constant or a result already. */
  | { readonly kind: "copy"; readonly from: VmTensor; readonly to: VmTensor; readonly name: string };

/** One piece of memory of the arena, for the picture of the plan. */
export interface PlannedStorage {
  readonly offset: number;
  readonly bytes: number;
  /** The values that lie in it, one after the other. Steps are indices of instructions. */
  readonly uses: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly first: number;
    readonly last: number;
  }[];
}

export interface MemoryPlan {
  readonly storages: readonly PlannedStorage[];
  readonly arenaBytes: number;
  /** Bytes of the largest set of values that live at the same time: no plan can do with less. */
  readonly lowerBound: number;
}

/** A type with sizes that are numbers. */
export type VmType =
  | { readonly kind: "tensor"; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly kind: "tuple"; readonly fields: readonly VmType[] };

export interface VmFunction {
  readonly params: readonly { readonly name: string; readonly type: VmType }[];
  /** What a call gives: a tensor, or (nested) tuples of tensors, whose leaves in order are the results. */
  readonly result: VmType;
  /** Shared by identity: the same object is uploaded once. */
  readonly constants: readonly NDArray[];
  readonly instructions: readonly VmInstruction[];
  readonly plan: MemoryPlan;
}

/** The tensors of a type, in order. */
export function leavesOf(t: VmType): (VmType & { kind: "tensor" })[] {
  return t.kind === "tensor" ? [t] : t.fields.flatMap(leavesOf);
}
