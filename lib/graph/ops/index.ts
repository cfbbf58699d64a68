/** The table of all operators. */
import type { OpDef } from "../op.ts";
import { ACTIVATION } from "./activation.ts";
import { CONV } from "./conv.ts";
import { CONV_TRANSPOSE } from "./conv-transpose.ts";
import { EINSUM } from "./einsum.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";
import { LOSS } from "./loss.ts";
import { MEMORY } from "./memory.ts";
import { POOL } from "./pool.ts";
import { QUANTIZE } from "./quantize.ts";
import { REDUCE } from "./reduce.ts";
import { RESIZE } from "./resize.ts";
import { SHAPE_OF } from "./shape-of.ts";
import { SIGNAL } from "./signal.ts";

export const OPS = {
  ...ACTIVATION,
  ...ELEMENTWISE,
  ...LINEAR,
  ...MEMORY,
  ...SHAPE_OF,
  ...CONV,
  ...CONV_TRANSPOSE,
  ...POOL,
  ...LOSS,
  ...RESIZE,
  ...REDUCE,
  ...EINSUM,
  ...QUANTIZE,
  ...SIGNAL,
} as const satisfies Record<string, OpDef>;

export type OpName = keyof typeof OPS;
