/** `model.d.ts` of a bundle of WebAssembly. */
import type { Port } from "../ports.ts";
import { loadType, optionsText, TENSOR, unionOf } from "../text.ts";

export interface Declared {
  readonly entries: readonly { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }[];
  readonly functions: readonly string[];
}

export function declarations({ entries, functions }: Declared): string {
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
}
${types}export interface Options {
${members}
}
${loadType(functions)}`;
}
