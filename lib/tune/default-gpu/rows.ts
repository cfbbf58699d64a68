/**
 * Programs of several blocks over the same rows: softmax, the norms, attention's weights. A workgroup has a row; what is
 * computed of it stays in its memory, and sums over it are shared among its threads.
 */
import { BYTES } from "../../ir/index.ts";
import type { BlockRV, ExprRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { extentOf, isStatic, product, storeOf } from "../default/shape.ts";
import { THREADS } from "./elementwise.ts";
import { partialSums, type Sharing, shareParts } from "./sum.ts";

/** Bytes of a row and its sums that every adapter has in the memory of a workgroup (16 KiB). */
const ROW_BYTES = 15 * 1024;

/** Threads of a row: for a walk along it, and for sums of so many elements. */
export interface RowThreads {
  readonly walk: number | ExprRV;
  readonly sum?: Sharing;
}

/** The schedule of a whole program; the one given when it is no chain over rows. */
export function scheduleRows(sch: Schedule, func: string): Schedule {
  return attempt(sch, (s) => chain(s, func));
}

/** Does that in the schedule given; false where it is no chain over rows. */
export function chain(s: Schedule, func: string, threads: RowThreads = { walk: THREADS }): boolean {
  const blocks = s.getChildBlocks(s.getBlock("root", func));
  const last = blocks.at(-1);
  if (!last || blocks.length < 3 || !blocks.every((b) => isStatic(s.get(b)) && storeOf(s.get(b))))
    return false;
  // Whoever has begun with one of the blocks has begun something else.
  const isOpen = (b: BlockRV): boolean => {
    const loops = s.getLoops(b);
    return loops.length === s.get(b).axes.length && loops.every((l) => s.get(l).loopKind === "serial");
  };
  if (!blocks.every(isOpen)) return false;
  if (s.getOutputBlocks(s.getBlock("root", func)).length !== 1) return false;
  const out = s.get(last);
  const sums = blocks.filter((b) => s.get(b).axes.some((a) => a.type === "R"));
  if (sums.length === 0 || out.axes.some((a) => a.type === "R")) return false;
  // Rows: the leading axes, as many as the sums have whose extents are those of the result's.
  const rows = Math.min(
    ...sums.map((b) => s.get(b).axes.filter((a) => a.type === "S" && extentOf(a) > 1).length),
  );
  const lead = (b: BlockRV): number[] =>
    s
      .get(b)
      .axes.filter((a) => a.type === "S")
      .map(extentOf);
  const sizes = lead(last).slice(0, rows);
  const bytes = blocks
    .slice(0, -1)
    .reduce((n, b) => n + product(lead(b).slice(rows)) * BYTES[storeOf(s.get(b))?.buffer.dtype ?? "f32"], 0);
  const same = blocks.every((b) => lead(b).slice(0, rows).join() === sizes.join());
  if (
    rows === 0 ||
    !same ||
    bytes + sums.length * (typeof threads.walk === "number" ? threads.walk : s.get(threads.walk)) * 4 >
      ROW_BYTES
  )
    return false;
  if (product(lead(last).slice(rows)) < 8) return false;

  const loops = s.getLoops(last);
  const row = rows > 1 ? s.fuse(...loops.slice(0, rows)) : loops[0];
  s.bind(row, "blockIdx.x");
  share(s, last, 1, threads.walk);
  for (const b of blocks.slice(0, -1).reverse()) {
    const { axes } = s.get(b);
    const reduce = s.getLoops(b).filter((_, i) => axes[i].type === "R");
    const alone = axes.every((a, i) => a.type === "R" || i < rows || extentOf(a) === 1);
    let part: BlockRV | undefined;
    if (reduce.length > 0 && alone)
      part = partialSums(s, reduce.length > 1 ? s.fuse(...reduce) : reduce[0], threads.sum);
    s.computeAt(b, row);
    s.setScope(b, 0, "shared");
    if (reduce.length === 0) share(s, b, 1, threads.walk);
    if (!part) continue;
    s.computeAt(part, row);
    shareParts(s, part, 1);
  }
  return true;
}

/** The loops of a block from `depth` on, among the threads. */
function share(s: Schedule, block: BlockRV, depth: number, threads: number | ExprRV): void {
  const own = s.getLoops(block).slice(depth);
  if (own.length === 0) return;
  const fused = own.length > 1 ? s.fuse(...own) : own[0];
  const [, mine] = s.split(fused, [null, threads]);
  s.bind(mine, "threadIdx.x");
}
