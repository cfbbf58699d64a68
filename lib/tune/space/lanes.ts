/** Reductions along memory: `rfactor` forms partial results in a drawn number of lanes, which are added at the end. */
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { extentOf, loadsOf, product, storeOf, strideAlong } from "../default/shape.ts";
import { type Draw, drawNumber } from "./draw.ts";
import { spread } from "./spread.ts";

const LANES = [4, 8, 16, 32];

export function lanes(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  const b = sch.get(block);
  const store = storeOf(b);
  const reduce = b.axes.filter((a) => a.type === "R");
  const last = reduce.filter((a) => extentOf(a) > 1).at(-1);
  if (!store || !last || !(extentOf(last) >= 8)) return undefined;
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id && l.indices.length > 0);
  if (loads.length === 0 || !loads.every((l) => [0, 1].includes(strideAlong(l, last.v) ?? -1)))
    return undefined;
  const n = extentOf(last);
  const width = drawNumber(
    sch,
    LANES.filter((w) => w <= n).map((w) => [w, n % w === 0 ? 4 : 1]),
  );
  const loops = sch.getLoops(block);
  const outer = loops.filter((_l, i) => b.axes[i].type === "S");
  const [, k1] = sch.split(loops[b.axes.indexOf(last)], [null, width]);
  const partial = sch.rfactor(k1, outer.length);
  if (outer.length > 0) sch.reverseComputeAt(block, sch.getLoops(partial)[outer.length - 1]);
  const inner = sch.getLoops(partial);
  sch.vectorize(inner[inner.length - 1]);
  spread(sch, partial, d);
  if (product(reduce.map(extentOf)) > sch.get(width)) sch.decomposeReduction(partial, inner[outer.length]);
  return sch;
}
