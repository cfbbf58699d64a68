/** What the importer's own handling of an operator is given. */
import type { NodeContext } from "./context.ts";
import type { Env } from "./env.ts";
import type { Frame, Importer } from "./importer.ts";
import type { Value } from "./value.ts";

export interface SpecialCall {
  readonly im: Importer;
  readonly cx: NodeContext;
  readonly env: Env;
  readonly frame: Frame;
}
/** The values of the outputs, or undefined where the ordinary ways go on. */
export type Special = (c: SpecialCall) => readonly (Value | undefined)[] | undefined;
