/**
 * Evolutionary search over traces (as in Ansor and TVM's meta-schedule): a population of the best known traces and fresh
 * points is mutated for some generations, parents chosen by what the cost model says; the best of all that were seen are
 * measured, and a few at random, so that the model also learns about what it thinks little of.
 */

import { mutateTrace } from "../mutators.ts";
import type { Candidate, SearchState } from "./candidates.ts";

/** The part of the population that begins with what was measured. */
const MEASURED = 0.35;
const MUTATE = 0.85;
/** The part of the candidates that is taken at random. */
const RANDOM = 0.1;
/** Points in a row that are nothing new, after which the space counts as exhausted. */
const STALE = 60;
/** Candidates between two chances for others to run. */
const SLICE = 8;

interface Scored {
  readonly candidate: Candidate;
  readonly score: number;
}

export async function evolve(
  state: SearchState,
  n: number,
  pause: () => Promise<void>,
): Promise<Candidate[]> {
  const { random, model, effort } = state;
  const found = new Map<string, Scored>();
  const scored = (candidate: Candidate): Scored => {
    const score = Math.max(0, model.predict(candidate.func) ?? random.real());
    const out = { candidate, score };
    if (!state.seen.has(candidate.hash) && !found.has(candidate.hash)) found.set(candidate.hash, out);
    return out;
  };
  const learned = state.known.length > 0 && model.predict(state.known[0].candidate.func) !== undefined;
  // Without a model there is nothing to select by.
  const size = learned ? effort.population : 2 * n;

  const parents = state.known
    .filter((k) => k.cost < Number.POSITIVE_INFINITY)
    .slice(0, Math.floor(size * MEASURED));
  let population = learned ? parents.map((k) => scored(k.candidate)) : [];
  let stale = 0;
  for (let tries = 0; population.length < size && stale < STALE; tries++) {
    if (tries % SLICE === 0) await pause();
    const before = found.size;
    const candidate = state.sample();
    if (candidate) population.push(scored(candidate));
    stale = found.size > before ? 0 : stale + 1;
  }
  const fresh = [...found.values()];
  for (let g = 0; learned && g < effort.generations && population.length > 0; g++) {
    const weights = population.map((p) => Math.max(1e-3, p.score) ** 2);
    const next: Scored[] = [];
    while (next.length < population.length) {
      if (next.length % SLICE === 0) await pause();
      const parent = population[random.weighted(weights)];
      next.push((random.real() < MUTATE && child(state, parent.candidate, scored)) || parent);
    }
    population = next;
  }

  const ranked = [...found.values()].sort((a, b) => b.score - a.score);
  const taken = new Map<string, Candidate>();
  const byChance = learned ? Math.max(n > 4 ? 1 : 0, Math.floor(n * RANDOM)) : 0;
  // What the model cannot tell apart is measured twice at most: it may be alike.
  const alike = new Map<string, number>();
  for (const { candidate, score } of ranked) {
    if (taken.size >= n - byChance) break;
    const key = score.toFixed(6);
    const count = alike.get(key) ?? 0;
    alike.set(key, count + 1);
    if (!learned || count < 2) taken.set(candidate.hash, candidate);
  }
  while (taken.size < n && fresh.length > 0) {
    const [{ candidate }] = fresh.splice(random.int(fresh.length), 1);
    taken.set(candidate.hash, candidate);
  }
  for (const { candidate } of ranked) if (taken.size < n) taken.set(candidate.hash, candidate);
  return [...taken.values()];
}

/** A mutated trace that is legal; undefined after some attempts. */
function child(state: SearchState, parent: Candidate, scored: (c: Candidate) => Scored): Scored | undefined {
  for (let i = 0; i < 3; i++) {
    const trace = mutateTrace(parent.trace, state.random);
    const made = trace && state.replay(trace, "mutated");
    if (made) return scored(made);
  }
  return undefined;
}
