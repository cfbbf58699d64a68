/** Candidates as models run them: weights are laid out beforehand, not in every call, and loops are spread over threads. */
import { splitLayoutCopies, withCopies } from "../../graph/passes/index.ts";
import { bufferParams, constInt, type IRModule, irModule, type PrimFunc } from "../../ir/index.ts";
import { spreadLoops } from "../../tune/default/parallel.ts";
import type { Executable } from "../executable.ts";
import { Tensor } from "../tensor.ts";
import type { GpuTensor } from "../webgpu/tensor.ts";

/** Operands of a candidate; those that were made for it go with it. */
export interface Operands {
  readonly args: readonly (Tensor | GpuTensor)[];
  /** Puts what the candidate has written into the program's operands, where it lies elsewhere. */
  results(): Promise<void>;
  [Symbol.dispose](): void;
}

/** The module with the candidate as `main`, and what gives its operands from those of the program. */
export function asInModels(
  candidate: PrimFunc,
  threads: number,
): {
  readonly mod: IRModule;
  readonly bind: (lib: Executable, args: readonly Tensor[]) => Promise<Operands>;
} {
  const split = splitLayoutCopies(candidate);
  if (!split) {
    const bind = async (_: Executable, args: readonly Tensor[]): Promise<Operands> => ({
      args,
      results: async () => {},
      [Symbol.dispose]() {},
    });
    return { mod: spreadLoops(irModule({ main: candidate }), threads), bind };
  }
  const { copies, rest } = split;
  const whole = irModule({ main: rest, ...Object.fromEntries(copies.map((c, i) => [`layout${i}`, c.func])) });
  const mod = spreadLoops(whole, threads);
  const bind = async (lib: Executable, args: readonly Tensor[]): Promise<Operands> => {
    const own: Tensor[] = [];
    for (const [i, { param, func }] of copies.entries()) {
      const packed = bufferParams(func)[1];
      const t = Tensor.empty(
        packed.shape.map((s) => constInt(s) as number),
        packed.dtype,
      );
      own.push(t);
      await lib.functions[`layout${i}`](args[param], t);
    }
    return {
      args: withCopies<Tensor>(args, copies, own),
      results: async () => {},
      [Symbol.dispose]() {
        for (const t of own) t.dispose();
      },
    };
  };
  return { mod, bind };
}
