/** The table of all operators. */
import type { OpDef } from "../op.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";
import { MEMORY } from "./memory.ts";

export const OPS = {
  ...ELEMENTWISE,
  ...LINEAR,
  ...MEMORY,
} as const satisfies Record<string, OpDef>;

export type OpName = keyof typeof OPS;
