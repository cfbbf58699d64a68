/** Threads: the outermost loop of each nest whose iterations may run side by side is spread over them. */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";

/** Iterations of all loops of a nest below which waking threads costs more than they save. */
const WORTH = 1 << 14;

export function parallelize(given: Schedule, blocks: readonly BlockRV[]): Schedule {
  let sch = given;
  const done = new Set<number>();
  for (const rv of blocks) {
    const loops = sch.getLoops(rv);
    const extents = loops.map((l) => constInt(sch.get(l).extent) ?? 1);
    if (loops.length === 0 || done.has(loops[0].id)) continue;
    done.add(loops[0].id);
    if (extents.reduce((a, b) => a * b, 1) < WORTH) continue;
    for (const [i, l] of loops.entries()) {
      if (extents[i] < 2) continue;
      if (sch.get(l).loopKind !== "serial") break;
      const before = sch;
      sch = attempt(sch, (s) => s.parallel(l));
      if (sch !== before) break;
    }
  }
  return sch;
}
