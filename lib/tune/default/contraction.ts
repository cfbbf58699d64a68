/**
 * Products: matrix products, convolutions, and everything else that sums products over axes of two operands.
 *
 * One operand (Y) holds the axes along which the result lies contiguously. A panel of it, all reduce steps by `nr`
 * neighbouring columns, is copied so that it lies in one piece; tiles of `mr` rows by `nr` columns of the result stay in
 * registers while the reduction runs; what consumes the result element by element does so tile by tile. A convolution
 * becomes a product when its input is laid out by the axes of the block (`reindex`), panel by panel.
 */
import { regionsOf } from "../../arith/index.ts";
import { BYTES, isFloat } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { inPlace } from "./in-place.ts";
import { epilogueOf } from "./inline.ts";
import { layOut, packRows, packWhole, padded, padOnce, runOf } from "./panel.ts";
import { fuseColumns, type Kind, rolesOf } from "./roles.ts";
import type { Setting } from "./setting.ts";
import { contractionOf, extentOf, product, range } from "./shape.ts";
import { type Tile, tileFor } from "./tile.ts";
import { finish, inChunks, oneLoop } from "./tile-loops.ts";

/** Bytes of the rows' operand that should stay in the second-level cache. */
const L2_BYTES = 256 * 1024;
/** Weights of a window of more bytes are gone through in chunks of the reduction, of so many bytes each. */
const WINDOW_ROWS_BYTES = 400 * 1024;
const CHUNK_BYTES = 128 * 1024;
/** Steps of a chunk that are worth bringing the sums for. */
const MIN_CHUNK = 64;
/** From so few rows on a panel is not used often enough to be copied. */
const PACK_ROWS = 8;
/** At so few rows a ragged last tile costs more than padding. */
const PAD_ROWS = 128;
/** Constant rows of more bytes come from memory, not from a cache. */
const STREAMED_BYTES = 1024 * 1024;
/** At so few columns an element of the rows is used so seldom that bringing it is what takes the time. */
const STREAMED_COLUMNS = 32;
/** Tiles of rows below which a panel is not used often enough to be copied once for each block of rows. */
const WORTH_BLOCKING = 8;

/** Schedules the product in `block`, unless it is none that this knows. */
export function scheduleContraction(sch: Schedule, block: BlockRV, setting: Setting): Schedule {
  const packed = attempt(sch, (s) => withPanel(s, block, setting));
  return packed !== sch ? packed : attempt(sch, (s) => inPlace(s, block));
}

/** Y is laid out by panels: what was said at the top. */
function withPanel(sch: Schedule, block: BlockRV, { constants, loads }: Setting): boolean {
  const b = sch.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!roles || roles.columns.length === 0) return false;
  const [m, n, k] = [roles.rows, roles.columns, roles.reduce].map((axes) => product(axes.map(extentOf)));
  const once = constants.has(roles.y.buffer.id);
  if ((m < PACK_ROWS && !once) || n < 4) return false;
  const lastRow = roles.rows[roles.rows.length - 1];
  // Whole numbers are not added by the instruction that multiplies: products need registers, and sums are there sooner.
  const own = isFloat(c.out.buffer.dtype) ? loads : "early";
  const rowsInAll = product(roles.batch.map(extentOf)) * m * k * BYTES[roles.x.buffer.dtype];
  const chunk = chunkOfReduce(m, k, extentOf(roles.reduce[0]));
  const streamed =
    constants.has(roles.x.buffer.id) &&
    chunk === undefined &&
    // Rows that no tile of several divides are not laid out.
    (lastRow ? extentOf(lastRow) : 1) % 2 === 0 &&
    n <= STREAMED_COLUMNS &&
    rowsInAll > STREAMED_BYTES;
  const { mr, nr } = tileFor(lastRow ? extentOf(lastRow) : 1, n, own, streamed);

  const made = epilogueOf(sch, block) ?? sch.cacheWrite(block, 0, "global");
  const panel = sch.reindex(block, [
    "read",
    regionsOf(b).reads.findIndex((r) => r.buffer.id === roles.y.buffer.id),
  ]);
  layOut(sch, panel, roles);
  const kinds = fuseColumns(sch, block, made, b.axes, roles);
  const padding = paddingOf(sch, block, kinds, { mr, nr });
  const { source, epilogue } = padding
    ? padded(sch, block, panel, made, padding)
    : { source: panel, epilogue: made };

  if (padding && constants.has(roles.x.buffer.id)) padOnce(sch, block, roles);
  else if (streamed && lastRow) packRows(sch, block, roles, lastRow, mr);
  const rowBlocks = roles.rows.length === 1 && chunk === undefined ? blocksOfRows(m, k, mr) : 1;
  const whole = once || rowBlocks > 1;
  if (whole) packWhole(sch, source, roles, nr, once);
  const loops = sch.getLoops(block);
  const of = (kind: Kind): LoopRV[] => loops.filter((_, i) => kinds[i] === kind);
  const [batch, rows, columns, reduce] = [of("batch"), of("row"), of("column"), of("reduce")];
  const [j0, j1] = sch.split(columns[0], [null, nr]);
  const tiled = { block, epilogue, panelAt: j0, j1, ...(whole ? {} : { panel: source, run: runOf(roles) }) };
  if (rows.length === 0) {
    sch.reorder(...batch, j0, ...reduce, j1);
    finish(sch, { ...tiled, reduce: oneLoop(sch, reduce), tileAt: j0 });
    return true;
  }
  const [r0, r1] = sch.split(rows[rows.length - 1], [null, mr]);
  const outer = rows.slice(0, -1);
  if (chunk !== undefined) {
    const [k0, k1] = sch.split(reduce[0], [null, chunk]);
    sch.reorder(...batch, k0, j0, ...outer, r0, k1, ...reduce.slice(1), r1, j1);
    oneLoop(sch, [k1, ...reduce.slice(1)]);
    inChunks(sch, { ...tiled, r1, k0 });
  } else if (rowBlocks > 1) {
    const [r00, r01] = sch.split(r0, [rowBlocks, null]);
    sch.reorder(...batch, r00, j0, r01, ...reduce, r1, j1);
    finish(sch, { ...tiled, reduce: oneLoop(sch, reduce), r1, tileAt: r01 });
  } else {
    sch.reorder(...batch, j0, ...outer, r0, ...reduce, r1, j1);
    finish(sch, { ...tiled, reduce: oneLoop(sch, reduce), r1, tileAt: r0 });
  }
  return true;
}

/**
 * Into how many blocks rows are divided, so that those of one block stay in the second-level cache while all panels go
 * past them: a number that divides the tiles, as an uneven split would leave gaps that region cover cannot see through.
 */
function blocksOfRows(m: number, k: number, mr: number): number {
  const tiles = Math.ceil(m / mr);
  const fitting = Math.floor(L2_BYTES / (k * 4 * mr));
  if (tiles <= fitting || fitting < WORTH_BLOCKING) return 1;
  const inBlock = range(fitting).find((t) => tiles % t === 0) ?? tiles;
  return inBlock < WORTH_BLOCKING ? 1 : tiles / inBlock;
}

/**
 * How many steps of the first reduce axis are taken at a time where each is a whole window and all rows together do not
 * stay in the second-level cache beside the panels: so many that they do. Undefined for all at once.
 */
function chunkOfReduce(m: number, k: number, steps: number): number | undefined {
  if (k === steps || m * k * 4 <= WINDOW_ROWS_BYTES) return undefined;
  const fitting = Math.floor((CHUNK_BYTES / (m * k * 4)) * steps);
  const chunk = range(Math.min(fitting, steps)).find((c) => steps % c === 0) ?? 1;
  return (chunk * k) / steps >= MIN_CHUNK && chunk < steps ? chunk : undefined;
}

/** What the axes of the block are padded to multiples of, or undefined when they are whole tiles, or too many to pad. */
function paddingOf(
  sch: Schedule,
  block: BlockRV,
  kinds: readonly Kind[],
  { mr, nr }: Tile,
): readonly number[] | undefined {
  const extents = sch.get(block).axes.map(extentOf);
  const lastRow = kinds.lastIndexOf("row");
  const padding = extents.map((n, i) => {
    if (kinds[i] === "column" && n % nr !== 0) return nr;
    return i === lastRow && n % mr !== 0 && n <= PAD_ROWS ? mr : 1;
  });
  return padding.some((p) => p > 1) ? padding : undefined;
}
