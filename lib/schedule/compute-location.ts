/**
 * sampleComputeLocation: where a block might be computed, and moving it to a place that was drawn. Besides loops there
 * are two places without one: where the block stands ("root", -1), and inside its consumers ("inline", -2).
 */
import type { Attr, For, PrimFunc } from "../ir/index.ts";
import { type ComputeAtOptions, computeAt, reverseComputeAt } from "./compute-at.ts";
import { consumersOf } from "./dependencies.ts";
import { refuse, ScheduleError } from "./error.ts";
import { computeInline } from "./inline.ts";
import { reverseComputeInline } from "./inline-reverse.ts";
import { findBlock, loopsOf, scopeBlock } from "./lookup.ts";
import type { Random } from "./random.ts";

/** The block stays where it is. */
export const ROOT_PLACE = -1;
/** The block is put into its consumers. */
export const INLINE_PLACE = -2;

/**
 * One of the places at which `computeAt` (or `computeInline`) of the block is legal, each equally likely. Decision:
 * -2, -1, or the position of a loop around its first consumer, counted from the outside. Gives the id of the loop, or
 * one of the two places.
 */
export function sampleComputeLocation(
  f: PrimFunc,
  random: Random,
  block: number,
  decision?: Attr,
): { readonly place: number; readonly decision: Attr } {
  const at = findBlock(f, block);
  const [consumer] = at.node === f.body ? [] : consumersOf(scopeBlock(at), at.node);
  const loops = consumer ? loopsOf(findBlock(f, consumer.id)) : [];
  const places = placesOf(f, block, loops);
  if (decision !== undefined && !(typeof decision === "number" && Number.isInteger(decision))) {
    const detail = `${JSON.stringify(decision)} is neither -2 (inline), -1 (where it is) nor the position of a loop`;
    refuse("sampleComputeLocation", "the decision does not fit", detail, [at.node]);
  }
  const fitting = decision === undefined ? undefined : (places.findLast((p) => p <= decision) ?? ROOT_PLACE);
  const chosen = fitting ?? places[random.int(places.length)];
  return { place: chosen < 0 ? chosen : loops[chosen].v.id, decision: chosen };
}

/** Legal decisions in rising order. Trying them is the one statement of the rules that cannot be out of date. */
function placesOf(f: PrimFunc, block: number, loops: readonly For[]): number[] {
  const legal = (run: () => unknown): boolean => {
    try {
      run();
      return true;
    } catch (e) {
      if (e instanceof ScheduleError) return false;
      throw e;
    }
  };
  const inner = loops.flatMap((l, i) => (legal(() => computeAt(f, block, l.v.id)) ? [i] : []));
  const inline = legal(() => computeInline(f, block)) ? [INLINE_PLACE] : [];
  return [...inline, ROOT_PLACE, ...inner];
}

/** `computeAt` at a place that may have been drawn. */
export function computeAtPlace(f: PrimFunc, block: number, place: number, o?: ComputeAtOptions): PrimFunc {
  if (place === ROOT_PLACE) return f;
  return place === INLINE_PLACE ? computeInline(f, block) : computeAt(f, block, place, o);
}

/** `reverseComputeAt` at a place that may have been drawn. */
export function reverseComputeAtPlace(
  f: PrimFunc,
  block: number,
  place: number,
  o?: ComputeAtOptions,
): PrimFunc {
  if (place === ROOT_PLACE) return f;
  return place === INLINE_PLACE ? reverseComputeInline(f, block) : reverseComputeAt(f, block, place, o);
}
