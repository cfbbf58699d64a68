/**
 * Products on a GPU: blocks of threads, tiles of sums in each, steps of the reduction that are fetched together; all drawn,
 * as is whether an operand goes through the memory of the workgroup, and in vectors. With a long reduction and few results,
 * parts of it are products of their own, which are added at the end.
 */
import { constInt } from "../../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../../schedule/index.ts";
import { contractionOf, extentOf, product } from "../../default/shape.ts";
import { LANES } from "../../default-gpu/elementwise.ts";
import { type Choices, tileProduct } from "../../default-gpu/product.ts";
import { apart } from "../../default-gpu/sum.ts";
import { chance, type Draw, drawNumber } from "../draw.ts";
import { threadsDrawn } from "./threads.ts";

/** Threads and sums along a side that are drawn; decisions that change one of them later may leave the table. */
const THREADS = [1, 2, 4, 7, 8, 14, 16, 28, 32];
const SUMS = [1, 2, 3, 4, 5, 6, 7, 8];
const STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 32, 64];
/** Sums along a side that are worth most: few, and operands are loaded for little; many, and registers run out. */
const GOOD_SUMS = 5;
/** Steps of the reduction, for each result, from which on parts of it are worth adding up apart. */
const LONG = 4;

/** The tile of a workgroup, with fetches in its memory. */
export function gpuTiles(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  return tileProduct(sch, block, drawn(sch, d)) ? sch : undefined;
}

/** Partial sums over parts of the reduction as a product with one more axis, and their sum. */
export function gpuParts(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  const b = sch.get(block);
  const results = product(b.axes.filter((a) => a.type === "S").map(extentOf));
  const reduce = b.axes.filter((a) => a.type === "R");
  const longest = reduce.reduce((a, x) => (extentOf(x) > extentOf(a) ? x : a), reduce[0]);
  const n = extentOf(longest);
  if (!contractionOf(b) || n < 32 || n * LONG < Math.sqrt(results)) return undefined;
  const parts = [2, 4, 8, 16, 32].filter((p) => n % p === 0 && n / p >= 8);
  if (parts.length === 0) return undefined;
  const loop = sch.getLoops(block)[b.axes.indexOf(longest)];
  const [part] = sch.split(loop, [
    drawNumber(
      sch,
      parts.map((p) => [p, 1]),
    ),
    null,
  ]);
  const partial = sch.rfactor(part, 0);
  if (!tileProduct(sch, partial, drawn(sch, d))) return undefined;
  return apart(sch, block, threadsDrawn(sch)) ? sch : undefined;
}

const extentOfLoop = (sch: Schedule, l: LoopRV): number => constInt(sch.get(l).extent) ?? 1;

function drawn(sch: Schedule, d: Draw): Choices {
  const [x, y] = [chance(d, 0.75), chance(d, 0.75)];
  let lanes: ExprRV | undefined;
  return {
    side: (loop) => sideDrawn(sch, loop, d),
    steps: (loop, extent) => stepsDrawn(sch, loop, extent, d),
    shared: (operand) => (operand === "x" ? x : y),
    // One number for both operands.
    lanes: () => {
      lanes ??= drawNumber(sch, [
        [LANES, 3],
        [1, 1],
      ]);
      return sch.get(lanes) === 1 ? 1 : lanes;
    },
  };
}

/** A tile of the side: blocks, virtual threads, threads of each block, sums of each of those. */
function sideDrawn(sch: Schedule, loop: LoopRV, d: Draw): [ExprRV, ExprRV, ExprRV] {
  const n = extentOfLoop(sch, loop);
  const all = THREADS.flatMap((t) => SUMS.filter((s) => n % (t * s) === 0).map((s) => [t, s] as const));
  const weight = ([t, s]: readonly [number, number]): number =>
    (t === 1 ? 0.2 : t > 16 ? 0.5 : t >= 8 ? 2 : 1) / (1 + Math.abs(s - GOOD_SUMS));
  const [threads, sums] = all[d.random.weighted(all.map(weight))];
  // Sums of virtual threads lie apart, so that neighbouring threads use neighbouring elements.
  const apart = SUMS.filter((v) => sums % v === 0);
  const virtual = chance(d, 0.6) ? 1 : apart[d.random.int(apart.length)];
  const [, v, t, s] = sch.samplePerfectTile(loop, 4, Math.max(...SUMS), [
    n / (threads * sums),
    virtual,
    threads,
    sums / virtual,
  ]);
  return [t, s, v];
}

function stepsDrawn(sch: Schedule, loop: LoopRV, n: number, d: Draw): [ExprRV, ExprRV] {
  const all = STEPS.filter((k) => n % k === 0);
  const steps = all[d.random.weighted(all.map((k) => (k >= 8 ? 3 : k >= 4 ? 1 : 0.3)))];
  const few = [1, 2, 4].filter((u) => steps % u === 0);
  const written = few[d.random.weighted(few.map((u) => (u === 1 ? 3 : 1)))];
  const [, fetched, unrolled] = sch.samplePerfectTile(loop, 3, 4, [n / steps, steps / written, written]);
  return [fetched, unrolled];
}
