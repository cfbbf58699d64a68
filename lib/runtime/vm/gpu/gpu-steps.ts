/** What a function on a GPU is made of: kernels, what runs on the CPU, copies, and what depends on data. */
import type { Bound } from "../../../codegen/index.ts";
import type { WgslFunction } from "../../../codegen/wgsl/index.ts";
import { type Attrs, BYTES, type DType } from "../../../ir/index.ts";
import type { LaunchStep } from "../../webgpu/launch.ts";
import type { StepInfo } from "../types.ts";
import type { GpuValue } from "./values.ts";

/** Where a value is touched. */
export type Side = "gpu" | "cpu";

/** A value under the shape that a step sees. */
export interface GpuOperand {
  readonly value: GpuValue;
  readonly shape: readonly number[];
}

export type GpuStep =
  | {
      readonly kind: "kernels";
      readonly info: StepInfo;
      readonly func: WgslFunction;
      readonly launches: readonly LaunchStep[];
      readonly bound: Bound;
      /** One for each buffer parameter. */
      readonly operands: readonly GpuOperand[];
      /** Parameters that are another one again: they are bound to a copy. */
      readonly again: ReadonlySet<number>;
    }
  | {
      readonly kind: "cpu";
      readonly info: StepInfo;
      /** Why it has no form on the GPU. */
      readonly why: string;
      readonly operands: readonly GpuOperand[];
      readonly written: readonly GpuValue[];
      readonly run:
        | { readonly program: string; readonly scalars: readonly number[] }
        | { readonly packed: string; readonly inputs: number; readonly attrs: Attrs };
    }
  /** A copy to the GPU, or back. */
  | { readonly kind: "up"; readonly value: GpuValue }
  | { readonly kind: "down"; readonly value: GpuValue }
  /** The elements of one value become those of another: on the GPU both have buffers of their own, or the source has none. */
  | { readonly kind: "copy"; readonly from: GpuValue; readonly to: GpuValue; readonly on: Side }
  /** The same, into the row of `to` that the loop's iteration has. */
  | {
      readonly kind: "row";
      readonly from: GpuValue;
      readonly to: GpuValue;
      readonly on: Side;
      readonly iteration: GpuValue;
    }
  /** `cond` is on the CPU. */
  | {
      readonly kind: "if";
      readonly cond: GpuValue;
      /** What runs when it holds, and when it does not. */
      readonly branches: readonly [readonly GpuStep[], readonly GpuStep[]];
      readonly node: string;
    }
  | GpuLoop;

/** What is told here is on the CPU: how often at most, whether at all, and what each iteration gets and gives. */
export interface GpuLoop {
  readonly kind: "loop";
  readonly trip: GpuValue | undefined;
  readonly cond: GpuValue | undefined;
  /** The number of the iteration, and `true`: set before each. */
  readonly iteration: GpuValue;
  readonly given: GpuValue;
  /** Whether another iteration follows. */
  readonly again: GpuValue;
  /** How many iterations there have to be. */
  readonly rows: number | undefined;
  readonly body: readonly GpuStep[];
  readonly node: string;
}

/** The steps one after another, those inside of others too. */
export const allSteps = (steps: readonly GpuStep[]): readonly GpuStep[] =>
  steps.flatMap((s) => {
    if (s.kind === "if") return [s, ...s.branches.flatMap(allSteps)];
    return s.kind === "loop" ? [s, ...allSteps(s.body)] : [s];
  });

/** Bytes of a row on the GPU, or on the CPU. */
export const rowBytes = (row: GpuValue, on: Side): number =>
  on === "gpu" ? row.bytes : row.size * BYTES[row.dtype];

export interface GpuLinked {
  readonly steps: readonly GpuStep[];
  readonly values: readonly GpuValue[];
  /** Where the results are in the end. */
  readonly results: readonly (GpuOperand & { readonly dtype: DType; readonly on: "gpu" | "cpu" })[];
  readonly arenaBytes: number;
  /** Parameters that kernels read, and that the CPU reads. */
  readonly paramsOn: { readonly gpu: ReadonlySet<number>; readonly cpu: ReadonlySet<number> };
}
