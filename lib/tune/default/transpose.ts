/**
 * Transposes: neighbours in what is written are far apart in what is read, whose neighbours are far apart in what is
 * written. Squares of four by four are turned in registers: read as four vectors, written as four (the code generator
 * makes shuffles of it). Squares that lie together in memory follow each other, so that lines of the cache are used up while
 * they are there.
 */
import { type Block, type BlockAxis, BYTES } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { contiguous } from "./elementwise.ts";
import { extentOf, loadsOf, storesOf, strideAlong } from "./shape.ts";

const LANES = 4;
/** Sizes in bytes of elements of which the code generator makes shuffles. */
const TURNED: ReadonlySet<number> = new Set([1, 4]);
/**
 * Squares that are turned one after another, along either axis: half a line of a cache is read and written in each of eight
 * rows. More rows of a power of two bytes are in each other's way in the first-level cache.
 */
const SQUARES = 2;

export function scheduleTranspose(sch: Schedule, block: BlockRV): Schedule {
  return attempt(sch, (s) => transpose(s, block));
}

function transpose(sch: Schedule, block: BlockRV): boolean {
  const b = sch.get(block);
  const axes = crossed(b);
  if (!axes) return false;
  const loops = sch.getLoops(block);
  const [across, along] = axes.map((a) => loops[b.axes.indexOf(a)]);
  const [y0, down, y] = sch.split(across, [null, SQUARES, LANES]);
  const [x0, right, x] = sch.split(along, [null, SQUARES, LANES]);
  sch.reorder(y0, x0, down, right, y, x);
  for (const l of [down, right, y]) sch.unroll(l);
  sch.vectorize(x);
  return true;
}

/** The axis along which a load is contiguous, and the one along which the stores are; undefined where that is one. */
function crossed(b: Block): [BlockAxis, BlockAxis] | undefined {
  const last = b.axes[b.axes.length - 1];
  if (!contiguous(b) || b.predicate || extentOf(last) < LANES) return undefined;
  for (const l of storesOf(b).flatMap((s) => loadsOf(s.value))) {
    if (l.indices.length === 0 || !TURNED.has(BYTES[l.buffer.dtype])) continue;
    const step = strideAlong(l, last.v);
    if (step === undefined || Math.abs(step) < LANES) continue;
    const across = b.axes.find((a) => a.type === "S" && extentOf(a) >= LANES && strideAlong(l, a.v) === 1);
    if (across) return [across, last];
  }
  return undefined;
}
