/** Heaps in tensor programs: positions of which one that comes before all others is on top, with loops of known lengths alone. */
import {
  type Buffer,
  buffer,
  constInt,
  type Expr,
  ifThen,
  load,
  ops,
  type Stmt,
  seq,
  store,
} from "../../ir/index.ts";
import type { Size } from "../shape.ts";
import { each, named } from "./prim.ts";

export interface HeapSpace {
  /** The positions, i32: the children of place p are at 2 · p + 1 and 2 · p + 2. */
  readonly items: Buffer;
  /** The place that a position has sunk to. */
  readonly place: Buffer;
  /** The most positions there may be. */
  readonly capacity: number;
}

export interface Heap extends HeapSpace {
  /** Whether position a is to be above b, strictly. */
  readonly above: (a: Expr, b: Expr) => Expr;
}

/** Space for so many positions: a number, or a size that is known later. */
export const heapSpace = (name: string, capacity: Size | number): HeapSpace => ({
  items: buffer(name, [capacity], "i32"),
  place: buffer(`${name}_place`, [1], "i32"),
  capacity: typeof capacity === "number" ? capacity : (constInt(capacity) ?? 2 ** 31 - 1),
});

/** What a block with a heap allocates. */
export const heapBuffers = ({ items, place }: HeapSpace): Buffer[] => [items, place];

export const topOf = ({ items }: HeapSpace): Expr => load(items, [ops.toExpr(0)]);

/** Puts `item` where `from` is and lets it sink, in a heap of the first `size` positions. */
export function sink(heap: Heap, from: Expr, item: Expr, size: Expr): Stmt {
  const { items, place, above } = heap;
  const at = (p: Expr): Expr => load(items, [p]);
  const to = (p: Expr): Stmt => store(place, [ops.toExpr(0)], p);
  const levels = Math.floor(Math.log2(Math.max(heap.capacity, 1)));
  return named("item", item, (moved) =>
    seq([
      store(items, [from], moved),
      to(from),
      each("level", levels, () =>
        named("here", load(place, [ops.toExpr(0)]), (here) =>
          named("left", ops.add(ops.mul(here, 2), 1), (left) =>
            ifThen(
              ops.lt(left, size),
              // Without a right child the left one is compared with itself.
              named("right", ops.min(ops.add(left, 1), ops.sub(size, 1)), (right) =>
                named("best", ops.select(above(at(right), at(left)), right, left), (best) =>
                  ifThen(
                    above(at(best), moved),
                    seq([store(items, [here], at(best)), store(items, [best], moved), to(best)]),
                    // Nothing is below that place: the levels that remain have no work.
                    to(size),
                  ),
                ),
              ),
            ),
          ),
        ),
      ),
    ]),
  );
}

/** Makes a heap of the first `size` positions as they stand. R. W. Floyd, "Algorithm 245: Treesort 3", 1964. */
export const heapify = (heap: Heap, size: Expr): Stmt =>
  named("half", ops.floordiv(size, 2), (half) =>
    each("p", half, (p) =>
      named("from", ops.sub(ops.sub(half, 1), p), (from) => sink(heap, from, load(heap.items, [from]), size)),
    ),
  );

/** Takes the top away from a heap of `size` positions, the last taking its place. Read the top before. */
export const pop = (heap: Heap, size: Expr): Stmt =>
  named("last", ops.sub(size, 1), (last) => sink(heap, ops.toExpr(0), load(heap.items, [last]), last));
