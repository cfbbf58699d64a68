/**
 * Sampling: decisions drawn at random, or given. A decision is plain data and stands in the trace, which is thereby
 * reproducible, and a point in a search space: another decision in its place gives another program.
 *
 * A decision that comes from a program of another size is fitted: factors shrink to the nearest divisors, a place
 * moves outwards. One of another form (too few factors, an index out of range) is refused.
 */
import { type Attr, constInt, type For, type PrimFunc } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { fittedFactors, randomFactors } from "./factorize.ts";
import { findLoop } from "./lookup.ts";
import type { Random } from "./random.ts";

/** What a sampling primitive gives: numbers, and the decision as it is recorded. */
export interface Drawn {
  readonly values: readonly number[];
  readonly decision: Attr;
}

/**
 * n factors of the loop's extent, the innermost at most `maxInnermostFactor`; every such tile is equally likely.
 * Decision: the factors.
 */
export function samplePerfectTile(
  f: PrimFunc,
  random: Random,
  loop: number,
  n: number,
  maxInnermostFactor: number,
  decision?: Attr,
): Drawn {
  const NAME = "samplePerfectTile";
  const { node } = findLoop(f, loop);
  checkCount(NAME, node, n);
  if (!isPositive(maxInnermostFactor)) {
    const detail = `${maxInnermostFactor} for loop ${node.v.name}`;
    refuse(NAME, "the largest innermost factor must be a whole number above 0", detail, [node]);
  }
  const extent = extentOf(NAME, node);
  const values =
    decision === undefined
      ? randomFactors(extent, n, random, maxInnermostFactor)
      : fittedFactors(extent, givenFactors(NAME, node, n, decision));
  return { values, decision: values };
}

/**
 * n factors of the loop's extent in two parts: those from `partitionPos` on have the product `innerpartFactor`.
 * Decision: the factors.
 */
export function samplePartitionedTile(
  f: PrimFunc,
  random: Random,
  loop: number,
  n: number,
  partitionPos: number,
  innerpartFactor: number,
  decision?: Attr,
): Drawn {
  const NAME = "samplePartitionedTile";
  const { node } = findLoop(f, loop);
  checkCount(NAME, node, n);
  const { name } = node.v;
  if (!Number.isInteger(partitionPos) || partitionPos < 0 || partitionPos > n) {
    const detail = `${partitionPos} of ${n} factors for loop ${name}`;
    refuse(NAME, "the partition lies between the factors", detail, [node], `a position from 0 to ${n}`);
  }
  const extent = extentOf(NAME, node);
  if (!isPositive(innerpartFactor) || extent % innerpartFactor !== 0) {
    const detail = `${innerpartFactor} does not divide the ${extent} iterations of loop ${name}`;
    refuse(NAME, "the inner part must divide the loop", detail, [node]);
  }
  const empty = partitionPos === 0 ? extent / innerpartFactor : partitionPos === n ? innerpartFactor : 1;
  if (empty !== 1) {
    const detail = `no factor is left for the ${empty} iterations on the other side of position ${partitionPos}`;
    refuse(NAME, "a part has no factors", detail, [node]);
  }
  if (decision === undefined) {
    const outer = randomFactors(extent / innerpartFactor, partitionPos, random);
    const values = [...outer, ...randomFactors(innerpartFactor, n - partitionPos, random)];
    return { values, decision: values };
  }
  const given = givenFactors(NAME, node, n, decision);
  const part = (product: number, wanted: readonly number[]): number[] =>
    wanted.length === 0 ? [] : fittedFactors(product, wanted);
  const values = [
    ...part(extent / innerpartFactor, given.slice(0, partitionPos)),
    ...part(innerpartFactor, given.slice(partitionPos)),
  ];
  return { values, decision: values };
}

/** One of the candidates, each with its probability. Decision: its index. */
export function sampleCategorical(
  random: Random,
  candidates: readonly number[],
  probs: readonly number[],
  decision?: Attr,
): Drawn {
  const NAME = "sampleCategorical";
  if (candidates.length === 0 || candidates.some((c) => !Number.isInteger(c))) {
    refuse(NAME, "the candidates must be whole numbers", `got ${JSON.stringify(candidates)}`, []);
  }
  if (probs.length !== candidates.length) {
    const detail = `${candidates.length} candidates, ${probs.length} probabilities`;
    refuse(NAME, "each candidate needs a probability", detail, []);
  }
  const total = probs.reduce((a, b) => a + b, 0);
  if (probs.some((p) => !(p >= 0)) || Math.abs(total - 1) > 1e-6) {
    const detail = `${JSON.stringify(probs)} have the sum ${total}`;
    refuse(NAME, "the probabilities must not be negative, and make 1 together", detail, []);
  }
  const index = decision === undefined ? random.weighted(probs) : decision;
  if (typeof index !== "number" || !Number.isInteger(index) || !(index in candidates)) {
    const detail = `${JSON.stringify(index)} is no index of ${candidates.length} candidates`;
    return refuse(NAME, "the decision does not fit", detail, []);
  }
  return { values: [candidates[index]], decision: index };
}

const isPositive = (x: unknown): x is number => typeof x === "number" && Number.isInteger(x) && x > 0;

function checkCount(primitive: string, l: For, n: number): void {
  if (Number.isInteger(n) && n >= 2) return;
  const detail = `${n} for loop ${l.v.name}`;
  refuse(
    primitive,
    "a tile has two factors at least",
    detail,
    [l],
    (name) => `sch.${primitive}(${name(l)}, 2)`,
  );
}

function extentOf(primitive: string, l: For): number {
  const extent = constInt(l.extent);
  if (extent !== undefined && extent > 0) return extent;
  const detail = `loop ${l.v.name} has ${extent ?? "a symbolic number of"} iterations`;
  return refuse(primitive, "the extent of the loop is not a number above 0", detail, [l]);
}

function givenFactors(primitive: string, l: For, n: number, decision: Attr): readonly number[] {
  if (Array.isArray(decision) && decision.length === n && decision.every(isPositive)) return decision;
  const detail = `loop ${l.v.name} needs ${n} whole numbers above 0, got ${JSON.stringify(decision)}`;
  return refuse(primitive, "the decision does not fit", detail, [l]);
}
