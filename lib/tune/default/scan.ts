/**
 * Scans: each element is made from the one before it on its line. Where neighbours in memory are on different lines, whole
 * rows are made from rows, in vectors; where a line lies in one piece, a few lines are gone along at once, so that none
 * waits for its own last addition.
 */
import type { BlockAxis } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { divisor, evenParts, extentOf, storeOf, strideAlong } from "./shape.ts";

/** Elements of a row that are made at once. */
const WIDE = [16, 24, 28, 20, 8, 12];
const MOST_IN_ROW = 32;
/** Lines that are gone along at once. With more, rows of a power of two bytes are in each other's way in the cache. */
const LINES = [4, 6, 3, 5, 7, 2];

export function scheduleScan(sch: Schedule, block: BlockRV): Schedule {
  return attempt(sch, (s) => scan(s, block));
}

function scan(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const [ordered, ...more] = b.axes.filter((a) => a.type === "O");
  const lines = b.axes.filter((a) => a.type === "S" && extentOf(a) > 1);
  const inner = lines.at(-1);
  if (!store || !ordered || more.length > 0 || !inner) return false;
  const loops = sch.getLoops(block);
  const along = loops[b.axes.indexOf(ordered)];
  if (strideAlong(store, inner.v) !== 1) {
    const at = loops[b.axes.indexOf(inner)];
    const [, few] = sch.split(at, [null, divisor(extentOf(inner), LINES) ?? LINES[0]]);
    sch.reorder(along, few);
    sch.unroll(few);
    return true;
  }
  const n = extentOf(inner);
  if (n < 4) return false;
  const step = (a: BlockAxis): number => Math.abs(strideAlong(store, a.v) ?? 0);
  const rows = lines
    .filter((a) => a !== inner && step(a) < step(ordered))
    .map((a) => loops[b.axes.indexOf(a)]);
  const [x0, x1] = sch.split(loops[b.axes.indexOf(inner)], [null, widthOf(n)]);
  sch.reorder(along, ...rows, x0, x1);
  sch.vectorize(x1);
  return true;
}

const widthOf = (n: number): number =>
  n <= MOST_IN_ROW ? n : (divisor(n, WIDE) ?? evenParts(n, MOST_IN_ROW) ?? WIDE[0]);
