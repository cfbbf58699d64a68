/** From a graph-level function to what is left to write down: compiled as a whole, before there is any data. */
import { GraphError } from "../graph/index.ts";
import type { IRModule } from "../ir/index.ts";
import { type LowerOptions, lowerFunction } from "../runtime/vm/lower.ts";
import { DeployError } from "./error.ts";

/** Without Winograd's filtering unless it is asked for: its weights are 16/9 of the bytes. */
export function lowerWhole(
  module: IRModule,
  func: string,
  options: LowerOptions,
): ReturnType<typeof lowerFunction> {
  try {
    return lowerFunction(module, func, new Map(), { winograd: false, ...options, whole: true });
  } catch (e) {
    if (!(e instanceof GraphError)) throw e;
    throw new DeployError(`${e.message}. A bundle is compiled as a whole, before there is any data`, {
      cause: e,
    });
  }
}
