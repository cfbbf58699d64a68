/** Products of few rows: the columns' operand is read where it lies. */
import type { BlockAxis } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { epilogueOf } from "./inline.ts";
import { rolesOf } from "./roles.ts";
import { contractionOf, divisor, extentOf, product, range, strideAlong } from "./shape.ts";
import { finish, inChunks } from "./tile-loops.ts";

/** Rows of a tile that is read in place. */
const ROWS = 4;

/** Bytes of the first-level cache. */
const L1_BYTES = 32 * 1024;

/** Few rows: Y is read where it lies, along columns that lie contiguously. */
export function inPlace(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!roles || roles.columns.length === 0) return false;
  const last = roles.columns[roles.columns.length - 1];
  if (strideAlong(roles.y, last.v) !== 1 || extentOf(last) < 4) return false;
  const epilogue = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");
  const loops = sch.getLoops(block);
  const of = (list: readonly BlockAxis[]) =>
    list.map((a) => loops[b.axes.findIndex((x) => x.v.id === a.v.id)]);
  const [batch, rows, columns, reduce] = [roles.batch, roles.rows, roles.columns, roles.reduce].map(of);
  const m = product(roles.rows.map(extentOf));
  const n = extentOf(last);
  // 8 vectors of sums, whatever the number of rows.
  const mr = Math.min(m, ROWS);
  const nr = divisor(n, mr === 1 ? [32, 16, 8, 4] : mr === 2 ? [16, 8, 4] : [8, 4]) ?? (n > 64 ? 16 : 4);
  const [j0, j1] = sch.split(columns[columns.length - 1], [null, nr]);
  const k = product(roles.reduce.map(extentOf));
  if (columns.length === 1 && reduce.length === 1 && n > 2 * nr && k * n * 4 > L1_BYTES * 4) {
    const steps = Math.max(1, Math.floor(L1_BYTES / 2 / (n * 4)));
    const chunk = range(steps).find((c) => k % c === 0) ?? 1;
    if (chunk < 8) return false;
    const [k0, k1] = sch.split(reduce[0], [null, chunk]);
    const [r0, r1] = rows.length > 0 ? sch.split(rows[rows.length - 1], [null, mr]) : [];
    sch.reorder(...batch, k0, j0, ...rows.slice(0, -1), ...(r0 ? [r0] : []), k1, ...(r1 ? [r1] : []), j1);
    inChunks(sch, { block, epilogue, panelAt: j0, j1, k0, ...(r1 ? { r1 } : {}) });
    return true;
  }
  if (rows.length === 0) {
    sch.reorder(...batch, ...columns.slice(0, -1), j0, ...reduce, j1);
    finish(sch, { block, epilogue, panelAt: j0, tileAt: j0, reduce, j1 });
    return true;
  }
  const [r0, r1] = sch.split(rows[rows.length - 1], [null, mr]);
  sch.reorder(...batch, ...columns.slice(0, -1), j0, ...rows.slice(0, -1), r0, ...reduce, r1, j1);
  finish(sch, { block, epilogue, panelAt: j0, tileAt: r0, reduce, r1, j1 });
  return true;
}
