/** The table of sampling primitives: one row each. They change no program; they draw, or take a decision as given. */
import type { Attr } from "../ir/index.ts";
import { sampleComputeLocation } from "./compute-location.ts";
import type { InputKind } from "./primitives.ts";
import { type Drawn, sampleCategorical, samplePartitionedTile, samplePerfectTile } from "./sampling.ts";

export interface SamplerRow {
  readonly inputs: readonly InputKind[];
  readonly attrs: readonly string[];
  readonly gives: "one" | "list";
  /** What the handles are called, from the name of the input. */
  readonly named: (input: string | undefined) => string;
  /** Called with the function (where there is an input), random numbers, ids, attributes and the decision. */
  readonly run: (...args: never[]) => Drawn | { readonly place: number; readonly decision: Attr };
}

const factorOf = (loop: string | undefined): string => `${loop}_factor`;

export const SAMPLERS = {
  samplePerfectTile: {
    inputs: ["loop"],
    attrs: ["n", "maxInnermostFactor"],
    gives: "list",
    named: factorOf,
    run: samplePerfectTile,
  },
  samplePartitionedTile: {
    inputs: ["loop"],
    attrs: ["n", "partitionPos", "innerpartFactor"],
    gives: "list",
    named: factorOf,
    run: samplePartitionedTile,
  },
  sampleCategorical: {
    inputs: [],
    attrs: ["candidates", "probs"],
    gives: "one",
    named: () => "choice",
    run: sampleCategorical,
  },
  sampleComputeLocation: {
    inputs: ["block"],
    attrs: [],
    gives: "one",
    named: () => "place",
    run: sampleComputeLocation,
  },
} as const satisfies Record<string, SamplerRow>;
