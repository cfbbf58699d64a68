/**
 * Running tensor programs while compiling, for constant folding. This layer cannot run anything; the runtime fills the
 * hook in.
 */
import type { NDArray, PrimFunc, TensorType } from "../ir/index.ts";

/** What is to be run: inputs, then the types of the outputs, which all have known sizes, then scalars. */
export interface Evaluation {
  readonly name: string;
  readonly func: PrimFunc;
  readonly inputs: readonly NDArray[];
  readonly outputs: readonly TensorType[];
  readonly scalars: readonly number[];
}

/** Gives the outputs, or undefined when it would rather not (too much work). */
export type Evaluator = (e: Evaluation) => readonly NDArray[] | undefined;

let evaluator: Evaluator | undefined;

/** Sets what runs tensor programs at compile time; gives what did before. */
export function setEvaluator(f: Evaluator | undefined): Evaluator | undefined {
  const before = evaluator;
  evaluator = f;
  return before;
}

/** The outputs, or undefined when nothing is there to run the program, or it is too much work. */
export const evaluate: Evaluator = (e) => evaluator?.(e);
