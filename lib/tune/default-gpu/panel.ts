/** The operand of a product laid out for it in device memory, as a nest of its own. */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { LANES, spread, THREADS } from "./elementwise.ts";

/** Fewer threads than these are not worth a workgroup. */
const FEW = 8;

/**
 * Binds a copy whose last axis are the columns: a workgroup has a row of them, so that what picks the row is the same for
 * all its threads, and each thread a few vectors. Rows that do not come out even are spread as one walk.
 */
export function schedulePanel(s: Schedule, panel: BlockRV): void {
  const loops = s.getLoops(panel);
  const columns = loops[loops.length - 1];
  const n = constInt(s.get(columns).extent) ?? 1;
  const lanes = n % LANES === 0 ? LANES : 1;
  let threads = Math.min(THREADS, n / lanes);
  while ((n / lanes) % threads !== 0) threads--;
  const rows = loops.slice(0, -1);
  if (threads < FEW || rows.length === 0) {
    spread(s, s.fuse(...loops), lanes);
    return;
  }
  const row = rows.length > 1 ? s.fuse(...rows) : rows[0];
  const [, mine, vector] = s.split(columns, lanes === 1 ? [null, threads] : [null, threads, lanes]);
  s.bind(row, "blockIdx.x");
  s.bind(mine, "threadIdx.x");
  if (vector) s.vectorize(vector);
}
