/** Operands of a block by their numbers among what it reads. */
import { regionsOf } from "../../arith/index.ts";
import type { Block } from "../../ir/index.ts";
import type { Access } from "../default/shape.ts";

export const readNumber = (b: Block, of: Access): number =>
  regionsOf(b).reads.findIndex((r) => r.buffer.id === of.buffer.id);
