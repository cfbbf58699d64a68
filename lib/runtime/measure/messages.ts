/** What is said between a search and the process that measures for it; all of it survives JSON. */
import type { IRModule } from "../../ir/index.ts";
import type { MeasureLimits, MeasurerOptions, Outcome } from "../../tune/measure.ts";
import type { TuningTarget } from "../../tune/target.ts";

export type ToWorker =
  | { readonly kind: "begin"; readonly options: MeasurerOptions }
  | {
      readonly kind: "measure";
      /** `workload` and `yardstick`, if they are others than before, and `candidate`. */
      readonly module: IRModule;
      readonly best?: number;
      readonly limits?: MeasureLimits;
    };

export type FromWorker =
  | { readonly kind: "ready"; readonly target: TuningTarget }
  | { readonly kind: "built" }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly message: string };
