/** Reductions whose results lie side by side (windows, column sums): a drawn number of results in registers. */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { epilogueOf } from "../default/inline.ts";
import { extentOf, loadsOf, storeOf, strideAlong } from "../default/shape.ts";
import { chance, type Draw, drawNumber } from "./draw.ts";
import { spread } from "./spread.ts";

const WIDTHS = [4, 8, 16, 32];
/** Elements that lie apart are loaded one by one, a few results at a time. */
const NARROW = [2, 4, 6, 8];
const UNROLL = 32;

export function windows(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  const b = sch.get(block);
  const store = storeOf(b);
  const last = b.axes.filter((a) => a.type === "S" && extentOf(a) > 1).at(-1);
  if (!store || !last || !(extentOf(last) >= 4) || strideAlong(store, last.v) !== 1) return undefined;
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id);
  const vectors = loads.some((l) => strideAlong(l, last.v) === 1);
  if (!vectors && !loads.some((l) => (strideAlong(l, last.v) ?? 0) > 1)) return undefined;
  const epilogue = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");
  const n = extentOf(last);
  const widths = (vectors ? WIDTHS : NARROW).filter((w) => w <= n);
  const width = drawNumber(
    sch,
    widths.map((w) => [w, n % w === 0 ? 4 : 1]),
  );
  const loops = sch.getLoops(block);
  const [x0, x1] = sch.split(loops[b.axes.indexOf(last)], [null, width]);
  const others = loops.filter((_, i) => b.axes[i] !== last && b.axes[i].type === "S");
  const reduce = loops.filter((_, i) => b.axes[i].type === "R");
  // Rows whose windows overlap may share what they load.
  const row = others[others.length - 1];
  const rows =
    vectors && row && chance(d, 0.3)
      ? drawNumber(sch, [
          [2, 2],
          [3, 1],
          [4, 1],
        ])
      : undefined;
  const [y0, y1] = rows ? sch.split(row, [null, rows]) : [];
  const outer: LoopRV[] = [...others.slice(0, y0 ? -1 : undefined), ...(y0 ? [y0] : []), x0];
  sch.reorder(...outer, ...reduce, ...(y1 ? [y1] : []), x1);
  if (y1) sch.unroll(y1);
  if (vectors) sch.vectorize(x1);
  else sch.unroll(x1);
  unrollInner(sch, reduce, d);
  sch.reverseComputeAt(epilogue, x0);
  const own = sch.getLoops(epilogue);
  sch.vectorize(own[own.length - 1]);
  spread(sch, block, d);
  sch.decomposeReduction(block, reduce[0]);
  return sch;
}

/** Some of the innermost reduce loops are written out. */
function unrollInner(sch: Schedule, reduce: readonly LoopRV[], d: Draw): void {
  let steps = 1;
  for (const r of [...reduce].reverse()) {
    steps *= constInt(sch.get(r).extent) ?? Number.POSITIVE_INFINITY;
    if (steps > UNROLL || r === reduce[0] || chance(d, 0.25)) return;
    sch.unroll(r);
  }
}
