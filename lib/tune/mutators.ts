/** Mutators: ways of changing one decision of a trace, as a table by the sampling primitive that made it. */
import type { Attr } from "../ir/index.ts";
import type { Decision, SAMPLERS, Trace } from "../schedule/index.ts";
import type { Random } from "../schedule/random.ts";

export interface Mutator {
  readonly what: string;
  /** How often a decision of this kind is chosen, compared with others. */
  readonly weight: number;
  /** Another decision, or undefined where there is none. `attrs` are the plain arguments of the draw. */
  readonly mutate: (
    decision: Attr,
    attrs: { readonly [name: string]: Attr },
    random: Random,
  ) => Attr | undefined;
}

export const MUTATORS: Readonly<Record<keyof typeof SAMPLERS, Mutator>> = {
  samplePerfectTile: {
    what: "moves a divisor of one factor to another",
    weight: 4,
    mutate: (decision, attrs, random) => {
      const most =
        typeof attrs.maxInnermostFactor === "number" ? attrs.maxInnermostFactor : Number.POSITIVE_INFINITY;
      const factors = decision as readonly number[];
      return moveDivisor(factors, 0, factors.length, random, most);
    },
  },
  samplePartitionedTile: {
    what: "moves a divisor of one factor to another of the same part",
    weight: 4,
    mutate: (decision, attrs, random) => {
      const factors = decision as readonly number[];
      const at = Number(attrs.partitionPos ?? 0);
      const [from, to] = random.real() < 0.5 ? [0, at] : [at, factors.length];
      return moveDivisor(factors, from, to, random, Number.POSITIVE_INFINITY);
    },
  },
  sampleCategorical: {
    what: "draws another of the choices",
    weight: 2,
    mutate: (decision, attrs, random) => {
      const probs = (attrs.probs as readonly number[]).map((p, i) =>
        i === decision ? 0 : Math.max(p, 1e-3),
      );
      return probs.length < 2 ? undefined : random.weighted(probs);
    },
  },
  sampleComputeLocation: {
    what: "moves the block one loop further in or out",
    weight: 1,
    mutate: (decision, _, random) => Math.max(-1, (decision as number) + (random.real() < 0.5 ? -1 : 1)),
  },
};

/** A trace with one decision changed; undefined when no decision can be. */
export function mutateTrace(trace: Trace, random: Random): Trace | undefined {
  const all = trace.decisions.filter((d) => isSampler(d.primitive));
  const left = [...all];
  while (left.length > 0) {
    const at = random.weighted(left.map((d) => MUTATORS[d.primitive as keyof typeof MUTATORS].weight));
    const [chosen] = left.splice(at, 1) as [Decision];
    const { attrs } = trace.instructions[chosen.index];
    const other = MUTATORS[chosen.primitive as keyof typeof MUTATORS].mutate(chosen.decision, attrs, random);
    if (other !== undefined) return trace.withDecision(chosen.index, other);
  }
  return undefined;
}

const isSampler = (name: string): boolean => Object.hasOwn(MUTATORS, name);

/** A divisor above 1 of a factor in [from, to) goes to another in that range; the last of all stays below `most`. */
function moveDivisor(
  factors: readonly number[],
  from: number,
  to: number,
  random: Random,
  most: number,
): readonly number[] | undefined {
  const moves: (readonly [number, number, number])[] = [];
  for (let a = from; a < to; a++) {
    for (let b = from; b < to; b++) {
      if (a === b) continue;
      for (const p of divisorsOf(factors[a])) {
        if (b === factors.length - 1 && factors[b] * p > most) continue;
        moves.push([a, b, p]);
      }
    }
  }
  if (moves.length === 0) return undefined;
  const [a, b, p] = moves[random.int(moves.length)];
  return factors.map((f, i) => (i === a ? f / p : i === b ? f * p : f));
}

/** All divisors above 1. */
function divisorsOf(n: number): number[] {
  const out: number[] = [];
  for (let d = 2; d * d <= n; d++) {
    if (n % d === 0) out.push(d, ...(d * d === n ? [] : [n / d]));
  }
  return n > 1 ? [...out, n] : out;
}
