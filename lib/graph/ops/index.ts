/** The table of all operators. */
import type { OpDef } from "../op.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";

export const OPS = {
  ...ELEMENTWISE,
  ...LINEAR,
} as const satisfies Record<string, OpDef>;

export type OpName = keyof typeof OPS;
