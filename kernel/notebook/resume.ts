import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { packageVersion } from "../paths.ts";
import { isObject } from "../protocol/messages.ts";
import { type Cell, hasTag, type Notebook, readNotebook } from "./format.ts";
import { codeCells } from "./run.ts";

/** What an earlier run left: everything, or so many cells; `why` says it to the reader. */
export interface Earlier {
  complete: boolean;
  why: string;
}

/**
 * Looks whether the notebook at `output` is this notebook (parameters already injected), executed to its end by this
 * version. The variables of an earlier run lived in its kernel and are gone with it, so a run that was cut short cannot
 * go on in the middle: it has to begin again.
 */
export function earlierRun(
  output: string,
  notebook: Notebook,
  parameters: readonly [string, unknown][],
): Earlier {
  if (!existsSync(output)) return { complete: false, why: `there is no ${output} yet` };
  const earlier = readNotebook(output);
  const stamp = isObject(earlier.metadata.tilewright) ? earlier.metadata.tilewright : {};
  const begin = "variables do not outlive a kernel, so all cells are run again";
  if (stamp.version !== packageVersion())
    return { complete: false, why: `${output} is not from this version of tilewright: ${begin}` };
  if (!isDeepStrictEqual(stamp.parameters ?? {}, Object.fromEntries(parameters)))
    return { complete: false, why: `${output} was made with other parameters: ${begin}` };
  const [now, then] = [codeCells(notebook), codeCells(earlier)];
  const changed = now.findIndex((cell, index) => cell.source !== then[index]?.source);
  if (changed >= 0 || now.length !== then.length)
    return { complete: false, why: `cell ${Math.max(changed, 0) + 1} has changed since ${output}: ${begin}` };
  const undone = then.findIndex((cell) => !finished(cell));
  if (undone >= 0 || stamp.complete !== true) {
    const last = undone >= 0 ? undone : then.length;
    return { complete: false, why: `${output} stops after cell ${last} of ${then.length}: ${begin}` };
  }
  return {
    complete: true,
    why: `${output}: all ${then.length} cells were run on ${stamp.executed}; nothing to do`,
  };
}

function finished(cell: Cell): boolean {
  const threw = cell.outputs?.some(({ output_type }) => output_type === "error");
  return typeof cell.execution_count === "number" && (!threw || hasTag(cell, "raises-exception"));
}
