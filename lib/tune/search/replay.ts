/** Random search: no candidate depends on what was measured. */
import type { Candidate, SearchState } from "./candidates.ts";

/** Attempts for each candidate that is wanted, before the space counts as exhausted. */
const ATTEMPTS = 20;

/** Fresh points of the space. */
export const replayFunc = (state: SearchState, n: number): Promise<Candidate[]> =>
  distinct(state, n, () => state.sample());

/** The trace of one point with its decisions drawn anew. */
export async function replayTrace(state: SearchState, n: number): Promise<Candidate[]> {
  const first = state.known.findLast((k) => k.candidate.origin === "random")?.candidate ?? firstPoint(state);
  if (!first) return [];
  const trace = first.trace.withoutDecisions();
  const fresh = state.seen.has(first.hash) ? [] : [first];
  const more = await distinct(state, n - fresh.length, () => state.replay(trace, "random"), fresh);
  return [...fresh, ...more];
}

function firstPoint(state: SearchState): Candidate | undefined {
  for (let i = 0; i < ATTEMPTS; i++) {
    const c = state.sample();
    if (c) return c;
  }
  return undefined;
}

/** Candidates that are new, and differ from each other. */
async function distinct(
  state: SearchState,
  n: number,
  make: () => Candidate | undefined,
  taken: readonly Candidate[] = [],
): Promise<Candidate[]> {
  const out: Candidate[] = [];
  const hashes = new Set(taken.map((c) => c.hash));
  for (let tries = 0; out.length < n && tries < n * ATTEMPTS; tries++) {
    const c = make();
    if (!c || hashes.has(c.hash) || state.seen.has(c.hash)) continue;
    hashes.add(c.hash);
    out.push(c);
  }
  return out;
}
