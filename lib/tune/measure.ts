/**
 * What search asks of the machine. Measuring needs code generators and a runtime, which stand above this folder:
 * lib/runtime puts its measurer in with `setMeasurer`; whoever tunes may give one of their own.
 */
import type { PrimFunc } from "../ir/index.ts";
import type { TuningTarget } from "./target.ts";

/**
 * What became of a candidate: measured; refused by a primitive or a postprocessor; over a limit of the GPU's adapter; more
 * code or more time to compile than allowed; an error while it was built or run; too slow to wait for; a wrong result.
 */
export const STATUSES = [
  "measured",
  "illegal",
  "overLimits",
  "tooLarge",
  "failed",
  "timedOut",
  "wrong",
] as const;
export type Status = (typeof STATUSES)[number];

/** Those that are told from the program: such candidates are dropped before they are built, and do not count as trials. */
export type Dropped = "illegal" | "overLimits";

export interface Outcome {
  readonly status: Exclude<Status, Dropped>;
  /**
   * Milliseconds for one call, every measurement: of the processor's time where the measurer knows it, else of the day's.
   * Empty unless `status` is "measured".
   */
  readonly runs: readonly number[];
  /** Milliseconds of the yardstick, each measured right after the run of the same place in `runs`. */
  readonly yardstick?: readonly number[];
  /** What went wrong. */
  readonly message?: string;
  /** Bytes of code, and milliseconds it took to make. */
  readonly codeBytes?: number;
  readonly buildMs?: number;
}

export interface MeasureLimits {
  /** Milliseconds to build a candidate. Default 10 s. */
  readonly buildMs?: number;
  /** Milliseconds for all runs of a candidate, with the comparison of its result. Default 15 s. */
  readonly runMs?: number;
  /** Bytes of WebAssembly, or of WGSL. Default 256 KiB: what is larger compiles slowly and stays in no instruction cache. */
  readonly codeBytes?: number;
  /** Milliseconds that the measured runs of one candidate take together, roughly. Default 500. */
  readonly measureMs?: number;
}

export interface MeasureRequest {
  /** The program as it was given. Its result is what candidates are compared with. */
  readonly workload: PrimFunc;
  readonly candidate: PrimFunc;
  /**
   * A schedule of the same program that is measured in turns with every candidate: a machine on which something else runs
   * slows both alike, so that candidates measured at different times can be compared.
   */
  readonly yardstick?: PrimFunc;
  /** The shortest run so far, in milliseconds: what is far slower is not measured often. */
  readonly best?: number;
  readonly limits?: MeasureLimits;
}

/** Builds and runs candidates, one at a time. Whatever a candidate does, it gives an outcome. */
export interface Measurer {
  readonly target: TuningTarget;
  measure(request: MeasureRequest): Promise<Outcome>;
  dispose(): Promise<void>;
}

export interface MeasurerOptions {
  /** What candidates are built for. Default "wasm". */
  readonly kind?: TuningTarget["kind"];
  /** Of "wasm". */
  readonly threads?: number;
  readonly relaxedSimd?: boolean;
}

type MakeMeasurer = (options: MeasurerOptions) => Promise<Measurer>;

let make: MakeMeasurer | undefined;

/** Sets what makes measurers where none is given. */
export function setMeasurer(f: MakeMeasurer): void {
  make = f;
}

export async function defaultMeasurer(options: MeasurerOptions): Promise<Measurer> {
  if (!make) throw new Error("nothing is there to measure with: import lib/runtime, or give a measurer");
  return make(options);
}
