/** `model.d.ts` of a bundle of WebAssembly. */
import type { Port } from "../ports.ts";
import { loadType, optionsText, TENSOR, unionOf } from "../text.ts";

export interface Declared {
  readonly entries: readonly { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }[];
  readonly functions: readonly string[];
  readonly threads?: { readonly most: number } | undefined;
  readonly serial?: boolean;
}

export function declarations({ entries, functions, threads, serial }: Declared): string {
  const tensor = (array: string, shape: string): string => `Tensor<${array}, ${shape}>`;
  const { types, members } = optionsText(functions);
  return `${TENSOR}
export type Inputs = ${unionOf(
    entries.map((e) => e.inputs),
    tensor,
  )};
export type Outputs = ${unionOf(
    entries.map((e) => e.outputs),
    tensor,
  )};
export interface Model {
  /** Runs the model. Throws a TypeError where the inputs do not fit. */
  run(inputs: Inputs): Promise<Outputs>;
${threads || serial ? THREADS : ""}}
${types}export interface Options {
${members}${threads ? asked(threads.most) : ""}
}
${loadType(functions)}`;
}

const THREADS = `  /** How many threads share the loops, and why not more. */
  readonly threads: { readonly count: number; readonly reason?: string };
  /** Ends the threads; the model does not run any more. */
  dispose(): void;
`;

const asked = (most: number): string => `
  /** How many threads share the loops, at most ${most}. Default: one for each core. Throws a RangeError for what is no number of threads. */
  readonly threads?: number;`;
