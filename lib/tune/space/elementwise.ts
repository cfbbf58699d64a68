/** Blocks without a reduction: a walk along memory in vectors of a drawn width, perhaps at a drawn place. */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { contiguous, scheduleElementwise, walksStraight } from "../default/elementwise.ts";
import { chance, type Draw, drawNumber } from "./draw.ts";
import { spread } from "./spread.ts";

const WIDTHS = [4, 8, 16, 32, 64];

export function elementwise(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  const consumers = sch.getConsumers(block);
  if (consumers.length > 0 && consumers.every((c) => isSerial(sch, c)) && chance(d, 0.3)) {
    sch.computeAt(block, sch.sampleComputeLocation(block));
    return sch;
  }
  // Padding is filled and copied over as without search, and what lies apart stays as it is: there is nothing to draw.
  const b = sch.get(block);
  if (!contiguous(b)) return scheduleElementwise(sch, block);
  const loops = sch.getLoops(block);
  const loop = walksStraight(b) && loops.length > 1 ? sch.fuse(...loops) : loops[loops.length - 1];
  const extent = constInt(sch.get(loop).extent) ?? 0;
  const widths = WIDTHS.filter((w) => w <= extent);
  if (widths.length === 0) return undefined;
  const width = drawNumber(
    sch,
    widths.map((w) => [w, extent % w === 0 ? 4 : 1]),
  );
  const [, inner] = sch.split(loop, [null, width]);
  sch.vectorize(inner);
  spread(sch, block, d);
  return sch;
}

const isSerial = (sch: Schedule, rv: BlockRV): boolean =>
  sch.getLoops(rv).every((l) => sch.get(l).loopKind === "serial");
