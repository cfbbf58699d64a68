/**
 * Windows: pooling, depthwise convolutions, and other reductions over few elements around each place.
 *
 * A tile of rows by neighbouring results stays in registers while the window is gone through; elements that advance by
 * a short stride are loaded as whole vectors and shuffled (lib/codegen/wasm). Rows of a tile share the elements that
 * their windows have in common. Padding is made plane by plane, so that it is read while it is in the first-level cache.
 */
import { type BlockAxis, constInt, type Load } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { decomposedPadding } from "./elementwise.ts";
import { epilogueOf } from "./inline.ts";
import { divisor, evenParts, extentOf, loadsOf, moves, product, storeOf, strideAlong } from "./shape.ts";

/** Places in a window beyond which it is a reduction like any other. */
const MAX_WINDOW = 64;
/** Sums in registers: vectors of four. */
const REGISTERS = 8;
/** Results in a row that are taken at once, whatever their number. */
const WHOLE_ROW = 16;
/** And the most that are. */
const MOST_IN_ROW = 32;
/** Updates of one tile that are written out. */
const MAX_WRITTEN = 96;
/** Rows of a tile, most first. */
const ROWS = [4, 2, 3];

export function scheduleWindow(sch: Schedule, block: BlockRV): Schedule {
  return attempt(sch, (s) => windows(s, block));
}

/**
 * How many results side by side. All of a short row; else few where a tile can have rows that share what they read, also
 * when the last tile of a row has a vector less; else a divisor, so that all tiles are equally wide.
 */
function widthOf(n: number, rowsShare: boolean): number {
  if (n <= WHOLE_ROW) return n;
  const whole = divisor(n, [8, 16, 12]);
  if (whole !== undefined || (rowsShare && n % 4 === 0)) return whole ?? 8;
  return evenParts(n, MOST_IN_ROW) ?? (n <= MOST_IN_ROW ? n : 16);
}

function windows(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const store = storeOf(b);
  const spatial = b.axes.filter((a) => a.type === "S" && extentOf(a) > 1);
  const last = spatial.at(-1);
  const reduced = b.axes.filter((a) => a.type === "R");
  const window = product(reduced.map(extentOf));
  if (!store || !last || extentOf(last) < 2 || !(window <= MAX_WINDOW)) return false;
  const loads = loadsOf(store.value).filter((l) => l.buffer.id !== store.buffer.id && l.indices.length > 0);
  if (strideAlong(store, last.v) !== 1 || !walks(loads, last)) return false;
  // Where one element is for many results, as in a product, tiles of rows by columns are better.
  const data = loads.find((l) => moves(l, last.v));
  if (!data || !spatial.every((a) => moves(data, a.v))) return false;
  const loops = sch.getLoops(block);
  const loopOf = (a: BlockAxis): LoopRV => loops[b.axes.indexOf(a)];
  const above = spatial.at(-2);
  const rowsShare =
    above !== undefined &&
    divisor(extentOf(above), ROWS) !== undefined &&
    reduced.some((a) => extentOf(a) * (strideAlong(data, a.v) ?? 0) > (strideAlong(data, above.v) ?? 0));
  const width = widthOf(extentOf(last), rowsShare);
  const registers = Math.ceil(width / 4);
  const rows = above
    ? (divisor(
        extentOf(above),
        ROWS.filter((r) => r * registers <= REGISTERS),
      ) ?? 1)
    : 1;
  const pad = paddingOf(sch, block);
  const epilogue = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");

  const outer = spatial.filter((a) => a !== last && a !== above).map(loopOf);
  const [x0, x1] = sch.split(loopOf(last), [null, width]);
  const [y0, y1] = above ? sch.split(loopOf(above), [null, rows]) : [undefined, undefined];
  const reduce = reduced.filter((a) => extentOf(a) > 1).map(loopOf);
  sch.reorder(...outer, ...(y0 ? [y0] : []), x0, ...reduce, ...(y1 ? [y1] : []), x1);
  sch.vectorize(x1);
  if (y1) sch.unroll(y1);
  let written = rows * registers;
  for (const r of [...reduce].reverse()) {
    written *= constInt(sch.get(r).extent) ?? Number.POSITIVE_INFINITY;
    if (written > MAX_WRITTEN) break;
    sch.unroll(r);
  }
  sch.reverseComputeAt(epilogue, x0);
  const own = sch.getLoops(epilogue);
  const inside = own.slice(own.findIndex((l) => l.id === x0.id) + 1);
  sch.vectorize(inside[inside.length - 1]);
  if (y1 && inside.length > 1) sch.unroll(inside[inside.length - 2]);
  if (reduce.length > 0) sch.decomposeReduction(block, reduce[0]);
  if (pad && outer.length > 0) {
    const plane = outer[outer.length - 1];
    sch.computeAt(pad, plane);
    decomposedPadding(sch, pad, sch.getLoops(pad).findIndex((l) => l.id === plane.id) + 1);
  }
  return true;
}

/** Whether loads advance by short strides along the axis. */
function walks(loads: readonly Load[], axis: BlockAxis): boolean {
  const strides = loads.map((l) => strideAlong(l, axis.v));
  return strides.every((s) => s !== undefined && s >= -1 && s <= 4);
}

/** The block that pads what this one reads, if it is for this one alone. */
function paddingOf(sch: Schedule, block: BlockRV): BlockRV | undefined {
  return sch
    .getProducers(block)
    .find((p) => storeOf(sch.get(p))?.value.kind === "select" && sch.getConsumers(p).length === 1);
}
