/** What a rule is told of what stands around its block. */
import type { OperandLoads } from "./tile.ts";

export interface Setting {
  /** Buffers that no call changes: weights, which may be laid out once. */
  readonly constants: ReadonlySet<number>;
  /** How the engine that the schedule is for brings operands: see tile.ts. */
  readonly loads: OperandLoads;
}
