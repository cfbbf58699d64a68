// What is told while a model is worked on: a line of JSON each.
import type { ModelSummary } from "../../../lib/frontend/onnx/index.ts";

/** What is done with a model, in order; a search, and measuring what it found, only when there is to be one. */
export const STEPS = ["read", "import", "compile", "measure", "tune", "remeasure", "bundle"] as const;
export type StepName = (typeof STEPS)[number];

/** The displays that are sent as HTML: each replaces the one before it of its name. */
const VIEWS = ["graph", "passes", "kernels", "profile", "memory"] as const;
export type ViewName = (typeof VIEWS)[number];

/** What a run of the whole model took. Times are milliseconds. */
export interface Measured {
  readonly tuned: boolean;
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  readonly runs: number;
  /** Floating-point operations of one run, and whether those of every kernel could be counted. */
  readonly flops: number;
  readonly allCounted: boolean;
}

/** One thing that is wrong with a model, and where. */
export interface Problem {
  readonly where: string;
  readonly reason: string;
}

export type TryEvent =
  | { readonly event: "step"; readonly step: StepName; readonly state: "began" }
  | { readonly event: "step"; readonly step: StepName; readonly state: "done"; readonly ms: number }
  | { readonly event: "summary"; readonly summary: ModelSummary }
  /** The work ends here until these sizes, or the elements of these inputs, are given. */
  | { readonly event: "needs"; readonly sizes: readonly string[]; readonly values: readonly string[] }
  | { readonly event: "drawing"; readonly view: ViewName }
  | { readonly event: "view"; readonly view: ViewName; readonly html: string }
  | ({ readonly event: "measured" } & Measured)
  /** What runs on the CPU though the target is another device, and how many threads there were. */
  | { readonly event: "notes"; readonly notes: readonly string[] }
  /** How far a search is; `spec` is its curve in Vega-Lite. */
  | {
      readonly event: "tuning";
      readonly trials: number;
      readonly total: number;
      readonly text: string;
      readonly spec: Readonly<Record<string, unknown>>;
    }
  | {
      readonly event: "bundle";
      readonly files: readonly { readonly name: string; readonly bytes: number; readonly gzip: number }[];
      /** When it runs, on all devices, weights included. */
      readonly memoryBytes: number;
      /** Steps of a bundle for the GPU that do not run there, and why. */
      readonly onTheCpu: readonly string[];
      readonly zip: number;
      /** Inputs that have one value for good. */
      readonly fixed: readonly string[];
    }
  | {
      readonly event: "error";
      readonly name: string;
      readonly message: string;
      readonly step?: StepName;
      readonly problems?: readonly Problem[];
    }
  | { readonly event: "machine"; readonly machine: Machine }
  /** The last line: whether everything that was asked for was done. */
  | { readonly event: "end"; readonly ok: boolean };

/** What there is to choose from on this machine. */
export interface Machine {
  readonly passes: readonly { readonly name: string; readonly brings: string }[];
  readonly threads: number;
  readonly relaxedSimd: boolean;
  /** The graphics adapter, when there is one. */
  readonly gpu: string | null;
}
