/** How the next candidates are chosen, as a table. */

import type { Candidate, SearchState } from "./candidates.ts";
import { evolve } from "./evolutionary.ts";
import { replayFunc, replayTrace } from "./replay.ts";

/** Up to n candidates that were not seen before; fewer where the space has no more. */
export type Strategy = (state: SearchState, n: number, pause: () => Promise<void>) => Promise<Candidate[]>;

export const STRATEGIES = {
  /** Populations of traces, mutated and selected by the cost model. */
  evolutionary: evolve,
  /** Fresh points: the space is asked each time, as for a schedule function that looks at what it drew. */
  replayFunc,
  /** One point's trace with all decisions drawn anew. */
  replayTrace,
} as const satisfies Record<string, Strategy>;

export type StrategyName = keyof typeof STRATEGIES;
