/**
 * The rules of the default space for WebAssembly, as a table. A block gets the first rule that knows it and whose
 * primitives agree; where several know it, a draw decides which is tried first.
 */
import type { Block } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { scheduleBlock } from "../default/index.ts";
import { contractionOf } from "../default/shape.ts";
import type { Draw } from "./draw.ts";
import { elementwise } from "./elementwise.ts";
import { lanes } from "./lanes.ts";
import { tiles } from "./tiles.ts";
import { windows } from "./windows.ts";

export interface Rule {
  readonly name: string;
  readonly what: string;
  /**
   * How often it is tried first among the rules that know a block, which holds so many inner ones; 0: it does not know this
   * one.
   */
  readonly weight: (b: Block, inner: number) => number;
  /**
   * The schedule after the rule; it may change the one it is given, which is a copy. Gives undefined, or lets a primitive
   * refuse, where it does not fit after all.
   */
  readonly apply: (sch: Schedule, block: BlockRV, d: Draw) => Schedule | undefined;
}

const reduces = (b: Block): boolean => b.axes.some((a) => a.type === "R");

export const RULES: readonly Rule[] = [
  {
    name: "multiLevelTiling",
    what: "products: a tile of sums in registers, blocks for the caches, operands packed into panels at a drawn place",
    weight: (b, inner) => (inner === 0 && contractionOf(b) ? 12 : 0),
    apply: tiles,
  },
  {
    name: "spatialLanes",
    what: "reductions whose results lie side by side: several results in registers",
    weight: (b, inner) => (inner > 0 || !reduces(b) ? 0 : contractionOf(b) ? 0.5 : 3),
    apply: windows,
  },
  {
    name: "addRfactor",
    what: "reductions along memory: partial results in lanes, added at the end",
    weight: (b, inner) => (inner > 0 || !reduces(b) ? 0 : contractionOf(b) ? 0.3 : 1),
    apply: lanes,
  },
  {
    name: "elementwise",
    what: "everything else: one walk along memory in vectors, or at a drawn place under the consumer",
    weight: (b, inner) => (inner === 0 && !reduces(b) ? 1 : 0),
    apply: elementwise,
  },
  {
    name: "byAnalysis",
    what: "as without search, so that one block can be as it was while another changes; blocks of blocks always",
    weight: (b) => (reduces(b) ? 1 : 0.3),
    apply: (sch, rv, d) => scheduleBlock(sch, rv, d),
  },
];
