/**
 * Products: matrix products, convolutions, and everything else that sums products over axes of two operands.
 *
 * One operand (Y) holds the axes along which the result lies contiguously. A panel of it, all reduce steps by `nr`
 * neighbouring columns, is copied so that it lies in one piece; tiles of `mr` rows by `nr` columns of the result stay in
 * registers while the reduction runs; what consumes the result element by element does so tile by tile. A convolution
 * becomes a product when its input is laid out by the axes of the block (`reindex`), panel by panel.
 */
import { regionsOf } from "../../arith/index.ts";
import { LAYOUT_PREPROC } from "../../graph/layout-attrs.ts";
import { type Block, type BlockAxis, constInt, isFloat } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { epilogueOf } from "./inline.ts";
import type { Setting } from "./setting.ts";
import { type Contraction, contractionOf, divisor, extentOf, moves, product, strideAlong } from "./shape.ts";
import { type Tile, tileFor } from "./tile.ts";

/** Rows of a tile that is read in place. */
const ROWS = 4;
/** Bytes of the rows' operand that should stay in the second-level cache. */
const L2_BYTES = 256 * 1024;
/** Weights of a window of more bytes are gone through in chunks of the reduction, of so many bytes each. */
const WINDOW_ROWS_BYTES = 400 * 1024;
const CHUNK_BYTES = 128 * 1024;
/** Steps of a chunk that are worth bringing the sums for. */
const MIN_CHUNK = 64;
/** Bytes of the first-level cache. */
const L1_BYTES = 32 * 1024;
/** From so few rows on a panel is not used often enough to be copied. */
const PACK_ROWS = 8;
/** At so few rows a ragged last tile costs more than padding. */
const PAD_ROWS = 128;

/** Copies of one iteration that are written out. */
const MAX_WRITTEN = 160;
/** Tiles of rows below which a panel is not used often enough to be copied once for each block of rows. */
const WORTH_BLOCKING = 8;

export interface Roles {
  readonly batch: readonly BlockAxis[];
  readonly rows: readonly BlockAxis[];
  readonly columns: readonly BlockAxis[];
  readonly reduce: readonly BlockAxis[];
  /** Which load is Y: its number among the loads of the block's reads. */
  readonly y: Contraction["x"];
  readonly x: Contraction["x"];
}

/** Who is who; undefined when the result's last axis belongs to both operands or to none. */
export function rolesOf(b: Block, c: Contraction): Roles | undefined {
  const spatial = b.axes.filter((a) => a.type === "S");
  const last = [...spatial].reverse().find((a) => extentOf(a) > 1);
  if (!last) return undefined;
  const [inX, inY] = [moves(c.x, last.v), moves(c.y, last.v)];
  if (inX === inY) return undefined;
  const [x, y] = inY ? [c.x, c.y] : [c.y, c.x];
  const reduce = b.axes.filter((a) => a.type === "R");
  if (!reduce.every((a) => moves(x, a.v) && moves(y, a.v))) return undefined;
  const big = spatial.filter((a) => extentOf(a) > 1);
  const isRow = (a: BlockAxis): boolean => moves(x, a.v) && !moves(y, a.v);
  const isColumn = (a: BlockAxis): boolean => !moves(x, a.v) && moves(y, a.v);
  // Columns are those at the end of the result, which lie in one piece; other axes of Y are gone through like a batch.
  const firstColumn = big.length - [...big].reverse().findIndex((a) => !isColumn(a));
  const columns = big.every(isColumn) ? big : big.slice(firstColumn);
  const rows = big.filter(isRow);
  const batch = big.filter((a) => !rows.includes(a) && !columns.includes(a));
  return { batch, rows, columns, reduce, x, y };
}

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
  const { mr, nr } = tileFor(lastRow ? extentOf(lastRow) : 1, n, own);

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

  const chunk = chunkOfReduce(m, k, extentOf(roles.reduce[0]));
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

/**
 * All panels are laid out before the product, one after another. Of a constant that is a nest of its own kind: the
 * pipeline runs it once, when the model is loaded.
 */
export function packWhole(sch: Schedule, source: BlockRV, roles: Roles, nr: number, once: boolean): void {
  const names = sch.get(source).axes.map((_, i) => `a${i}`);
  const rest = names.slice(0, -1);
  const column = names[names.length - 1];
  const batch = rest.slice(0, rest.length - roles.reduce.length);
  const reduce = rest.slice(batch.length);
  const to = [...batch, `T.floordiv(${column}, ${nr})`, ...reduce, `T.floormod(${column}, ${nr})`];
  sch.transformLayout(source, ["write", 0], `(${names.join(", ")}) => [${to.join(", ")}]`);
  if (once) sch.annotate(source, LAYOUT_PREPROC, true);
  const loops = sch.getLoops(source);
  sch.split(loops[loops.length - 1], [null, nr]);
  copyInner(sch, source, batch.length, once ? 1 : runOf(roles));
}

/** n, n - 1, … 1. */
const range = (n: number): number[] => Array.from({ length: Math.max(n, 0) }, (_, i) => n - i);

/** The copy of Y: batch, then the reduce axes, then the columns as one axis. */
export function layOut(sch: Schedule, panel: BlockRV, roles: Roles): void {
  const { axes } = sch.get(panel);
  const names = axes.map((_, i) => `a${i}`);
  const columns = new Set(roles.columns.map((a) => a.v.name));
  const is = axes.map((a) => columns.has(a.v.name));
  const flat = flatText(names, axes.map(extentOf), is);
  const rest = names.filter((_, i) => !is[i]);
  const map = `(${names.join(", ")}) => [${[...rest, flat].join(", ")}]`;
  sch.transformLayout(panel, ["write", 0], map);
  sch.transformBlockLayout(panel, map);
}

/** The row-major position of those names that are marked: `(a0) * 8 + a1`. */
function flatText(names: readonly string[], sizes: readonly number[], marked: readonly boolean[]): string {
  let text = "";
  names.forEach((n, i) => {
    if (marked[i]) text = text === "" ? n : `(${text}) * ${sizes[i]} + ${n}`;
  });
  return text;
}

export type Kind = "batch" | "row" | "column" | "reduce" | "unit";

/** Makes the columns one axis of the block, its result and its consumer; what the axes of the block are then. */
export function fuseColumns(
  sch: Schedule,
  block: BlockRV,
  epilogue: BlockRV,
  axes: readonly BlockAxis[],
  roles: Roles,
): readonly Kind[] {
  const among = (list: readonly BlockAxis[], a: BlockAxis): boolean => list.some((x) => x.v.id === a.v.id);
  const kinds = axes.map((a): Kind => {
    if (a.type === "R") return "reduce";
    if (among(roles.rows, a)) return "row";
    if (among(roles.columns, a)) return "column";
    return among(roles.batch, a) ? "batch" : "unit";
  });
  const first = kinds.indexOf("column");
  if (roles.columns.length === 1) return kinds;
  const map = (list: readonly BlockAxis[], marked: readonly boolean[]): string => {
    const names = list.map((_, i) => `a${i}`);
    const flat = flatText(names, list.map(extentOf), marked);
    const at = marked.indexOf(true);
    const out = names.flatMap((n, i) => (i === at ? [flat] : marked[i] ? [] : [n]));
    return `(${names.join(", ")}) => [${out.join(", ")}]`;
  };
  const spatial = axes.filter((a) => a.type === "S");
  const marked = spatial.map((a) => among(roles.columns, a));
  sch.transformBlockLayout(
    block,
    map(
      axes,
      kinds.map((kind) => kind === "column"),
    ),
  );
  sch.transformLayout(block, ["write", 0], map(spatial, marked));
  sch.transformBlockLayout(epilogue, map(spatial, marked));
  return kinds.filter((kind, i) => kind !== "column" || i === first);
}

/** Pads the block to full tiles; the copies of Y and of the result that this makes become the panel and the consumer. */
export function padded(
  sch: Schedule,
  block: BlockRV,
  panel: BlockRV,
  epilogue: BlockRV,
  padding: readonly number[],
): { source: BlockRV; epilogue: BlockRV } {
  sch.padEinsum(block, padding);
  const [crop] = sch.getConsumers(block);
  if (crop.id !== epilogue.id) sch.computeInline(crop);
  // Where only rows are padded the panel is used as it is.
  const source = sch.getConsumers(panel)[0];
  if (source.id === block.id) return { source: panel, epilogue };
  sch.computeInline(panel);
  return { source, epilogue };
}

/** The reduce loops, neighbours by now, as one: panels hold their steps one after another. */
export const oneLoop = (sch: Schedule, loops: readonly LoopRV[]): readonly LoopRV[] =>
  loops.length > 1 ? [sch.fuse(...loops)] : loops;

interface Tiled {
  readonly block: BlockRV;
  readonly panel?: BlockRV;
  /** Of the panel's source: see `runOf`. */
  readonly run?: number;
  readonly epilogue: BlockRV;
  readonly panelAt: LoopRV;
  readonly tileAt: LoopRV;
  readonly reduce: readonly LoopRV[];
  readonly r1?: LoopRV;
  readonly j1: LoopRV;
}

/** Elements in a row of Y that neighbouring columns go through at one short stride; 1 where they do not. */
export function runOf(roles: Roles): number {
  const last = roles.columns[roles.columns.length - 1];
  const stride = strideAlong(roles.y, last.v);
  return stride !== undefined && stride >= 1 && stride <= 4 ? extentOf(last) : 1;
}

/**
 * The loops of a copy inside `outer`: columns in vectors as far as they lie in one row of Y, and written out; so are the
 * steps of a window, which lie at constant distances.
 */
export function copyInner(sch: Schedule, copy: BlockRV, outer: number, run: number): void {
  const loops = sch.getLoops(copy).slice(outer);
  const inner = loops[loops.length - 1];
  const nr = constInt(sch.get(inner).extent) ?? 1;
  const { body } = sch.get(copy);
  const plain = body.kind === "store" && body.value.kind === "load";
  let written = nr;
  if (plain && run % nr === 0) {
    sch.vectorize(inner);
    written = nr / 4;
  } else if (plain && run % 4 === 0) {
    const [groups, lanes] = sch.split(inner, [null, 4]);
    sch.unroll(groups);
    sch.vectorize(lanes);
    written = nr / 4;
  } else sch.unroll(inner);
  for (const l of loops.slice(1, -1).reverse()) {
    written *= constInt(sch.get(l).extent) ?? Number.POSITIVE_INFINITY;
    if (written > MAX_WRITTEN) break;
    sch.unroll(l);
  }
}

function finish(sch: Schedule, t: Tiled): void {
  if (t.r1) sch.unroll(t.r1);
  sch.vectorize(t.j1);
  if (t.panel) {
    sch.computeAt(t.panel, t.panelAt);
    const outer = sch.getLoops(t.panel).findIndex((l) => l.id === t.panelAt.id) + 1;
    copyInner(sch, t.panel, outer, t.run ?? 1);
  }
  sch.reverseComputeAt(t.epilogue, t.tileAt);
  const e = sch.getLoops(t.epilogue);
  const own = e.slice(e.findIndex((l) => l.id === t.tileAt.id) + 1);
  sch.vectorize(own[own.length - 1]);
  if (own.length > 1 && t.r1) sch.unroll(own[own.length - 2]);
  sch.decomposeReduction(t.block, t.reduce[0]);
}

/** Few rows: Y is read where it lies, along columns that lie contiguously. */
function inPlace(sch: Schedule, block: BlockRV): boolean {
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

interface Chunked extends Omit<Tiled, "tileAt" | "reduce"> {
  /** The loop over the chunks. */
  readonly k0: LoopRV;
}

/**
 * Some steps of the reduction at a time, so that what they read of the operands stays in the cache while tile after tile
 * uses it. Sums go through memory between chunks; the consumer follows as a whole.
 */
function inChunks(sch: Schedule, t: Chunked): void {
  if (t.r1) sch.unroll(t.r1);
  sch.vectorize(t.j1);
  if (t.panel) {
    sch.computeAt(t.panel, t.panelAt);
    const outer = sch.getLoops(t.panel).findIndex((l) => l.id === t.panelAt.id) + 1;
    copyInner(sch, t.panel, outer, t.run ?? 1);
  }
  const init = sch.decomposeReduction(t.block, t.k0);
  for (const rv of [init, t.epilogue]) vectorizeLast(sch, rv);
}

/** The last loop of a block in pieces of vectors. */
function vectorizeLast(sch: Schedule, rv: BlockRV): void {
  const loops = sch.getLoops(rv);
  const last = loops[loops.length - 1];
  const extent = constInt(sch.get(last).extent) ?? 0;
  if (sch.get(last).loopKind !== "serial" || extent < 4) return;
  const [, inner] = sch.split(last, [null, divisor(extent, [16, 8, 4]) ?? 4]);
  sch.vectorize(inner);
}
